"""Which denies of "everybody" are for one address family only, and let the other pass?

docs/checks/family-forgotten.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.checks.contract import POLICY_KINDS, Check
from service.checks.hosts.open_ports import UNKNOWN
from service.checks.hosts.proof import some
from service.checks.hosts.ways import doorways
from service.checks.mending.hosts import for_both_families
from service.checks.verdict import Result, Severity, Verdict, Witness
from service.model.rule import Action
from service.net.flow import PROTOCOL_NUMBERS, Flow
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, parse_ip
from service.policy.cause import Decision, Direction, Hook, Reason
from service.policy.convert import Entity, PolicyRule
from service.policy.match import applies_to_family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.model.rule import EntityRule
    from service.policy.convert import Policy
    from service.policy.partition import Part, Partition
    from service.policy.world import World

_ID = "family-forgotten"
_STRANGERS = ("203.0.113.9", "2001:db8:203::9")
_PREFERRED = {
    Field.PROTOCOL: (PROTOCOL_NUMBERS["TCP"],),
    Field.DST_PORT: (30080, 443),
    Field.SRC_PORT: (40_000,),
}


_PEERS = ("which packets the selectors of the rules mean",)


@dataclass(frozen=True, slots=True)
class _Gap:
    """Packets of the forgotten family that pass where the others are denied, at some endpoints.

    ``unknown`` is what would have to be known to be sure of that.
    """

    part: Part
    space: HeaderSpace
    node: str
    names: tuple[str, ...]
    of_hosts: bool
    unknown: tuple[str, ...] = ()


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each Deny rule for one family, where the other is in use and passes by default.

    A rule for certain networks is no such rule: those of the other family are others.
    """
    del settings
    for policy in world.policies:
        for direction in sorted(policy.directions):
            for rule in policy.rules(direction):
                family = _forgotten(rule)
                if family is None:
                    continue
                gaps = [*_gaps(world, policy, rule, direction=direction, family=family)]
                if gaps:
                    gap = _whole([one for one in gaps if not one.unknown] or gaps)
                    verdict = _verdict(policy, rule, gap, direction=direction, family=family)
                    yield _doubted(verdict, gap) if gap.unknown else verdict


def _forgotten(rule: PolicyRule) -> Family | None:
    """The family that a Deny of everybody, or of everybody but some, is not for."""
    if rule.rule.action is not Action.DENY or not (
        _is_broad(rule.rule.source) and _is_broad(rule.rule.destination)
    ):
        return None
    missing = [family for family in Family if not applies_to_family(rule, family)]
    return missing[0] if len(missing) == 1 else None


def _is_broad(entity: EntityRule) -> bool:
    return not entity.nets or any(net.length == 0 for net in entity.nets)


def _gaps(
    world: World, policy: Policy, rule: PolicyRule, *, direction: Direction, family: Family
) -> Iterator[_Gap]:
    """Where packets like those of the rule pass in the other family, hosts first."""
    space = world.matcher.work_out(_for_both_families(rule), family).space
    for doorway in doorways(world, family):
        field = Field.DST if direction is Direction.INGRESS else Field.SRC
        live = space & doorway.at(field)
        for gate in doorway.gates:
            hep = gate.endpoint(world, policy.hook)
            if hep is not None and live.may and policy.selects(world.labels(hep)):
                fate = world.evaluate(hep, live, hook=policy.hook, direction=direction)
                for part, packets, unknown in _by_default(fate):
                    yield _Gap(
                        part,
                        packets,
                        doorway.nodes[0],
                        doorway.nodes,
                        of_hosts=True,
                        unknown=unknown,
                    )
    if policy.hook is Hook.NORMAL:
        yield from _at_pods(world, policy, space, direction=direction)


def _whole(gaps: list[_Gap]) -> _Gap:
    """The gaps of hosts in one, or else those of pods, however they were parted."""
    first = gaps[0]
    alike = [one for one in gaps if one.of_hosts == first.of_hosts]
    space = HeaderSpace.union_all(first.space.family, (one.space for one in alike))
    names = sorted({name for one in alike for name in one.names})
    return replace(first, space=space, node=min(one.node for one in alike), names=tuple(names))


