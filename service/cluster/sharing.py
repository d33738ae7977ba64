"""One read for all who need its answer: how often a server is asked does not grow with who waits."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a read gave that began at ``asked_at`` (monotonic clock)."""

    asked_at: float
    value: T


class Budget:
    """So many reads in any span of *span_s*, whoever makes them."""

    def __init__(self, reads: int, span_s: float) -> None:
        self._begun: deque[float] = deque([-span_s] * reads, maxlen=reads)
        self._span_s = span_s
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one may be made now; it then counts."""
        with self._lock:
            now = time.monotonic()
            if now - self._begun[0] < self._span_s:
                return False
            self._begun.append(now)
            return True


class SharedRead(Generic[T]):
    """A read that is made when somebody needs one newer than the last, as often as *budget* allows."""

    def __init__(self, read: Callable[[], T], budget: Budget) -> None:
        self._read = read
        self._budget = budget
        self._turn = threading.Lock()
        self._last: Answer[T] | None = None

    def known(self, moment: float) -> Answer[T] | None:
        """The answer of a read that began at *moment* or later, if there was one."""
        last = self._last
        return last if last is not None and last.asked_at >= moment else None

    def since(self, moment: float) -> Answer[T] | None:
        """The answer of a read that began at *moment* or later; made here and now, if it may be.

        None while another thread makes it, and before it may be made: then ask again later.

        Raises: what the read raises.
        """
        if (known := self.known(moment)) is not None:
            return known
        if not self._turn.acquire(blocking=False):
            return None
        try:
            if self._budget.take():
                asked_at = time.monotonic()
                self._last = Answer(asked_at, self._read())
        finally:
            self._turn.release()
        return self.known(moment)
