"""A live cluster: what is watched there, and how sure we are that we know all of it."""

from __future__ import annotations

import operator
import random
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final

from service.cluster.discovery import Discovery, discover
from service.cluster.events import Counted, Expected, Withdrawn
from service.cluster.kube import Client, RequestError
from service.cluster.listing import Census, census, newest_version
from service.cluster.reflector import Reflector
from service.cluster.sharing import Budget, SharedRead
from service.cluster.state import ClusterState
from service.policy.profile import DEFAULT_PROFILE
from service.telemetry import count_direct_read, logger, watch_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from service.cluster.discovery import Resource
    from service.cluster.state import View
    from service.cluster.watch import Reading
    from service.policy.profile import ClusterProfile
    from service.policy.world import World

REDISCOVER_S: Final = 60.0
"""Kinds that come to be served, or cease to, are noticed within so many seconds."""

READS: Final = (2, 1.0)
"""Of each kind there are so many direct reads in so many seconds, however many reviews wait."""

_RETRY_S: Final = (0.5, 15.0)
_READ_S: Final = 5.0
_SETTLE_S: Final = 0.1
"""A watch is given so much time to come to a resourceVersion by itself, before all objects are counted."""
_COUNTED: Final = 20_000
"""Of a kind with more objects than that, names and versions are not asked for."""
_PATIENCE_S: Final = 1.0
"""So long, a watch of such a kind is waited for all the same."""
_LOOK_S: Final = 0.02
_JOIN_S: Final = 5.0
_LOG = logger(__name__)


def open_live(
    context: str, prepare: Callable[[World], None], profile: ClusterProfile = DEFAULT_PROFILE
) -> LiveCluster:
    """The live cluster of a kubeconfig's *context*, or the one at hand, whose snapshot has its metrics.

    Nothing is asked before `start`. Raises: SourceError if there are no credentials.
    """
    live = LiveCluster(Client(context), prepare, profile)
    watch_snapshot(
        live.name,
        age_s=lambda: time.monotonic() - live.view.proven_at,
        revision=lambda: float(live.view.revision),
    )
    return live


class Certainty(Enum):
    """How a wait for certainty ended."""

    CONFIRMED = "confirmed"
    """All that was written before the question is in the view."""
    CHANGED = "changed"
    """Something that was asked about has changed: look again."""
    LATE = "late"
    """The deadline came first, or the server did not answer."""


@dataclass(slots=True)
class _Watched:
    """One resource: who keeps up with it, and the direct reads that are shared."""

    reflector: Reflector
    newest: SharedRead[int]
    counted: SharedRead[Census]
    wants_count: bool = False
    """Whether somebody needs the names and versions, which tell the newest resourceVersion too."""


@dataclass(slots=True)
class _Question:
    """Whether a view has all that was written before ``asked_at``, resource by resource.

    ``known`` is how far each watch was then: no read since can give less, unless the server went back in time.
    """

    asked_at: float
    known: dict[Resource, int]
    targets: dict[Resource, int] = field(default_factory=dict)
    told_at: float = 0.0