def _at_pods(
    world: World, policy: Policy, space: Bounds, *, direction: Direction
) -> Iterator[_Gap]:
    family = space.may.family
    told: set[int] = set()
    for pod in sorted(world.workloads.values(), key=lambda one: one.pod):
        address = pod.address(family)
        if address is None or not policy.selects(dict(pod.labels)):
            continue
        chain = world.workload_chain(pod, direction)
        if id(chain) in told:
            continue
        told.add(id(chain))
        field = Field.DST if direction is Direction.INGRESS else Field.SRC
        here = HeaderSpace.box(family, {field: IntervalSet.single(address[1])})
        fate = world.evaluate_workload(pod, space & Bounds.exact(here), direction)
        for part, packets, unknown in _by_default(fate):
            yield _Gap(part, packets, pod.node, (pod.name,), of_hosts=False, unknown=unknown)


def _by_default(fate: Partition) -> Iterator[tuple[Part, HeaderSpace, tuple[str, ...]]]:
    """What passes, and no rule lets pass on purpose: surely, or else by what is not known."""
    for part in fate.of(Decision.ALLOW, Decision.UNDECIDED):
        if part.cause.reason not in {Reason.RULE, Reason.FAILSAFE}:
            if part.space.must:
                yield part, part.space.must, ()
            elif part.space.may:
                yield part, part.space.may, part.unknown or _PEERS


def _for_both_families(rule: PolicyRule) -> PolicyRule:
    """The rule without what ties it to a family."""
    source = replace(rule.rule.source, nets=(), not_nets=())
    destination = replace(rule.rule.destination, nets=(), not_nets=())
    bare = replace(rule.rule, ip_version=0, source=source, destination=destination)
    return PolicyRule(
        bare,
        rule.index,
        Entity(source, rule.source.positive, rule.source.negative),
        Entity(destination, rule.destination.positive, rule.destination.negative),
    )


def _verdict(
    policy: Policy, rule: PolicyRule, gap: _Gap, *, direction: Direction, family: Family
) -> Verdict:
    far = Field.SRC if direction is Direction.INGRESS else Field.DST
    strangers = tuple(value for one, value in map(parse_ip, _STRANGERS) if one is family)
    flow = Flow.from_sample(family, gap.space.sample({**_PREFERRED, far: strangers}))
    inward = direction is Direction.INGRESS
    return Verdict(
        check=_ID,
        subject=policy.meta.ref,
        result=Result.FAIL,
        severity=Severity.HIGH if gap.of_hosts else Severity.MEDIUM,
        reason="hosts" if gap.of_hosts else "pods",
        message=f"{direction} rule {rule.index} denies IPv{4 if family is Family.V6 else 6} only, and "
        f"{some(gap.names)} has IPv{family}, too: there the same packets pass "
        f"({gap.part.cause.note or gap.part.cause})",
        advice=f"Write the rule for IPv{family} as well; a Deny without nets is for both families.",
        location=policy.meta.location.at(rule.rule.pointer),
        key=(f"{direction} rule {rule.index}",),
        witness=Witness(flow, gap.node if inward else "", sender="" if inward else gap.node),
        causes=(gap.part.cause,),
        details={"family": int(family), "nodes": [*gap.names] if gap.of_hosts else [gap.node]},
        space=Bounds.exact(gap.space),
    )


def _doubted(verdict: Verdict, gap: _Gap) -> Verdict:
    """*verdict* of a gap that there may be."""
    nothing = HeaderSpace.nothing(gap.space.family)
    return replace(
        verdict,
        result=Result.WARN,
        severity=Severity.LOW,
        reason=UNKNOWN,
        message=f"{verdict.message}; whether they do is not known: {gap.unknown[0]}",
        witness=None,
        unknown=gap.unknown,
        space=Bounds(nothing, gap.space),
    )


CHECK = Check(
    id=_ID,
    title="A deny of everybody that is for one address family",
    severity=Severity.HIGH,
    subjects=POLICY_KINDS,
    reasons={
        "hosts": "Packets of the other family pass a host endpoint by default.",
        "pods": "Packets of the other family pass to or from a pod by default.",
        UNKNOWN: "Whether packets of the other family pass rests on facts that are not known.",
    },
    audit=audit,
    remedies=for_both_families,
)
