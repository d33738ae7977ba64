"""Which flows two snapshots treat otherwise: what opened, what closed, and by which change.

Nothing depends on the order of changes: each world is asked as a whole, and so is the world with one of
the changes alone, and the world with all but one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from service.model.snapshot import Change, Operation
from service.net.headerspace import HeaderSpace
from service.policy.ledger import Share, cells
from service.policy.reach import reach
from service.policy.reached import Origin, boxes, boxes_text, cause_json, cause_text
from service.policy.stages import Disposition
from service.policy.witness import witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from service.model.meta import Decoded
    from service.model.refs import ObjectRef
    from service.model.snapshot import Snapshot
    from service.net.prefixes import Family
    from service.policy.cause import Cause
    from service.policy.flow_query import FlowQuery
    from service.policy.question import Question
    from service.policy.reached import Reach, ReachPart
    from service.policy.world import World

CANDIDATES = 50
"""With more changes than these, none is tried alone."""
_OPENNESS = (Disposition.DENIED, Disposition.UNKNOWN, Disposition.ALLOWED)


class Turn(StrEnum):
    """What a change set did to a flow."""

    OPENED = "opened"
    CLOSED = "closed"
    MAY_HAVE_OPENED = "may-have-opened"
    MAY_HAVE_CLOSED = "may-have-closed"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of flows in one world, and what decides it; nothing where no such flow is."""

    disposition: Disposition
    causes: tuple[Cause, ...] = ()
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The fate as JSON."""
        return {
            "disposition": self.disposition.value,
            "causes": [cause_json(cause) for cause in self.causes],
            "unknown": list(self.unknown),
        }

    def __str__(self) -> str:
        why = " or ".join(map(cause_text, self.causes)) or "; ".join(self.unknown)
        return (
            f"{self.disposition} ({why})" if why else f"{self.disposition} (there is no such flow)"
        )


@dataclass(frozen=True, slots=True)
class Turned:
    """Flows of one origin that one world lets through and the other does not, or perhaps not.

    ``alone`` are the changed objects of which each alone does it; ``needed`` are those without which
    all the others do not. Both are () where nothing was tried.
    """

    origin: Origin
    before: Fate
    after: Fate
    space: HeaderSpace
    asked: HeaderSpace
    alone: tuple[ObjectRef, ...] = ()
    needed: tuple[ObjectRef, ...] = ()
    witness: FlowQuery | None = None

    @property
    def turn(self) -> Turn:
        """Which way the flows turned."""
        ends = {self.before.disposition, self.after.disposition}
        is_sure = Disposition.UNKNOWN not in ends
        if _OPENNESS.index(self.after.disposition) > _OPENNESS.index(self.before.disposition):
            return Turn.OPENED if is_sure else Turn.MAY_HAVE_OPENED
        return Turn.CLOSED if is_sure else Turn.MAY_HAVE_CLOSED

    def to_json(self) -> dict[str, object]:
        """The flows as JSON."""
        return {
            "turn": self.turn.value,
            "family": int(self.space.family),
            "origin": self.origin.to_json(),
            "flows": list(boxes(self.space, self.asked)),
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "alone": [str(ref) for ref in self.alone],
            "needed": [str(ref) for ref in self.needed],
            "witness": self.witness.to_json() if self.witness else None,
        }

    def to_text(self) -> str:
        """The flows on a few lines."""
        lines = [
            f"{self.turn}, IPv{self.space.family.value} from {self.origin}",
            *(f"    {one}" for one in boxes_text(self.space, self.asked)),
            f"    before: {self.before}",
            f"    after: {self.after}",
        ]
        if self.alone:
            lines.append(f"    by any of: {', '.join(map(str, self.alone))}")
        if self.needed:
            lines.append(f"    not without: {', '.join(map(str, self.needed))}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Difference:
    """What two worlds treat otherwise, of the flows of one question; ``changes`` are the objects that
    differ, with what was done to them. ``unresolved`` as for reach, of either world.
    """

    question: Question
    changes: tuple[Change, ...]
    turned: tuple[Turned, ...]
    unresolved: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The difference as JSON."""
        return {
            "question": dict(self.question.raw),
            "changes": [
                {"object": str(one.ref), "operation": one.operation.value} for one in self.changes
            ],
            "turned": [one.to_json() for one in self.turned],
            "unresolved": list(self.unresolved),
        }

    def to_text(self) -> str:
        """The difference for people."""
        changes = (f"{_DONE[one.operation]} {one.ref}" for one in self.changes)
        turned = [one.to_text() for one in self.turned] or ["no flow opened or closed"]
        unknown = (f"unknown: {why}" for why in self.unresolved)
        return "\n".join((*changes, *turned, *unknown))


_DONE = {
    Operation.CREATE: "created",
    Operation.UPDATE: "changed",
    Operation.DELETE: "deleted",
}


def difference(
    before: World, after: World, question: Question, *, limit: int | None = None
) -> Difference:
    """Which flows of *question* opened and closed from *before* to *after*. Raises: as `reach`."""
    changes = tuple(changes_between(before.snapshot, after.snapshot))
    if not changes:
        return Difference(question, (), ())
    then, now = (reach(world, question, limit=limit) for world in (before, after))
    turned = list(_turned(then, now))
    if turned:
        turned = [
            replace(one, witness=_witness(before, after, one))
            for one in _Sides(before, after, question, changes).blamed(turned)
        ]
    unresolved = tuple(dict.fromkeys((*then.unresolved, *now.unresolved)))
    return Difference(question, changes, tuple(turned), unresolved)


def _witness(before: World, after: World, one: Turned) -> FlowQuery | None:
    """One of the flows, as the world has it that knows them."""
    is_new = one.after.causes or one.after.unknown
    return witness(after if is_new else before, one.origin, one.space)


