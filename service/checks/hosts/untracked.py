"""Connections of which untracked policy accepts one direction only.

A packet that untracked policy accepts is not tracked. Its answer is then no part of any connection that the
kernel knows, and for TCP that makes it invalid: every endpoint chain drops it, unless untracked policy
accepts it, too. Source: felix/rules/endpoints.go; felix/fv/donottrack_test.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.cause import Decision, Direction, Hook
from service.policy.profile import Dataplane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model.kinds.host_endpoint import HostEndpoint
    from service.policy.cause import Cause
    from service.policy.world import World

_TCP = IntervalSet.single(PROTOCOL_NUMBERS["TCP"])
_SWAPPED = {
    Field.SRC: Field.DST,
    Field.DST: Field.SRC,
    Field.SRC_PORT: Field.DST_PORT,
    Field.DST_PORT: Field.SRC_PORT,
}
_OTHER = {Direction.INGRESS: Direction.EGRESS, Direction.EGRESS: Direction.INGRESS}


@dataclass(frozen=True, slots=True)
class Unanswered:
    """First packets that the rule of *cause* accepts untracked, and whose answers nothing accepts so."""

    cause: Cause
    packets: Bounds


def mirrored(space: HeaderSpace) -> HeaderSpace:
    """The answers to packets of *space*: addresses and ports exchanged."""
    boxes = (
        HeaderSpace.box(
            space.family, {_SWAPPED.get(field, field): values for field, values in box.items()}
        )
        for box in space.boxes()
    )
    return HeaderSpace.union_all(space.family, boxes)


def unanswered(
    world: World, hep: HostEndpoint, live: Bounds, *, direction: Direction
) -> Iterator[Unanswered]:
    """What of the TCP packets of *live* would get no answer past the untracked policy of *hep*."""
    is_programs = (
        world.felix(hep.node).dataplane is Dataplane.BPF
    )  # of whose answers nothing is known
    if is_programs or not world.resolve(hep, Hook.UNTRACKED, direction):
        return
    family = live.may.family
    tcp = live & Bounds.exact(HeaderSpace.box(family, {Field.PROTOCOL: _TCP}))
    partition = world.evaluate(hep, tcp, hook=Hook.UNTRACKED, direction=direction)
    for part in partition.of(Decision.ALLOW):
        asked = Bounds(mirrored(part.space.must), mirrored(part.space.may))
        answers = world.evaluate(
            hep, asked, hook=Hook.UNTRACKED, direction=_OTHER[direction]
        ).bounds(Decision.ALLOW)
        missing = asked - answers
        if missing.may:
            packets = Bounds(mirrored(missing.must), mirrored(missing.may))
            yield Unanswered(part.cause, packets)
