"""Go's notation of a span of time, in which the API server writes ``?timeout=``."""

from __future__ import annotations

import re
from typing import Final

_UNITS_S: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "\N{MICRO SIGN}s": 1e-6,
    "\N{GREEK SMALL LETTER MU}s": 1e-6,
    "ms": 1e-3,  # before "m": the first unit that fits is taken
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART: Final = re.compile(
    rf"([0-9]{{1,9}}(?:\.[0-9]{{0,9}})?|\.[0-9]{{1,9}})({'|'.join(_UNITS_S)})"
)
_LENGTH_LIMIT: Final = 64


def seconds(text: str) -> float | None:
    """The span in seconds ("1m30s" is 90.0), or None for what Go would not parse or is negative.

    Source: Go time.ParseDuration.
    """
    if text == "0":
        return 0.0
    parts = _PART.findall(text) if len(text) <= _LENGTH_LIMIT else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
