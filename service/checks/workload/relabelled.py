"""What a label that is added to a workload, or taken from it, opens and closes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.checks.workload.calls import call
from service.checks.workload.parties import parties
from service.model.kinds.pod import Pod
from service.model.snapshot import Change, Operation
from service.model.workload import Workload
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Decision, Direction
from service.policy.hooks import ipip_packets, vxlan_packets
from service.policy.reached import boxes, boxes_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.checks.verdict import Json
    from service.checks.workload.calls import Call
    from service.checks.workload.parties import Party
    from service.model.meta import Decoded
    from service.policy.world import World

OUTSIDE = "addresses that are no pod's"


@dataclass(frozen=True, slots=True)
class Turned:
    """Flows between the workload and a peer that a change of labels opens or closes.

    ``sure`` is false where addresses or labels that are not known decide.
    """

    direction: Direction
    peer: str
    opened: bool
    space: HeaderSpace
    asked: HeaderSpace
    sure: bool

    def to_json(self) -> dict[str, Json]:
        """As every door tells it."""
        return {
            "direction": self.direction.value,
            "peer": self.peer,
            "turn": "opened" if self.opened else "closed",
            "sure": self.sure,
            "family": int(self.space.family),
            "flows": [{**one} for one in boxes(self.space, self.asked)],  # type: ignore[dict-item]  # of texts
        }

    def to_text(self) -> str:
        """On a few lines."""
        turn = "opened" if self.opened else "closed"
        way = "from" if self.direction is Direction.INGRESS else "to"
        head = f"{'' if self.sure else 'may have '}{turn} {way} {self.peer}, IPv{self.space.family}"
        return "\n".join((head, *(f"    {one}" for one in boxes_text(self.space, self.asked))))


def relabelled(world: World, party: Party, labels: Mapping[str, str | None]) -> World:
    """*world* with each of *labels* on the pods and the template of *party*, or gone for None."""
    for ref in (party.ref, *(pod.pod for pod in party.pods)):
        decoded = world.snapshot.find(ref)
        changed = _with_labels(decoded, labels) if decoded is not None else None
        if changed is not None:
            world = world.with_change(Change(Operation.UPDATE, decoded, changed))
    return world


def _with_labels(
    decoded: Decoded[object], labels: Mapping[str, str | None]
) -> Decoded[object] | None:
    obj = decoded.obj
    if isinstance(obj, Pod):
        meta = replace(obj.meta, labels=_merged(obj.meta.labels, labels))
        return replace(decoded, meta=meta, obj=replace(obj, meta=meta))
    if isinstance(obj, Workload):
        return replace(decoded, obj=replace(obj, labels=_merged(obj.labels, labels)))
    return None


def _merged(own: Mapping[str, str], labels: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**own, **labels}
    return {name: value for name, value in merged.items() if value is not None}


def turned(world: World, party: Party, labels: Mapping[str, str | None]) -> tuple[Turned, ...]:
    """What *labels* open and close between *party* and every other workload, and the rest of the world.

    O(workloads), each with a walk over the policies of both sides before and after.
    """
    after = relabelled(world, party, labels)
    now = _again(after, party)
    found: list[Turned] = []
    for other in parties(world).every:
        if other.ref == party.ref:
            continue
        there = _again(after, other)
        found += _between(Direction.EGRESS, call(world, party, other), call(after, now, there))
        found += _between(Direction.INGRESS, call(world, other, party), call(after, there, now))
    for way in Direction:
        for family in Family:
            found += _outside(way, (world, party), (after, now), family=family)
    return tuple(found)


def _again(after: World, party: Party) -> Party:
    """The party of *after* that was *party*: that of its first pod, or of its template."""
    first = party.endpoint.pod
    for one in parties(after).by_namespace[party.namespace]:
        if one.endpoint.pod == first or any(pod.pod == first for pod in one.pods):
            return one
    return next(one for one in parties(after).by_namespace[party.namespace] if one.ref == party.ref)


def _between(way: Direction, before: Call, after: Call) -> Iterator[Turned]:
    peer = (before.called if way is Direction.EGRESS else before.caller).name
    asked = before.live.may.forget(Field.SRC, Field.DST)
    was, now = _ports(before.allowed()), _ports(after.allowed())
    yield from _turns(way, peer, asked, was=was, now=now)


def _ports(bounds: Bounds) -> Bounds:
    """What is allowed between any pods of the two, whichever addresses they have."""
    sides = (Field.SRC, Field.DST)
    return Bounds(bounds.must.forget(*sides), bounds.may.forget(*sides))


def _outside(
    way: Direction, before: tuple[World, Party], after: tuple[World, Party], *, family: Family
) -> Iterator[Turned]:
    world, party = before
    own = party.addresses(family)
    if party.pods and not own:
        return
    pods = IntervalSet.union_all(one.addresses(family) for one in parties(world).every)
    others = pods.complement(0, family.max_address)
    sides = (Field.SRC, Field.DST) if way is Direction.EGRESS else (Field.DST, Field.SRC)
    fields = {sides[0]: own, sides[1]: others} if own else {}
    asked = HeaderSpace.box(family, fields)
    live = Bounds.exact(asked)
    was, now = (
        where.evaluate_workload(whose.endpoint, live, way).bounds(Decision.ALLOW)
        for where, whose in (before, after)
    )
    yield from _turns(way, OUTSIDE if own else "anybody", asked, was=was, now=now)


def _turns(
    way: Direction, peer: str, asked: HeaderSpace, *, was: Bounds, now: Bounds
) -> Iterator[Turned]:
    # Without what pods never send, so that people read "any" for the rest.
    asked = asked - vxlan_packets(asked.family) - ipip_packets(asked.family)
    for opened, one, other in ((True, now, was), (False, was, now)):
        sure = one.must - other.may
        if sure:
            yield Turned(way, peer, opened, sure, asked, sure=True)
        perhaps = (one.may - other.must) - sure
        if perhaps and (one.must, one.may) != (other.must, other.may):
            yield Turned(way, peer, opened, perhaps, asked, sure=False)
