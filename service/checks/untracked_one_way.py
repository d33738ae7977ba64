"""Which connections does untracked policy accept in one direction only, so that none comes about?

docs/checks/untracked-one-way.md.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.hosts.proof import some
from service.checks.hosts.untracked import Unanswered, unanswered
from service.checks.hosts.ways import Doorway, doorways
from service.checks.mending.hosts import answered
from service.checks.verdict import Result, Severity, Verdict, Witness
from service.net.flow import Flow
from service.net.headerspace import Bounds, Field
from service.net.prefixes import Family, parse_ip
from service.policy.cause import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.policy.world import World

_Found = tuple[Doorway, Unanswered]
_ID = "untracked-one-way"
_PEERS = ("203.0.113.9", "2001:db8:203::9")
_EPHEMERAL_PORT = 40_000
_SIDES = {Direction.INGRESS: (Field.DST, "egress"), Direction.EGRESS: (Field.SRC, "ingress")}


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each rule and family, by the first kind of host endpoint where it shows."""
    del settings
    for family in Family:
        for direction in Direction:
            found: defaultdict[tuple[object, ...], list[_Found]] = defaultdict(list)
            for doorway in doorways(world, family):
                for one in _of(world, doorway, direction):
                    found[one.cause.policy, one.cause.rule].append((doorway, one))
            for every in found.values():
                yield _verdict(direction, every)


def _of(world: World, doorway: Doorway, direction: Direction) -> Iterator[Unanswered]:
    field, _ = _SIDES[direction]
    for gate in doorway.gates:
        if gate.named is not None:
            yield from unanswered(world, gate.named, doorway.at(field), direction=direction)


def _verdict(direction: Direction, every: list[_Found]) -> Verdict:
    doorway, first = every[0]
    packets = Bounds.union_all(doorway.family, (one.packets for _, one in every))
    nodes = sorted({node for one, _ in every for node in one.nodes})
    cause, sure = first.cause, bool(packets.must)
    _, other = _SIDES[direction]
    if cause.policy is None:
        raise ValueError("nothing but a rule of a policy accepts a packet untracked")
    prefer = {
        Field.SRC_PORT: (_EPHEMERAL_PORT,),
        Field.SRC if direction is Direction.INGRESS else Field.DST: tuple(
            value for one, value in map(parse_ip, _PEERS) if one is doorway.family
        ),
    }
    space = packets.must or packets.may
    flow = Flow.from_sample(doorway.family, space.sample(prefer))
    node = nodes[0]
    inward = direction is Direction.INGRESS
    return Verdict(
        check=_ID,
        subject=cause.policy,
        result=Result.FAIL if sure else Result.WARN,
        severity=Severity.HIGH if sure else Severity.LOW,
        reason="unanswered" if sure else "may-be-unanswered",
        message=f"{direction} rule {cause.rule} accepts TCP without tracking on {some(nodes)}, and "
        f"no untracked {other} rule accepts the answers: they are dropped as invalid",
        advice=f"Allow the answers in {other}, with the ports as source.ports, or leave doNotTrack out.",
        location=cause.location,
        key=(f"{direction} rule {cause.rule}", f"IPv{doorway.family}"),
        witness=Witness(flow, node if inward else "", sender="" if inward else node),
        causes=(cause,),
        unknown=() if sure else ("which packets the selectors of the rules mean",),
        details={"nodes": [*nodes]},
        space=packets,
    )


CHECK = Check(
    id=_ID,
    title="Untracked policy that accepts one direction of a connection",
    severity=Severity.HIGH,
    subjects=frozenset({"GlobalNetworkPolicy"}),
    reasons={
        "unanswered": "A rule accepts requests untracked, and no untracked rule accepts the answers.",
        "may-be-unanswered": "It is not known whether the answers are accepted.",
    },
    audit=audit,
    remedies=answered,
)
