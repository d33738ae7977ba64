"""The form of a segment: a line a record, each with the CRC-32 of its bytes.

``crc32 as eight hex digits, a blank, the record as JSON without line breaks, a line feed``. A writer
that is killed leaves at most one unfinished line, at the end of its last segment; a line that does not
fit its checksum anywhere else was damaged afterwards, and is told, never passed over.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX: Final = ".journal"
_LINE: Final = re.compile(rb"([0-9a-f]{8}) (.+)\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record: its bytes, and the offset in its segment at which the next one starts."""

    record: bytes
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that is not what was written: where it starts, and where the next one does."""

    start: int
    end: int


def line(record: bytes) -> bytes:
    """*record*, which holds no line feed, as a line of a segment."""
    return b"%08x %b\n" % (zlib.crc32(record), record)


def scan(path: Path, start: int = 0) -> Iterator[Entry | Damage]:
    """The whole lines of a segment from the offset *start*; an unfinished last one is left out.

    Raises: OSError.
    """
    with path.open("rb") as segment:
        segment.seek(start)
        here = start
        for text in segment:
            if not text.endswith(b"\n"):
                return
            end = here + len(text)
            record = _record(text)
            yield Damage(here, end) if record is None else Entry(record, end)
            here = end


def _record(text: bytes) -> bytes | None:
    found = _LINE.fullmatch(text)
    if found is None or int(found[1], 16) != zlib.crc32(found[2]):
        return None
    return found[2]


def segments(folder: Path) -> list[Path]:
    """The segments in *folder*, in the order in which they were begun; none where there is no folder."""
    return sorted(folder.glob(f"*{SUFFIX}"))
