"""What stands in a live cluster, as its watches tell it: one writer, and a world that follows.

The world depends on what stands now and on nothing else: a message that comes twice, late or after newer
ones changes nothing. It is made once all kinds are listed; from then on every change is an overlay of the
world before, so that what was worked out there and still holds is not worked out again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from service.cluster.events import (
    Changed,
    Counted,
    Deleted,
    Expected,
    Failed,
    Progressed,
    Replaced,
    Resumed,
    Withdrawn,
)
from service.cluster.objects import Objects
from service.model.snapshot import Change, Operation, Snapshot
from service.policy.profile import DEFAULT_PROFILE
from service.policy.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.cluster.discovery import Resource
    from service.cluster.events import Event
    from service.cluster.listing import Census
    from service.cluster.objects import Key
    from service.model.meta import Decoded
    from service.model.refs import ObjectRef
    from service.policy.profile import ClusterProfile

_Told: TypeAlias = Replaced | Changed | Deleted | Progressed | Counted | Resumed | Failed

REBUILD: Final = 500
"""From so many changed objects on, a new world costs less than as many overlays."""

_GRAVES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the watch of one resource is.

    Everything up to ``version`` is in the world, which at the moment ``at`` (monotonic clock) was what the
    server had, as far as this resource goes. ``failure`` tells why its watch does not go on, if it does not.
    """

    version: int = 0
    at: float = -math.inf
    listed: bool = False
    failure: str = ""


@dataclass(slots=True)
class _Held:
    """One resource: what stands, what is gone, and what a direct read found that was not told yet.

    What was told up to ``floor`` is told again by nobody but a replay.
    """

    objects: Objects = field(default_factory=Objects)
    progress: Progress = Progress()
    floor: int = 0
    graves: dict[Key, int] = field(default_factory=dict)
    awaited: Counted | None = None


