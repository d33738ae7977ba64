"""Nobody faster than his share, be he an address that asks or a namespace that is told of."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES: Final = 4096
"""So many names are remembered; of more, those that were silent longest are forgotten."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """At most *per_second* things of one name, after a burst of twice as many. Any thread may ask."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = float(per_second)
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """0.0 if *name* may ask now, which counts; else the seconds until it may. O(1)."""
        now = self._clock()
        with self._lock:
            bucket = self._buckets.pop(name, None) or _Bucket(2 * self._per_second, now)
            self._buckets[name] = bucket
            if len(self._buckets) > NAMES:
                self._buckets.popitem(last=False)
            earned = (now - bucket.at) * self._per_second
            bucket.tokens = min(2 * self._per_second, bucket.tokens + earned)
            bucket.at = now
            if bucket.tokens < 1.0:
                return (1.0 - bucket.tokens) / self._per_second
            bucket.tokens -= 1.0
            return 0.0
