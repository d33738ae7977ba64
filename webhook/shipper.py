"""Brings the decisions of the journal to the audit service, whenever that answers.

A batch counts as shipped once the service has answered that it is committed; what is not known to be
shipped is sent again, and the service keeps a decision once. One shipper at a time works on a folder.
"""

from __future__ import annotations

import fcntl
import os
import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import urllib3

from service.errors import AuditorError, SettingsError, SourceError
from service.journal.reader import forget_notes, note_shipped, unshipped
from service.journal.segments import segments
from service.telemetry import count_shipped, logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BATCH: Final = 500
PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 60.0
_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=30.0)
_OK: Final = 200
_REFUSED: Final = frozenset({400, 413, 415, 422})
"""The service will never take such a batch."""
_LOG = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The audit service: its base URL, the file of the door's token, and whom to trust.

    The token is read anew for every batch, so that it may be exchanged on disk.
    """

    url: str
    token_file: Path
    ca_file: Path | None = None


class NotShippedError(AuditorError):
    """The audit service has not taken a batch. ``for_good``: it never will, as it is."""

    code = "not-shipped"
    title = "The audit service has not taken decisions"

    def __init__(self, detail: str, *, for_good: bool = False) -> None:
        super().__init__(detail)
        self.for_good = for_good


class Shipper:
    """One thread that ships what any writer has left in a folder, oldest first."""

    def __init__(self, folder: Path, destination: Destination) -> None:
        """Nothing is sent before `start`. Raises: SettingsError for a URL that is none."""
        if not destination.url.startswith(("http://", "https://")):
            raise SettingsError(f"{destination.url!r} is no URL of an audit service")
        self._folder = folder
        self._destination = destination
        self._pool = urllib3.PoolManager(
            num_pools=1,
            retries=False,
            timeout=_TIMEOUT,
            ca_certs=str(destination.ca_file) if destination.ca_file else None,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ship, name="shipper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End after the batch at hand; the rest is shipped by whoever comes next."""
        self._stop.set()
        self._thread.join(5.0)

    def ship_all(self) -> int:
        """Ship everything that is in the folder now; how many decisions that were.

        Raises: NotShippedError, OSError.
        """
        return sum(map(self._ship_segment, segments(self._folder)))

    def _ship(self) -> None:
        """The thread: ships while it holds the folder's lock, and comes back later after a failure."""
        pause_s = PAUSE_S
        while not self._stop.wait(pause_s * random.uniform(0.8, 1.2)):  # noqa: S311 - jitter
            try:
                with _turn(self._folder) as is_ours:
                    if is_ours:
                        self.ship_all()
                        forget_notes(self._folder)
                pause_s = PAUSE_S
            except (NotShippedError, SourceError, OSError) as error:
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                _LOG.warning(
                    "decisions_not_shipped", error=str(error), next_try_s=round(pause_s, 1)
                )
            except Exception:  # noqa: BLE001  # the root of a thread
                pause_s = _LONGEST_PAUSE_S
                _LOG.exception("shipper_failed")

    def _ship_segment(self, segment: Path) -> int:
        count = 0
        entries = unshipped(segment)
        while batch := list(islice(entries, BATCH)):
            self._send_all([one.record for one in batch])
            note_shipped(segment, batch[-1].end)
            count += len(batch)
        return count

    def _send_all(self, records: list[bytes]) -> None:
        """Send *records*; one that is refused for good is left out and told, the others are sent."""
        try:
            self._send(records)
        except NotShippedError as error:
            if not error.for_good:
                raise
            if len(records) == 1:
                count_shipped(refused=1)
                _LOG.error("decision_refused", error=str(error), record=records[0].decode())
                return
            half = len(records) // 2
            self._send_all(records[:half])
            self._send_all(records[half:])
        else:
            count_shipped(shipped=len(records))

    def _send(self, records: list[bytes]) -> None:
        """Raises: NotShippedError."""
        body = b'{"decisions":[' + b",".join(records) + b"]}"
        try:
            token = self._destination.token_file.read_text(encoding="utf-8").strip()
            answer = self._pool.request(
                "POST",
                f"{self._destination.url.rstrip('/')}/v1/decisions",
                body=body,
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, UnicodeDecodeError) as error:
            raise NotShippedError(f"{self._destination.url}: {error}") from error
        if answer.status != _OK:
            told = answer.data[:500].decode(errors="replace")
            raise NotShippedError(
                f"{self._destination.url} answered {answer.status}: {told}",
                for_good=answer.status in _REFUSED,
            )


@contextmanager
def _turn(folder: Path) -> Iterator[bool]:
    """Whether it is ours to ship from *folder* now; the right ends with the process at the latest."""
    descriptor = os.open(folder / "shipper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)