class LiveCluster:
    """Watches one cluster for as long as it is open. Any thread may read `current` and ask `confirm`."""

    def __init__(
        self,
        client: Client,
        prepare: Callable[[World], None],
        profile: ClusterProfile = DEFAULT_PROFILE,
    ) -> None:
        """*prepare* works out in a new world what the first request in it should not wait for."""
        self._client = client
        self._state = ClusterState(prepare, profile)
        self._watched: dict[str, _Watched] = {}
        self._begun = False
        self._failure = "the cluster was not asked yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="discovery", daemon=True)
        self.discovery = Discovery()
        """What the cluster serves, as far as it is known."""

    @property
    def name(self) -> str:
        """The name of the cluster: that of its context."""
        return self._client.name

    @property
    def client(self) -> Client:
        """The API server of the cluster."""
        return self._client

    @property
    def view(self) -> View:
        """The newest view."""
        return self._state.view

    @property
    def current(self) -> Reading:
        """The newest view as doors read it."""
        return self._state.view.reading(self._failure)

    def start(self) -> None:
        """Begin to discover, list and watch, in threads of its own."""
        self._thread.start()

    def close(self) -> None:
        """End every thread; each is waited for, 5 s at most."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        watched = [*self._watched.values()]
        for one in watched:
            one.reflector.close()
        self._state.close()
        for one in watched:
            one.reflector.join()

    def wait_for(self, done: Callable[[View], bool], deadline: float) -> bool:
        """Whether *done* holds of the view, at once or by the *deadline* (monotonic clock)."""
        return self._state.wait_for(done, deadline)

    def confirm(self, before: World, kinds: Collection[str], *, deadline: float) -> Certainty:
        """Whether the newest view has every write to *kinds* that ended before this call.

        Returns as soon as one of them is another than in *before*. O(1) reads a kind and second for all
        who ask together: one for the newest resourceVersion of its list, and, where the watch does not
        come to that by itself, because others than this kind are written, one for names and versions.
        """
        known = {resource: one.version for resource, one in self.view.progress.items()}
        question = _Question(time.monotonic(), known)
        try:
            while late := self._late(question, kinds):
                if _differ(before, self.view.world, kinds):
                    return Certainty.CHANGED
                if time.monotonic() >= deadline or self._is_hopeless(question, late):
                    return Certainty.LATE
                seen = self.view
                look_at = min(deadline, time.monotonic() + _LOOK_S)
                self._state.wait_for(partial(operator.is_not, seen), look_at)
        except RequestError as error:
            _LOG.warning("direct_read_failed", reason=str(error))
            return Certainty.LATE
        return Certainty.CHANGED if _differ(before, self.view.world, kinds) else Certainty.CONFIRMED

    def _is_hopeless(self, question: _Question, late: Collection[Resource]) -> bool:
        """Whether only kinds are awaited of which nothing more can be asked, and nothing was told either."""
        if not question.told_at or time.monotonic() - question.told_at < _PATIENCE_S:
            return False
        return all(self._is_uncountable(one) for one in late)

    def _is_uncountable(self, resource: Resource) -> bool:
        return self.view.counts.get(resource, 0) > _COUNTED

    def _late(self, question: _Question, kinds: Collection[str]) -> list[Resource]:
        """Take one step towards the answer: which resources it still lacks. Raises: RequestError."""
        view = self.view
        asked = [one for one in view.progress if one.kind.name in kinds]
        for resource in asked:
            self._learn_newest(question, resource)
        late = [
            one
            for one in asked
            if one not in question.targets or view.progress[one].version < question.targets[one]
        ]
        if late and len(question.targets) == len(asked):
            question.told_at = question.told_at or time.monotonic()
            if time.monotonic() - question.told_at >= _SETTLE_S:
                for resource in late:
                    self._count(question, resource)
        return late

    def _learn_newest(self, question: _Question, resource: Resource) -> None:
        watched = self._watched.get(resource.name)
        if watched is None or resource in question.targets:
            return
        if (found := watched.counted.known(question.asked_at)) is not None:
            question.targets[resource] = found.value.version
        elif watched.wants_count:
            self._count(question, resource)
        elif (answer := watched.newest.since(question.asked_at)) is not None:
            question.targets[resource] = answer.value
            if answer.value < question.known.get(resource, 0):
                # A server that was restored from a backup: what was watched since is undone.
                watched.reflector.relist()

    def _count(self, question: _Question, resource: Resource) -> None:
        watched = self._watched.get(resource.name)
        if watched is None or self._is_uncountable(resource):
            return
        watched.wants_count = True
        if watched.counted.since(question.asked_at) is not None:
            watched.wants_count = False

    def _read_newest(self, resource: Resource) -> int:
        count_direct_read(resource.kind.name)
        return newest_version(self._client, resource, timeout_s=_READ_S)

    def _read_census(self, resource: Resource) -> Census:
        """Names and versions, which the writer then compares with what it has."""
        count_direct_read(resource.kind.name)
        asked_at = time.monotonic()
        found = census(self._client, resource, timeout_s=_READ_S)
        self._state.tell(Counted(resource, found, asked_at))
        return found

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                self._follow(discover(self._client))
                failures = 0
                self._failure = ""
            except RequestError as error:
                failures += 1
                self._failure = str(error)
                _LOG.warning("discovery_failed", reason=str(error))
            except Exception as error:  # noqa: BLE001  # the root of a thread: it goes on
                failures += 1
                self._failure = f"a defect of Nodeward: {type(error).__name__}"
                _LOG.exception("discovery_defect")
            self._stop.wait(_pause_s(failures))

    def _follow(self, found: Discovery) -> None:
        """Watch what is served now, and no longer what is not."""
        if not self._begun:
            self._begun = True
            self._state.start(found.resources)
            _LOG.info(
                "cluster_discovered",
                calico_group=found.calico_group,
                kubernetes=found.server,
                missing=list(found.missing),
            )
        self.discovery = found
        wanted = {resource.name: resource for resource in found.resources}
        for name in sorted(wanted.keys() - self._watched.keys()):
            self._watch(wanted[name])
        for name in sorted(self._watched.keys() - wanted.keys()):
            self._withdraw(name)

    def _withdraw(self, name: str) -> None:
        """Stop watching what is no longer served; where the kind has moved, once it is listed there."""
        kind = self._watched[name].reflector.resource.kind
        progress = self.view.progress
        moved = [one for one in self.discovery.resources if one.kind is kind]
        if any(one not in progress or not progress[one].listed for one in moved):
            return
        gone = self._watched.pop(name).reflector
        gone.close()
        self._state.tell(Withdrawn(gone.resource))
        _LOG.warning("kind_withdrawn", resource=name)

    def _watch(self, resource: Resource) -> None:
        self._state.tell(Expected(resource))
        reflector = Reflector(self._client, resource, self._state.tell)
        budget = Budget(*READS)
        self._watched[resource.name] = _Watched(
            reflector,
            SharedRead(partial(self._read_newest, resource), budget),
            SharedRead(partial(self._read_census, resource), budget),
        )
        reflector.start()


def _pause_s(failures: int) -> float:
    if not failures:
        return REDISCOVER_S * random.uniform(0.8, 1.2)  # noqa: S311  # to spread load, no secret
    first, longest = _RETRY_S
    ceiling: float = min(longest, first * 2 ** min(failures, 10))
    return random.uniform(ceiling / 10, ceiling)  # noqa: S311  # as above


def _differ(before: World, after: World | None, kinds: Collection[str]) -> bool:
    """Whether any object of *kinds* is another in *after*; may say so of some that are not."""
    if after is None or after is before:
        return False
    maps = before.snapshot.maps.keys() | after.snapshot.maps.keys()
    return any(
        before.snapshot.all(one) is not after.snapshot.all(one)
        for one in maps
        if one.__name__ in kinds
    )
