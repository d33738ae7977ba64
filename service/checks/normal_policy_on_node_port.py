"""Which normal policies name node ports, which kube-proxy has translated before they look?

docs/checks/normal-policy-on-node-port.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.hosts.kinds import host_classes, selected_hosts
from service.checks.mending.rules import before_dnat
from service.checks.nodeport.openings import all_openings, ranges_text
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import outside_packet
from service.model.rule import Action, port_numbers
from service.net.flow import PORT_PROTOCOLS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Cause, Direction, Hook, Reason
from service.policy.entries import entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Witness
    from service.policy.convert import Policy, PolicyRule
    from service.policy.world import World

_ID = "normal-policy-on-node-port"
_NOTHING = IntervalSet.EMPTY


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each rule of a normal policy on hosts that is about node ports.

    An Allow does no harm where host traffic alone is judged. With applyOnForward the policy is a
    condition on everything that the node forwards, and neither action is ever met.
    """
    opened = _node_ports(world, settings)
    whole_range = IntervalSet.of(settings.node_port_range)
    for policy in world.policies:
        if policy.hook is not Hook.NORMAL or not _governs_hosts(world, policy):
            continue
        for rule in policy.rules(Direction.INGRESS):
            if rule.rule.action is Action.DENY or policy.apply_on_forward:
                ports = _named(rule, opened, whole_range)
                if ports:
                    yield _verdict(world, policy, rule, ports=ports)


def _node_ports(world: World, settings: CheckSettings) -> Mapping[int, IntervalSet]:
    """The node ports in use by protocol; health-check ports are the host's own, and not translated."""
    found = dict.fromkeys(sorted(PORT_PROTOCOLS), _NOTHING)
    for one in all_openings(world, settings):
        if one.allocated and not one.health:
            found[one.protocol] |= one.ports
    return found


def _named(
    rule: PolicyRule, opened: Mapping[int, IntervalSet], whole_range: IntervalSet
) -> IntervalSet:
    """The node ports that the rule is about: those in use, or any, where it names nothing else."""
    if rule.rule.protocol not in PORT_PROTOCOLS or not rule.rule.destination.ports:
        return _NOTHING
    ports = port_numbers(rule.rule.destination.ports)
    return ports & opened[rule.rule.protocol] or (ports if ports <= whole_range else _NOTHING)


def _governs_hosts(world: World, policy: Policy) -> bool:
    return Direction.INGRESS in policy.directions and any(
        policy.selects(dict(labels)) for labels in host_classes(world)
    )


def _proof(
    world: World, policy: Policy, rule: PolicyRule, *, ports: IntervalSet
) -> tuple[Witness | None, Bounds]:
    """A packet to a node port that the author of the rule had in mind, and all of them."""
    about = Bounds.exact(HeaderSpace.nothing(Family.V4))
    for hep in selected_hosts(world, policy):
        for family in Family:
            match = world.matcher.match(rule, family).space
            for entry in entries(world, hep.node, family):
                fields = {Field.DST_PORT: ports, Field.DST: entry.addresses}
                about = match & Bounds.exact(HeaderSpace.box(family, fields))
                if about.must:
                    return outside_packet(about.must, entry), about
    return None, about


def _verdict(world: World, policy: Policy, rule: PolicyRule, *, ports: IntervalSet) -> Verdict:
    witness, about = _proof(world, policy, rule, ports=ports)
    forward = policy.apply_on_forward
    effect = (
        "it never matches, and what the node forwards is denied at the end of the tier instead"
        if forward
        else "it does not stop what is sent there"
    )
    cause = Cause(
        Reason.RULE,
        Hook.FORWARD if forward else Hook.NORMAL,
        Direction.INGRESS,
        tier=policy.tier,
        policy=policy.meta.ref,
        rule=rule.index,
        location=policy.meta.location.at(rule.rule.pointer),
    )
    return Verdict(
        check=_ID,
        subject=policy.meta.ref,
        result=Result.FAIL,
        severity=Severity.HIGH if rule.rule.action is Action.DENY else Severity.MEDIUM,
        reason="forward" if forward else "normal",
        message=f"ingress rule {rule.index} is about node ports ({ranges_text(ports)}), which are "
        f"translated before it looks: {effect}",
        advice="Say preDNAT: true and applyOnForward: true in a policy of its own.",
        location=cause.location,
        key=(f"ingress rule {rule.index}",),
        witness=witness,
        causes=(cause,),
        space=about,
        details={"ports": ranges_text(ports)},
    )


CHECK = Check(
    id=_ID,
    title="Normal policy about node ports, which it never sees",
    severity=Severity.HIGH,
    subjects=frozenset({"GlobalNetworkPolicy"}),
    reasons={
        "normal": "A normal policy denies node ports: the packets are forwarded traffic when it looks.",
        "forward": "A policy with applyOnForward names node ports: their numbers are gone when it looks.",
    },
    audit=audit,
    remedies=before_dnat,
)
