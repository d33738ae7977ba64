"""Points in time without a clock: RFC 3339 in UTC, as seconds since 1970."""

from __future__ import annotations

import re
from typing import Final

DAY_S: Final = 86_400

_FORM: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))"
)
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def parse_moment(text: str) -> int:
    """The second that an RFC 3339 *text* names, its fraction cut off; 0 is 1970-01-01T00:00:00Z.

    Raises: ValueError.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:64]!r} is no moment like 2026-12-24T00:00:00Z")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if not 1 <= month <= 12 or not 1 <= day <= _length(year, month):  # noqa: PLR2004 - a year
        raise ValueError(f"{text[:64]!r} names no day of the calendar")
    if hour > 23 or minute > 59 or second > 60:  # noqa: PLR2004 - a day, with leap seconds
        raise ValueError(f"{text[:64]!r} names no time of the day")
    offset_s = 0
    if found[7]:
        offset_s = (int(found[8]) * 60 + int(found[9])) * (60 if found[7] == "+" else -60)
    return (
        _days(year, month, day) * DAY_S + hour * 3600 + minute * 60 + min(second, 59)
    ) - offset_s


def moment_text(moment_s: int) -> str:
    """*moment_s* as RFC 3339 in UTC, in whole seconds."""
    days, rest = divmod(moment_s, DAY_S)
    year = 1970 + days // 366
    while _days(year + 1, 1, 1) <= days:
        year += 1
    month = 1
    left = days - _days(year, 1, 1)
    while left >= _length(year, month):
        left -= _length(year, month)
        month += 1
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{year:04d}-{month:02d}-{left + 1:02d}T{clock}Z"


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _length(year: int, month: int) -> int:
    return 29 if month == 2 and _is_leap(year) else _DAYS[month - 1]  # noqa: PLR2004 - February


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to that day."""
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400 - (1969 // 4 - 1969 // 100 + 1969 // 400)
    months = sum(_length(year, one) for one in range(1, month))
    return (year - 1970) * 365 + leaps + months + day - 1