def changes_between(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """The objects that differ, by reference, each as the change that makes one into the other."""
    old = {one.ref: one for one in before.decoded()}
    new = {one.ref: one for one in after.decoded()}
    for ref in sorted(old.keys() | new.keys()):
        change = _change(old.get(ref), new.get(ref))
        if change is not None:
            yield change


def _change(before: Decoded[object] | None, after: Decoded[object] | None) -> Change | None:
    if before is None:
        return Change(Operation.CREATE, None, after)
    if after is None:
        return Change(Operation.DELETE, before, None)
    if before is after or before.raw == after.raw:
        return None
    return Change(Operation.UPDATE, before, after)


def _turned(then: Reach, now: Reach) -> Iterator[Turned]:
    """The flows whose disposition differs, by origin."""
    for family in then.question.families:
        old, new = _by_origin(then, family), _by_origin(now, family)
        for origin in dict.fromkeys((*old, *new)):
            yield from _turned_at(
                origin, _Fates(family, old.get(origin, [])), _Fates(family, new.get(origin, []))
            )


def _by_origin(answer: Reach, family: Family) -> dict[Origin, list[ReachPart]]:
    found: dict[Origin, list[ReachPart]] = {}
    for part in answer.parts:
        if part.space.family is family:
            found.setdefault(part.origin, []).append(part)
    return found


class _Fates:
    """The fates of the flows of one origin in one world; flows that are not there get nowhere."""

    def __init__(self, family: Family, parts: Iterable[ReachPart]) -> None:
        self.shares = [
            Share(Fate(one.disposition, one.causes, one.unknown), one.space) for one in parts
        ]
        self.witnesses = {
            share.label: part.witness for share, part in zip(self.shares, parts, strict=True)
        }
        self.asked = HeaderSpace.union_all(family, (one.space for one in self.shares))

    def beside(self, other: _Fates) -> list[Share[Fate]]:
        """The shares, with those that only *other* knows."""
        absent = other.asked - self.asked
        nowhere = [Share(Fate(Disposition.DENIED), absent)] if absent else []
        return [*self.shares, *nowhere]


def _turned_at(origin: Origin, old: _Fates, new: _Fates) -> Iterator[Turned]:
    before, after = old.beside(new), new.beside(old)
    asked = old.asked | new.asked
    for disposition in Disposition:
        was = _with(before, disposition, asked)
        for other in Disposition:
            space = was & _with(after, other, asked) if other is not disposition else None
            if not space:
                continue
            for cell, (fate,) in cells(
                space, [one for one in before if one.label.disposition is disposition]
            ):
                for part, (then,) in cells(
                    cell, [one for one in after if one.label.disposition is other]
                ):
                    yield Turned(origin, fate, then, part, asked)


def _with(
    shares: Iterable[Share[Fate]], disposition: Disposition, asked: HeaderSpace
) -> HeaderSpace:
    spaces = (one.space for one in shares if one.label.disposition is disposition)
    return HeaderSpace.union_all(asked.family, spaces)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both worlds, what was asked of them, and how they differ."""

    before: World
    after: World
    question: Question
    changes: tuple[Change, ...]

    def with_one(self, change: Change) -> World:
        """The world before with *change* alone."""
        return self.before.with_change(change)

    def without_one(self, change: Change) -> World:
        """The world after without *change*."""
        undone = Change(_UNDONE[change.operation], change.after, change.before)
        return self.after.with_change(undone)

    def blamed(self, turned: list[Turned]) -> Iterator[Turned]:
        """*turned*, cut by the changes that do it alone and, where none does, by those that it needs."""
        if len(self.changes) == 1:
            yield from (replace(one, alone=(self.changes[0].ref,)) for one in turned)
            return
        if len(self.changes) > CANDIDATES:
            yield from turned
            return
        rest: list[Turned] = []
        for one, refs in self._cut(
            turned, self.with_one, lambda one, told: one.after.disposition is told
        ):
            if refs:
                yield replace(one, alone=refs)
            else:
                rest.append(one)
        for one, refs in self._cut(
            rest, self.without_one, lambda one, told: one.after.disposition is not told
        ):
            yield replace(one, needed=refs)

    def _cut(
        self,
        turned: list[Turned],
        world_of: Callable[[Change], World],
        is_blamed: Callable[[Turned, Disposition], bool],
    ) -> Iterator[tuple[Turned, tuple[ObjectRef, ...]]]:
        """*turned*, cut by the changes whose worlds give the flows a disposition that blames them."""
        if not turned:
            return
        within = {
            family: HeaderSpace.union_all(
                family, (one.space for one in turned if one.space.family is family)
            )
            for family in self.question.families
        }
        answers = [
            (change.ref, reach(world_of(change), self.question, within)) for change in self.changes
        ]
        for one in turned:
            shares = [
                Share(ref, space)
                for ref, answer in answers
                for told, space in _told_at(answer, one)
                if is_blamed(one, told)
            ]
            for space, refs in cells(one.space, shares):
                yield replace(one, space=space), refs


_UNDONE = {
    Operation.CREATE: Operation.DELETE,
    Operation.UPDATE: Operation.UPDATE,
    Operation.DELETE: Operation.CREATE,
}


def _told_at(answer: Reach, one: Turned) -> Iterator[tuple[Disposition, HeaderSpace]]:
    """What *answer* says of the flows of *one*, by disposition; flows that are not there get nowhere."""
    rest = one.space
    for part in answer.parts:
        if part.origin == one.origin and part.space.family is rest.family:
            space = part.space & rest
            if space:
                yield part.disposition, space
                rest = rest - space
    if rest:
        yield Disposition.DENIED, rest
