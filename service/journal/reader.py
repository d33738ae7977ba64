"""Reading what the writers of a folder have left, or are leaving."""

from __future__ import annotations

import fcntl
import heapq
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from service.errors import SourceError
from service.journal.segments import SUFFIX, Damage, Entry, scan, segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MOMENT: Final = "at"
"""The field by which records of several writers are put in order: RFC 3339 in UTC."""

_SHIPPED: Final = ".shipped"


@dataclass(slots=True)
class Reader:
    """Reads a folder as far as it is written, again and again. One thread.

    ``damaged`` tells the lines that are not what was written, as ``segment:offset``.
    """

    folder: Path
    damaged: list[str] = field(default_factory=list)
    _ends: dict[str, int] = field(default_factory=dict)

    def records(self) -> Iterator[Mapping[str, object]]:
        """What was added since the last call, in the order of `MOMENT`. Raises: SourceError."""
        return heapq.merge(*map(self._added, segments(self.folder)), key=_moment)

    def _added(self, segment: Path) -> Iterator[Mapping[str, object]]:
        try:
            for found in scan(segment, self._ends.get(segment.name, 0)):
                self._ends[segment.name] = found.end
                if isinstance(found, Damage):
                    self.damaged.append(f"{segment.name}:{found.start}")
                else:
                    yield orjson.loads(found.record)
        except FileNotFoundError:
            return
        except OSError as error:
            raise SourceError(f"{segment} cannot be read: {error.strerror}") from error


def _moment(record: Mapping[str, object]) -> str:
    return str(record.get(MOMENT, ""))


def is_sealed(segment: Path) -> bool:
    """Whether nobody writes to *segment* any more."""
    try:
        descriptor = os.open(segment, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def shipped(segment: Path) -> int:
    """The offset up to which somebody else has the records of *segment*."""
    try:
        return int(_note(segment).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0


def note_shipped(segment: Path, end: int) -> None:
    """Remember that the records of *segment* before *end* need not be sent again. Raises: OSError.

    A note that is lost costs a repetition, not a record: it is not forced to the disk.
    """
    draft = _note(segment).with_suffix(".draft")
    draft.write_text(str(end), encoding="ascii")
    draft.replace(_note(segment))


def unshipped(segment: Path) -> Iterator[Entry]:
    """The sound records of *segment* that nobody else has. Raises: OSError."""
    return (one for one in scan(segment, shipped(segment)) if isinstance(one, Entry))


def sealed(standing: Iterable[Path]) -> list[Path]:
    """Those of *standing* that nobody writes to."""
    return [one for one in standing if is_sealed(one)]


def sealed_and_shipped(standing: Iterable[Path]) -> list[Path]:
    """Those of *standing* of which somebody else has every sound record."""
    return [one for one in sealed(standing) if next(unshipped(one), None) is None]


def forget_notes(folder: Path) -> None:
    """Remove the notes on segments that are gone."""
    for note in folder.glob(f"*{SUFFIX}{_SHIPPED}"):
        if not note.with_suffix("").exists():
            note.unlink(missing_ok=True)


def _note(segment: Path) -> Path:
    return segment.with_suffix(f"{SUFFIX}{_SHIPPED}")
