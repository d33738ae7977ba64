"""The one writer of a journal: records are on disk when `Journal.append` says so.

Records are written by one thread, so that those who wait at the same time share one fsync. A writer
holds a lock on its segment as long as it lives; whoever gets that lock knows that the writer is dead.
"""

from __future__ import annotations

import errno
import fcntl
import os
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from service.errors import UnavailableError
from service.journal.segments import SUFFIX, line, segments
from service.telemetry import count_journal_failure, logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEGMENT_BYTES: Final = 16 * 2**20
QUEUE_RECORDS: Final = 10_000
COMMIT_S: Final = 0.05
"""Records that nobody waits for are on disk at most this long after they were appended."""

_CLOSE_S: Final = 5.0
_BATCH: Final = 1000
_WRITERS: Final = 16
"""So many may share a folder without its limit being passed."""
_LOG = logger(__name__)


class JournalError(UnavailableError):
    """A record that is not known to be on disk."""

    code = "journal-unavailable"
    title = "The journal cannot be written"


class Wanted(Enum):
    """When an appended record counts as kept."""

    ON_DISK = "on disk"
    IN_TIME = "in time"


@dataclass(slots=True)
class _Pending:
    text: bytes
    written: threading.Event | None
    error: OSError | None = None


@dataclass(slots=True)
class _Segment:
    path: Path
    descriptor: int
    size: int = 0
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a segment grows, and all segments of a folder together, in bytes."""

    segment_bytes: int = SEGMENT_BYTES
    folder_bytes: int = 2**30


class Journal:
    """Appends to segments of its own in a folder that other writers may share. Any thread may append.

    ``disposable`` names the segments that may go when the folder has grown to its limit: those that
    somebody else has, too.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits | None = None,
        *,
        disposable: Callable[[list[Path]], list[Path]] = lambda _segments: [],
    ) -> None:
        """Make *folder*, for its owner alone, and start the writing thread. Raises: JournalError."""
        self._folder = folder
        self._limits = limits or Limits()
        self._disposable = disposable
        self._pending: queue.Queue[_Pending | None] = queue.Queue(QUEUE_RECORDS)
        # The writer is not woken for each record, which would take the processor from who appends.
        self._some, self._urgent = threading.Event(), threading.Event()
        self._number = self._share = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._segment = self._begun()
        except OSError as error:
            raise JournalError(f"{folder} cannot hold a journal: {error.strerror}") from error
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def append(self, record: bytes, wanted: Wanted, *, timeout_s: float = 5.0) -> None:
        """Add *record*; return once it is on disk, or at once where that is not wanted.

        Raises: JournalError if it is not known to be kept: the disk failed, or took too long.
        """
        waits = wanted is Wanted.ON_DISK
        pending = _Pending(line(record), threading.Event() if waits else None)
        try:
            self._pending.put(pending, timeout=timeout_s if waits else 0.001)
        except queue.Full:
            count_journal_failure()
            raise JournalError("the disk is too slow: the queue of the journal is full") from None
        if not self._some.is_set():
            self._some.set()
        if pending.written is None:
            return
        self._urgent.set()
        if not pending.written.wait(timeout_s):
            count_journal_failure()
            raise JournalError(f"the disk did not take a record within {timeout_s:g} s")
        if pending.error is not None:
            raise JournalError(f"the journal cannot be written: {pending.error.strerror}")

    def close(self) -> None:
        """Write what is pending, and end. Later calls do nothing."""
        if not self._closed:
            self._closed = True
            self._pending.put(None)
            self._urgent.set()
            self._some.set()
            self._thread.join(_CLOSE_S)

    def _write(self) -> None:
        """The thread: takes what is pending together, until it is told to end."""
        while True:
            batch, going_on = self._taken()
            if batch:
                self._commit(batch)
            if not going_on:
                os.close(self._segment.descriptor)
                return

    def _taken(self) -> tuple[list[_Pending], bool]:
        """What is pending; a batch that nobody waits for is let grow for COMMIT_S."""
        self._some.wait()
        self._urgent.wait(COMMIT_S)
        # In this order: what is appended from here on says so again.
        self._some.clear()
        self._urgent.clear()
        batch: list[_Pending] = []
        while len(batch) < _BATCH:
            try:
                one = self._pending.get_nowait()
            except queue.Empty:
                return batch, True
            if one is None:
                return batch, False
            batch.append(one)
        self._urgent.set()
        self._some.set()
        return batch, True

    def _commit(self, batch: list[_Pending]) -> None:
        """All of *batch* on disk, or an error for all of it: nothing half is left for a later one."""
        text = b"".join(one.text for one in batch)
        error: OSError | None = None
        try:
            self._append(text)
        except OSError as failure:
            error = failure
            count_journal_failure(len(batch))
            _LOG.error("journal_failed", error=str(failure), records=len(batch))
        for one in batch:
            one.error = error
            if one.written is not None:
                one.written.set()

    def _append(self, text: bytes) -> None:
        if self._segment.is_over or self._segment.size >= self._limits.segment_bytes:
            self._rotate()
        self._make_room(len(text))
        segment = self._segment
        try:
            _write_all(segment.descriptor, text)
            os.fdatasync(segment.descriptor)
        except OSError:
            # What a failed write or fsync left behind nobody knows: nothing is added to that file.
            segment.is_over = True
            with suppress(OSError):
                os.ftruncate(segment.descriptor, segment.size)
            raise
        segment.size += len(text)

    def _rotate(self) -> None:
        old = self._segment
        self._segment = self._begun()
        os.close(old.descriptor)

    def _make_room(self, wanted: int) -> None:
        """Let go of what may go. Raises: OSError if the folder is full all the same.

        The folder is listed again when this writer has used up its share of the room that was left.
        """
        self._share -= wanted
        if self._share >= 0:
            return
        standing = segments(self._folder)
        sizes = {path: _size(path) for path in standing}
        over = sum(sizes.values()) + wanted - self._limits.folder_bytes
        if over <= 0:
            self._share = -over // _WRITERS
            return
        for path in self._disposable([one for one in standing if one != self._segment.path]):
            path.unlink(missing_ok=True)
            over -= sizes.get(path, 0)
            if over <= 0:
                return
        raise OSError(errno.ENOSPC, f"{self._folder} has reached its limit")

    def _begun(self) -> _Segment:
        """A new segment, locked, whose name is on disk. Raises: OSError."""
        self._number += 1
        name = f"{time.time_ns():020d}-{os.getpid()}-{self._number:06d}{SUFFIX}"
        path = self._folder / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sync_folder(self._folder)
        return _Segment(path, descriptor)


def _write_all(descriptor: int, text: bytes) -> None:
    left = memoryview(text)
    while left:
        left = left[os.write(descriptor, left) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
