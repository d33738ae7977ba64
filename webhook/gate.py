"""What is let in to be judged: nothing that could not be answered in time.

A review that waits in vain helps no one: the API server has given up, and whoever comes next waits
longer. It is told at once to come again (429), and the API server then does what its failurePolicy says.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from werkzeug.exceptions import TooManyRequests

from service.telemetry import count_shed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

T = TypeVar("T")

_FIRST_GUESS_S: Final = 0.01
_WEIGHT: Final = 0.2


@dataclass(slots=True)
class Work:
    """A piece of work that was let in; ``cpu_s`` is what it took of the processor, once it is done.

    ``expected_s`` is what its likes took.
    """

    expected_s: float
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
        work = Work(expected_s)
        try:
            yield work
        finally:
            took_s = time.monotonic() - started if work.cpu_s is None else work.cpu_s
            with self._lock:
                self._pending_s = max(0.0, self._pending_s - expected_s)
                self._expected_s[like] = expected_s + _WEIGHT * (took_s - expected_s)
                if self._pending_s < 1e-9:  # noqa: PLR2004 - what is left of rounding
                    self._pending_s = 0.0
