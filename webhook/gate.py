"""Who is let in to be judged: nobody faster than his share, and nothing that could not be answered in time.

A review that waits in vain helps no one: the API server has given up, and whoever comes next waits
longer. It is told at once to come again (429), and the API server then does what its failurePolicy says.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from werkzeug.exceptions import TooManyRequests

from service.telemetry import count_shed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

T = TypeVar("T")

ADDRESSES: Final = 4096
"""So many callers are remembered; of more, those that were silent longest are forgotten."""

_FIRST_GUESS_S: Final = 0.01
_WEIGHT: Final = 0.2


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """At most *per_second* requests of one address, after a burst of twice as many. Any thread may ask."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = float(per_second)
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """0.0 if *address* may ask now, which counts; else the seconds until it may. O(1)."""
        now = self._clock()
        with self._lock:
            bucket = self._buckets.pop(address, None) or _Bucket(2 * self._per_second, now)
            self._buckets[address] = bucket
            if len(self._buckets) > ADDRESSES:
                self._buckets.popitem(last=False)
            earned = (now - bucket.at) * self._per_second
            bucket.tokens = min(2 * self._per_second, bucket.tokens + earned)
            bucket.at = now
            if bucket.tokens < 1.0:
                return (1.0 - bucket.tokens) / self._per_second
            bucket.tokens -= 1.0
            return 0.0

    def admit(self, address: str) -> None:
        """Return if *address* may ask now. Raises: TooManyRequests."""
        wait_s = self.wait_s(address)
        if wait_s:
            count_shed()
            raise TooManyRequests(
                "there are too many reviews from this address", retry_after=math.ceil(wait_s)
            )


@dataclass(slots=True)
class Work:
    """A piece of work that was let in; ``cpu_s`` is what it took of the processor, once it is done."""

    cpu_s: float | None = None

    def measured(self, do: Callable[[], T]) -> T:
        """What *do* returns, of which it is seen what it takes; to be called by the thread that does it."""
        began = time.thread_time()
        try:
            return do()
        finally:
            self.cpu_s = time.thread_time() - began


class Gate:
    """Lets in what can still be answered in time, by how long its likes took and what is under way.

    Work is taken to be done one piece after another: Python threads share one processor. So what counts is
    processor time: a denial that waits for word of the cluster holds up nobody, and work that is done
    beside other work takes no longer for it. Work that does not end in time counts by the clock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected_s: dict[Hashable, float] = {}
        self._pending_s = 0.0

    @contextmanager
    def passed(self, like: Hashable, left_s: float) -> Iterator[Work]:
        """A piece of work that takes as long as its likes did, and has *left_s* seconds.

        Raises: TooManyRequests if what is under way leaves no time for it.
        """
        with self._lock:
            expected_s = self._expected_s.get(like, _FIRST_GUESS_S)
            # Work that nobody competes with is always tried: else one slow piece would end it all.
            if self._pending_s and self._pending_s + expected_s > left_s:
                count_shed()
                raise TooManyRequests("more reviews are under way than can be answered in time")
            self._pending_s += expected_s
        started = time.monotonic()
        work = Work()
        try:
            yield work
        finally:
            took_s = time.monotonic() - started if work.cpu_s is None else work.cpu_s
            with self._lock:
                self._pending_s = max(0.0, self._pending_s - expected_s)
                self._expected_s[like] = expected_s + _WEIGHT * (took_s - expected_s)
                if self._pending_s < 1e-9:  # noqa: PLR2004 - what is left of rounding
                    self._pending_s = 0.0
