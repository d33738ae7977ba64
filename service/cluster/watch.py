"""The world that a door serves: manifests, read again whenever their files change.

The files are the truth: an object that was admitted is not remembered until it stands in them.
"""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from service.cluster.manifests import load_paths
from service.errors import AuditorError, SourceError
from service.telemetry import Outcome, count_reload, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from service.cluster.manifests import Loaded
    from service.policy.world import World

Listing: TypeAlias = tuple[tuple[str, int, int, int, int], ...]

PERIOD_S: Final = 0.5
"""Pause between two looks at the files. A change is in effect at most three pauses after its end."""

_JOIN_S: Final = 5.0
_RETRY_S: Final = 30.0
_RETRY_SHARE: Final = 20
"""After a failure, at most one part in so many of a processor's time goes into trying again."""
_LOG = logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the last readings gave.

    ``world`` is that of the last good one, None before there was any, and ``read_at`` its moment on
    the monotonic clock; ``failure`` tells why the newest state of the files could not be used, ""
    where it could. ``revision`` names the newest state that is known.
    """

    world: World | None = None
    read_at: float = 0.0
    failure: str = ""
    revision: str = ""
    waiting: tuple[str, ...] = ()
    """What must still be read before there is a world: of a live cluster, the kinds that are not listed."""
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class Manifests:
    """What a door is told to serve: files and folders."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a door is told to serve: a live cluster, of a kubeconfig's context; "" is the one at hand."""

    context: str = ""


class Source(Protocol):
    """What a door serves: manifests, or a live cluster."""

    @property
    def current(self) -> Reading:
        """The newest reading."""
        ...

    def start(self) -> None:
        """Begin to read and watch, in threads of its own."""

    def close(self) -> None:
        """Stop, and wait for the threads."""


class Watch:
    """Keeps the newest usable world. One thread reads; any thread may ask for `current`.

    A new state of the files is read once it has been the same in two looks, so that a file that is
    just being written is not taken for a short one. What cannot be used leaves the world in place,
    and is tried again now and then: what it failed by may not have been the files.
    """

    def __init__(
        self,
        paths: Sequence[str],
        read: Callable[[], World],
        *,
        period_s: float = PERIOD_S,
        retry_s: float = _RETRY_S,
    ) -> None:
        """*read* makes a world of what stands at *paths* now, or raises AuditorError.

        What the first request in a world should not wait for, *read* works out.
        """
        self._paths = tuple(paths)
        self._read = read
        self._period_s = period_s
        self._retry_s = retry_s
        self._retry_at = math.inf
        self._current = Reading()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    @property
    def current(self) -> Reading:
        """The newest reading: one reference, swapped whole."""
        return self._current

    def start(self) -> None:
        """Begin to read and watch, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching; returns when the thread has ended, after 5 s at the latest."""
        self._stop.set()
        self._thread.join(_JOIN_S)

    def _watch(self) -> None:
        seen = known = listing(self._paths)
        self._reread()
        while not self._stop.wait(self._period_s):
            previous, seen = seen, listing(self._paths)
            if seen == previous and (seen != known or time.monotonic() >= self._retry_at):
                known = seen
                self._reread()

    def _reread(self) -> None:
        started = time.monotonic()
        try:
            world = self._read()
        except AuditorError as error:
            self._keep(str(error), started)
        except Exception as error:  # noqa: BLE001  # the root of a thread: the watch goes on
            _LOG.exception("manifests_reading_failed")
            self._keep(f"a defect of Nodeward: {type(error).__name__}", started)
        else:
            self._current = Reading(world, time.monotonic(), revision=world.snapshot.revision)
            self._retry_at = math.inf
            count_reload(Outcome.OK)
            _LOG.info("manifests_read", digest=world.snapshot.digest)

    def _keep(self, failure: str, started: float) -> None:
        now = time.monotonic()
        self._retry_at = now + max(self._retry_s, _RETRY_SHARE * (now - started))
        self._current = replace(self._current, failure=failure)
        count_reload(Outcome.FAILED)
        _LOG.warning(
            "manifests_unusable", error=failure, world_kept=self._current.world is not None
        )


def read_whole(paths: Sequence[str]) -> Loaded:
    """What the manifests at *paths* hold; the snapshot's revision is its digest.

    A document that cannot be read may be the policy that guards a port, so that one of them is
    enough to refuse the lot.

    Raises: SourceError.
    """
    loaded = load_paths(paths)
    if loaded.errors:
        more = f" (and {len(loaded.errors) - 1} more errors)" if len(loaded.errors) > 1 else ""
        raise SourceError(f"{loaded.errors[0]}{more}")
    return replace(loaded, snapshot=replace(loaded.snapshot, revision=loaded.snapshot.digest))


def listing(paths: Sequence[str]) -> Listing:
    """What tells a changed state of *paths* from an unchanged one; O(files), reads none of them.

    The change time is part of it, because a new mode changes what can be read. What cannot be looked
    at is part of it too, as zeros.
    """
    return tuple(sorted(_entry(path) for top in paths for path in _files(top)))


def _files(top: str) -> Iterator[str]:
    yield top
    for folder, _, names in os.walk(top):
        yield folder
        yield from (os.path.join(folder, name) for name in names)  # noqa: PTH118  # hot, and text


def _entry(path: str) -> tuple[str, int, int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  # as above
    except OSError:
        return path, 0, 0, 0, 0
    return path, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
