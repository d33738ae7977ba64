"""How far a long list is, told to whoever looks on: one line on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.cluster.gather import Tell

_PERIOD_S: Final = 0.1
_CLEAR: Final = "\r\x1b[K"


@contextmanager
def telling() -> Iterator[Tell]:
    """Who is to be told of progress; the line is gone afterwards."""
    if not sys.stderr.isatty():
        yield lambda _name, _done, _all: None
        return
    told_at = 0.0

    def say(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def tell(name: str, done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _PERIOD_S:
            told_at = time.monotonic()
            count = f" {done:,} of {total:,}" if total else ""
            say(f"{_CLEAR}reading {name}{count}")

    try:
        yield tell
    finally:
        say(_CLEAR)