class Mirror:
    """The objects of every watched resource, and the world that they make. One thread only."""

    def __init__(self, profile: ClusterProfile = DEFAULT_PROFILE) -> None:
        self._profile = profile
        self._held: dict[Resource, _Held] = {}
        self._touched: set[ObjectRef] = set()
        self._is_torn = False
        self.world: World | None = None
        """That of all that stands, None until every expected resource is listed."""

    @property
    def progress(self) -> dict[Resource, Progress]:
        """How far each watch is."""
        return {resource: held.progress for resource, held in self._held.items()}

    @property
    def counts(self) -> dict[Resource, int]:
        """How many objects of each resource stand."""
        return {resource: len(held.objects) for resource, held in self._held.items()}

    @property
    def revision(self) -> int:
        """The highest resourceVersion that any watch has come to."""
        return max((held.progress.version for held in self._held.values()), default=0)

    def apply(self, events: Iterable[Event]) -> bool:
        """Take in *events*; whether the world is another one now. O(changes), or O(objects) for many."""
        for event in events:
            self._apply(event)
        for held in self._held.values():
            _take_count(held)
        return self._follow()

    def _apply(self, event: Event) -> None:
        """Take in one; what is told of a resource that is not expected (any more) is no news."""
        if isinstance(event, Expected):
            self._held.setdefault(event.resource, _Held())
        elif isinstance(event, Withdrawn):
            gone = self._held.pop(event.resource, _Held())
            self._touched.update(one.ref for one in gone.objects.all_standing())
        elif (held := self._held.get(event.resource)) is not None:
            self._apply_to(held, event)

    def _apply_to(self, held: _Held, event: _Told) -> None:
        match event:
            case Replaced():
                self._replace(held, event)
            case Changed():
                self._change(held, event)
            case Deleted():
                self._delete(held, event)
            case Progressed():
                _raise_floor(held, event.version)
                held.progress = _further(held.progress, event.version, event.at)
            case Counted():
                held.awaited = event
            case Resumed():
                held.progress = replace(held.progress, failure="")
            case Failed():
                held.progress = replace(held.progress, failure=event.reason)
            case _:
                assert_never(event)

    def _replace(self, held: _Held, event: Replaced) -> None:
        """A list rules over all that was told before it, of a server that was restored too."""
        for key in held.objects.keys().difference(item.key for item in event.items):
            self._touched |= held.objects.discard(key)
        for item in event.items:
            self._touched |= held.objects.replace(item)
        held.graves.clear()
        held.floor = event.version
        held.progress = Progress(event.version, event.at, listed=True)

    def _change(self, held: _Held, event: Changed) -> None:
        item = event.item
        known = max(held.floor, held.objects.version(item.key), held.graves.get(item.key, 0))
        if not item.version or item.version > known:
            held.graves.pop(item.key, None)
            self._touched |= held.objects.replace(item)
        held.progress = _further(held.progress, item.version, event.at)

    def _delete(self, held: _Held, event: Deleted) -> None:
        known = max(held.floor, held.objects.version(event.key))
        if not event.version or event.version > known:
            self._touched |= held.objects.discard(event.key)
            held.graves[event.key] = max(event.version, held.graves.get(event.key, 0))
        if len(held.graves) > _GRAVES:
            _raise_floor(held, min(held.graves.values()))
        held.progress = _further(held.progress, event.version, event.at)

    def _follow(self) -> bool:
        """Bring the world up to what stands. What fails half-way is done from the beginning next time."""
        if self.world is None and not all(held.progress.listed for held in self._held.values()):
            return False
        before, touched = self.world, self._touched
        self._touched, is_torn, self._is_torn = set(), self._is_torn, True
        if self.world is None or is_torn or len(touched) >= REBUILD:
            snapshot = Snapshot.of(self._standing(), revision=str(self.revision))
            self.world = World.of(snapshot, self._profile)
        else:
            self.world = self._overlaid(self.world, touched)
        self._is_torn = False
        return self.world is not before

    def _overlaid(self, world: World, touched: Iterable[ObjectRef]) -> World:
        after = world
        for change in self._changes(touched, world.snapshot):
            after = after.with_change(change)
        if after is not world:
            after.snapshot = replace(after.snapshot, revision=str(self.revision))
        return after

    def _changes(self, touched: Iterable[ObjectRef], snapshot: Snapshot) -> Iterator[Change]:
        """What of *touched* is another now than in *snapshot*."""
        for ref in sorted(touched):
            before, after = snapshot.find(ref), self._standing_at(ref)
            if not _same(before, after):
                yield Change(_operation(before, after), before, after)

    def _standing_at(self, ref: ObjectRef) -> Decoded[object] | None:
        found = (
            held.objects.standing(ref)
            for resource, held in self._in_order()
            if resource.kind.group == ref.group and resource.kind.name == ref.kind
        )
        return next((one for one in found if one is not None), None)

    def _standing(self) -> Iterator[Decoded[object]]:
        """All that stands, in an order that depends on nothing else."""
        every = chain.from_iterable(held.objects.all_standing() for _, held in self._in_order())
        taken: set[ObjectRef] = set()
        for one in sorted(every, key=lambda one: one.ref):
            if one.ref not in taken:
                taken.add(one.ref)
                yield one

    def _in_order(self) -> list[tuple[Resource, _Held]]:
        """What is held, by name: while a kind moves from one group to another, the first name counts."""
        return sorted(self._held.items(), key=lambda pair: pair[0].name)


def _further(progress: Progress, version: int, at: float) -> Progress:
    return replace(
        progress, version=max(progress.version, version), at=max(progress.at, at), failure=""
    )


def _raise_floor(held: _Held, version: int) -> None:
    """Everything up to *version* was told; what is older needs no grave any more."""
    held.floor = max(held.floor, version)
    held.graves = {key: one for key, one in held.graves.items() if one > held.floor}


def _take_count(held: _Held) -> None:
    """See whether all that a direct read found is here by now: then so is all up to its version."""
    counted = held.awaited
    if counted is not None and _agree(held, counted.census):
        held.awaited = None
        held.progress = _further(held.progress, counted.census.version, counted.at)


def _agree(held: _Held, census: Census) -> bool:
    """Whether *held* has each object as new as *census* has it, and none that is gone in there."""
    for key, version in census.versions.items():
        if max(held.objects.version(key), held.graves.get(key, 0)) < version:
            return False
    extra = held.objects.keys() - census.versions.keys()
    return all(held.objects.version(key) > census.version for key in extra)


def _same(before: Decoded[object] | None, after: Decoded[object] | None) -> bool:
    """Whether nothing changed that is kept of the object."""
    if before is None or after is None:
        return before is after
    return before.raw == after.raw


def _operation(before: Decoded[object] | None, after: Decoded[object] | None) -> Operation:
    if after is None:
        return Operation.DELETE
    return Operation.CREATE if before is None else Operation.UPDATE
