"""An answer leaves before the API server stops waiting for it, whatever the judging is doing."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MARGIN_S: Final = 0.1
"""What is left of a review's time for its record and the way back; a tenth of short times."""

_SHARE: Final = 0.1


class LateError(Exception):
    """The work was not done in time; it goes on, and its result is nobody's."""


class Timely:
    """Does work in threads of its own, so that nobody has to wait for its end."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="judge")

    def result(self, work: Callable[[], T], deadline: float | None) -> T:
        """What *work* returns, by the *deadline* on the monotonic clock less a margin.

        Raises: LateError, and whatever *work* does.
        """
        if deadline is None:
            return work()
        left_s = deadline - time.monotonic()
        left_s -= min(MARGIN_S, _SHARE * left_s)
        if left_s <= 0:
            raise LateError
        future: Future[T] = self._pool.submit(copy_context().run, work)
        try:
            return future.result(left_s)
        except TimeoutError:
            if future.done():
                raise  # of the work itself
            future.cancel()
            raise LateError from None

    def close(self) -> None:
        """Begin nothing any more; what goes on is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
