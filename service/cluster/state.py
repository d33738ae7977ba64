"""The state of one live cluster: one thread writes it, readers take a whole reading.

Watches hand their events over a bounded queue; the writer takes all that are waiting at once, brings the
world up to them, and swaps one reference. A watch that tells more than can be taken in waits: the server
then holds its events for it.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from service.cluster.events import Expected
from service.cluster.mirror import Mirror, Progress
from service.cluster.watch import Reading
from service.policy.profile import DEFAULT_PROFILE
from service.telemetry import count_engine_error, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.cluster.discovery import Resource
    from service.cluster.events import Event
    from service.policy.profile import ClusterProfile
    from service.policy.world import World

MANY: Final = frozenset(
    {
        "CronJob",
        "DaemonSet",
        "Deployment",
        "EndpointSlice",
        "Job",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "ServiceAccount",
        "StatefulSet",
    }
)
"""Kinds of which a cluster has many, that change all the time, and guard nothing by themselves."""
PACE_S: Final = 1.0
"""Changes of those are taken in together, so long after the last, and after four times what that took."""

_PACE_SHARE: Final = 4
_QUEUE: Final = 10_000
_BATCH: Final = 20_000
_IDLE_S: Final = 0.5
_JOIN_S: Final = 5.0
_LOG = logger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What the writer published last; ``world`` is None until every kind is listed."""

    world: World | None = None
    revision: int = 0
    progress: Mapping[Resource, Progress] = field(default_factory=dict)
    counts: Mapping[Resource, int] = field(default_factory=dict)

    @property
    def proven_at(self) -> float:
        """The moment at which all of it was what the server had: that of the oldest watch."""
        return min((one.at for one in self.progress.values()), default=-float("inf"))

    @property
    def unlisted(self) -> tuple[str, ...]:
        """The resources that were not listed yet."""
        return tuple(
            sorted(resource.name for resource, one in self.progress.items() if not one.listed)
        )

    @property
    def failure(self) -> str:
        """Why watches do not go on, if any does not."""
        reasons = (one.failure for one in self.progress.values() if one.failure)
        return "; ".join(sorted(reasons))

    def reading(self, failure: str = "") -> Reading:
        """This as every door reads it; *failure* is what fails beside the watches."""
        failures = [one for one in (failure, self.failure) if one]
        return Reading(
            self.world,
            self.proven_at,
            "; ".join(failures),
            revision=str(self.revision) if self.world else "",
            waiting=self.unlisted,
            is_live=True,
        )


class ClusterState:
    """Keeps the view of one cluster. Any thread may `tell`, read `view` and wait."""

    def __init__(
        self, prepare: Callable[[World], None], profile: ClusterProfile = DEFAULT_PROFILE
    ) -> None:
        """*prepare* works out in a new world what the first request in it should not wait for."""
        self._prepare = prepare
        self._events: queue.Queue[Event] = queue.Queue(_QUEUE)
        self._later: list[Event] = []
        self._later_at = 0.0
        self._mirror = Mirror(profile)
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="state", daemon=True)
        self.view = View()
        """The newest view: one reference, swapped whole."""

    def start(self, resources: Iterable[Resource]) -> None:
        """Begin to write; there is no world before all of *resources* are listed."""
        self._mirror.apply(map(Expected, resources))
        self._publish()
        self._thread.start()

    def close(self) -> None:
        """Stop; returns when the writer has ended, after 5 s at the latest."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def tell(self, event: Event) -> None:
        """Hand over an event; waits while the queue is full, unless all is over."""
        while not self._stop.is_set():
            try:
                self._events.put(event, timeout=_IDLE_S)
            except queue.Full:
                continue
            return

    def wait_for(self, done: Callable[[View], bool], deadline: float) -> bool:
        """Whether *done* holds of the view, at once or by the *deadline* (monotonic clock)."""
        with self._news:
            return self._news.wait_for(
                lambda: done(self.view) or self._stop.is_set(),
                max(0.0, deadline - time.monotonic()),
            ) and done(self.view)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if events := self._due(self._waiting()):
                    self._write(events)
            except Exception:  # noqa: BLE001  # the root of a thread: the state goes on
                count_engine_error()
                _LOG.exception("state_defect")

    def _waiting(self) -> list[Event]:
        """The events that wait now, or the first to come."""
        events: list[Event] = []
        try:
            events.append(self._events.get(timeout=_IDLE_S))
            while len(events) < _BATCH:
                events.append(self._events.get_nowait())
        except queue.Empty:
            pass
        return events

    def _due(self, events: list[Event]) -> list[Event]:
        """Those to be taken in now: what a cluster has many of keeps nobody from what guards its ports."""
        now = [one for one in events if one.resource.kind.name not in MANY]
        self._later += [one for one in events if one.resource.kind.name in MANY]
        if self._later and (self.view.world is None or time.monotonic() >= self._later_at):
            now, self._later = now + self._later, []
        return now

    def _write(self, events: list[Event]) -> None:
        began = time.monotonic()
        self._take_in(events)
        if any(one.resource.kind.name in MANY for one in events):
            took_s = time.monotonic() - began
            self._later_at = time.monotonic() + max(PACE_S, _PACE_SHARE * took_s)

    def _take_in(self, events: list[Event]) -> None:
        if self._mirror.apply(events) and self._mirror.world is not None:
            self._prepare(self._mirror.world)
        self._publish()

    def _publish(self) -> None:
        mirror = self._mirror
        with self._news:
            self.view = View(mirror.world, mirror.revision, mirror.progress, mirror.counts)
            self._news.notify_all()
