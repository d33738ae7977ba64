"""Which flows that a cluster needs does a host endpoint or a policy cut, or leave to a failsafe list?

docs/checks/node-cutoff.md; the catalogue is `service.checks.cutoff.catalogue`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.checks.contract import POLICY_KINDS, Check
from service.checks.cutoff.catalogue import Who
from service.checks.cutoff.legs import Harm, legs
from service.checks.hosts.proof import some
from service.checks.hosts.ways import nodes_at, owners
from service.checks.verdict import Result, Severity, Verdict, Witness
from service.net.flow import Flow
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.prefixes import parse_ip
from service.policy.cause import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.errors import SourceLocation
    from service.model.refs import ObjectRef
    from service.policy.gates import Gate
    from service.policy.partition import Part
    from service.policy.world import World

_ID = "node-cutoff"
_CUT, _UNKNOWN, _FAILSAFE = "cut", "may-be-cut", "left-to-failsafe"
_RESULTS = {_CUT: Result.FAIL, _UNKNOWN: Result.WARN, _FAILSAFE: Result.WARN}
_WORDS = {
    _CUT: "cuts off what the cluster needs",
    _UNKNOWN: "may cut off what the cluster needs",
    _FAILSAFE: "leaves to the failsafe list alone what the cluster needs",
}
_ADVICE = {
    _CUT: "Allow these flows before whatever denies them, or give the host endpoint the profile "
    "projectcalico-default-allow.",
    _UNKNOWN: "Make the sources and destinations of the rules explicit.",
    _FAILSAFE: "Allow these flows by policy: a failsafe list can be replaced at any time.",
}
_EPHEMERAL_PORT = 40_000
_STRANGERS = ("203.0.113.9", "2001:db8:203::9", "fe80::9")


_Group = tuple["ObjectRef | None", str, Direction]
"""The policy that decides, None for none: then all host endpoints are told of together."""


@dataclass(frozen=True, slots=True, order=True)
class _Blame:
    """Who is to be told of: the policy that decides, or the host endpoint where none does."""

    subject: ObjectRef
    location: SourceLocation
    by: str


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part of some harm that one cause decides."""

    harm: Harm
    part: Part
    space: HeaderSpace


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each policy or endpoint, direction and reason, with all flows that it is about."""
    groups: defaultdict[_Group, list[tuple[_Blame, _Cut]]] = defaultdict(list)
    for leg in legs(world, settings):
        harm = leg.harm(world)
        bare = leg.harm(world.without_failsafes())
        carried = bare.denied.must - harm.denied.may
        if leg.flow.receiver is Who.API:  # apiserver-by-failsafe-only tells
            carried = HeaderSpace.nothing(leg.doorway.family)
        for reason, source, space in (
            (_CUT, harm, harm.denied.must),
            (_UNKNOWN, harm, harm.denied.may - harm.denied.must),
            (_FAILSAFE, bare, carried),
        ):
            for gate, part in source.parts if space else ():
                if part.space.may & space:
                    blame = _blame(world, gate, part)
                    cut = _Cut(source, part, part.space.may & space)
                    groups[part.cause.policy, reason, leg.direction].append((blame, cut))
    for (_, reason, direction), cuts in groups.items():
        yield _verdict(world, reason, direction, cuts=cuts)


def _blame(world: World, gate: Gate, part: Part) -> _Blame:
    cause = part.cause
    if cause.policy is not None:
        location = cause.location or world.policy(cause.policy).meta.location
        return _Blame(cause.policy, location, cause.note or str(cause))
    hep = gate.named or gate.wildcard
    if hep is None:
        raise ValueError("what nobody polices is not denied")
    return _Blame(hep.meta.ref, hep.meta.location, cause.note or str(cause))


def _verdict(
    world: World, reason: str, direction: Direction, *, cuts: list[tuple[_Blame, _Cut]]
) -> Verdict:
    blame = min(one for one, _ in cuts)
    flows = {cut.harm.leg.flow.id: cut.harm.leg.flow for _, cut in cuts}
    worst = _whole([cut for _, cut in cuts])
    nodes = sorted({node for _, cut in cuts for node in _nodes(world, cut)})
    severity = worst.harm.leg.flow.severity if reason == _CUT else Severity.LOW
    causes = tuple(dict.fromkeys(cut.part.cause for _, cut in cuts))
    return Verdict(
        check=_ID,
        subject=blame.subject,
        result=_RESULTS[reason],
        severity=severity,
        reason=reason,
        message=f"{direction} of {some(nodes)}: {_WORDS[reason]}: "
        f"{', '.join(flow.what for flow in flows.values())} ({blame.by})",
        advice=_ADVICE[reason],
        location=blame.location,
        key=(direction.value,),
        witness=_witness(world, worst),
        causes=causes,
        unknown=tuple(dict.fromkeys(why for _, cut in cuts for why in cut.part.unknown))
        if reason == _UNKNOWN
        else (),
        details={"nodes": [*nodes], "flows": [*flows]},
        space=Bounds.exact(worst.space),
    )


def _whole(cuts: list[_Cut]) -> _Cut:
    """The packets of the worst flow, however the nodes were parted."""
    worst = min(cuts, key=lambda one: -one.harm.leg.flow.severity.score)
    leg = worst.harm.leg
    family = leg.doorway.family
    spaces = (
        one.space
        for one in cuts
        if one.harm.leg.flow is leg.flow and one.harm.leg.doorway.family is family
    )
    return replace(worst, space=HeaderSpace.union_all(family, spaces))


def _nodes(world: World, cut: _Cut) -> tuple[str, ...]:
    """The nodes of the doorway whose own packets are among those cut off."""
    doorway = cut.harm.leg.doorway
    field = Field.DST if cut.harm.leg.direction is Direction.INGRESS else Field.SRC
    return nodes_at(world, doorway, cut.space.project(field))


def _witness(world: World, cut: _Cut) -> Witness:
    leg = cut.harm.leg
    family = leg.doorway.family
    far = Field.DST if leg.direction is Direction.EGRESS else Field.SRC
    strangers = tuple(value for one, value in map(parse_ip, _STRANGERS) if one is family)
    sample = cut.space.sample({Field.SRC_PORT: (_EPHEMERAL_PORT,), far: strangers})
    flow = Flow.from_sample(family, sample)
    of = owners(world, family)
    over_loopback = flow.src == flow.dst
    here = leg.doorway.nodes[0]
    sender = here if over_loopback else of.get(flow.src, "")
    if leg.direction is Direction.EGRESS:
        return Witness(flow, of.get(flow.dst, ""), sender=sender or here)
    return Witness(flow, here if over_loopback else of.get(flow.dst, here), sender=sender)


CHECK = Check(
    id=_ID,
    title="Flows that a cluster needs, and that policy cuts off",
    severity=Severity.CRITICAL,
    subjects=POLICY_KINDS | {"HostEndpoint"},
    reasons={
        _CUT: "Packets that the cluster needs are denied.",
        _UNKNOWN: "It is not known whether packets that the cluster needs are denied.",
        _FAILSAFE: "Policy denies them, and only a failsafe port still carries them.",
    },
    audit=audit,
)
