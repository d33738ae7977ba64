"""How fresh an answer is, in the headers of every answer that was given by a cluster's state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from flask import Response

REVISION: Final = "X-Nodeward-Revision"
AGE: Final = "X-Nodeward-Age"
"""Seconds."""


class Dated(Protocol):
    """A state with its revision, and the moment (monotonic clock) at which it was known to be true."""

    @property
    def revision(self) -> str:
        """Which state; "" while there is none."""
        ...

    @property
    def read_at(self) -> float:
        """When it was true."""
        ...


def headers(reading: Dated) -> list[tuple[str, str]]:
    """By which state an answer is given; nothing where there is none."""
    if not reading.revision:
        return []
    age_s = max(0.0, time.monotonic() - reading.read_at)
    return [(REVISION, reading.revision), (AGE, f"{age_s:.3f}")]


def tell_reading(response: Response, reading: Dated) -> None:
    """Say in *response* by which state it was given."""
    response.headers.update(headers(reading))
