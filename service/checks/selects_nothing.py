"""Which policies, host endpoints and selectors of rules select nothing, and so do nothing?

docs/checks/selects-nothing.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import POLICY_KINDS, Check
from service.checks.hosts.idle import idle_endpoints, idle_rules
from service.checks.hosts.kinds import host_classes, may_select_pods
from service.checks.nodeport.any_node import makes_endpoints
from service.checks.verdict import Result, Severity, Verdict
from service.policy.cause import Hook
from service.policy.convert import NAMESPACE, NAMESPACE_PREFIX, ORCHESTRATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.policy.convert import Policy
    from service.policy.world import World

_ID = "selects-nothing"
_OF_THE_PLACE = frozenset({NAMESPACE, ORCHESTRATOR})
_ADVICE = "Make the policy's selector and the labels of what it is for agree."


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """Policies, then host endpoints, then the rules of policies that govern hosts."""
    for policy in world.policies:
        if not _selects_hosts(world, policy) and not _may_select_new_hosts(world, policy):
            yield from _of_policy(world, policy, settings)
    for hep, why in idle_endpoints(world):
        yield Verdict(
            check=_ID,
            subject=hep.meta.ref,
            result=Result.FAIL,
            severity=Severity.MEDIUM,
            reason="endpoint",
            message=f"the host endpoint governs nothing: {why}",
            advice="Correct spec.node, spec.interfaceName or spec.expectedIPs.",
            location=hep.meta.location,
        )
    for idle in idle_rules(world):
        yield Verdict(
            check=_ID,
            subject=idle.policy.meta.ref,
            result=Result.WARN,
            severity=Severity.LOW,
            reason="rule",
            message=f"{idle.name} matches no packet: nothing with an address is selected by "
            f"{idle.selector} of its {idle.side}",
            advice="Correct the selector; a host endpoint counts by its expectedIPs only.",
            location=idle.policy.meta.location.at(idle.pointer),
            key=(idle.name,),
        )


def _may_select_new_hosts(world: World, policy: Policy) -> bool:
    """Whether the policy is for hosts, and Calico will make the endpoints of nodes that are not known."""
    return policy.hook in {Hook.UNTRACKED, Hook.PRE_DNAT} and makes_endpoints(world)


def _selects_hosts(world: World, policy: Policy) -> bool:
    return any(policy.selects(dict(labels)) for labels in host_classes(world))


def _of_policy(world: World, policy: Policy, settings: CheckSettings) -> Iterator[Verdict]:
    if policy.hook is not Hook.NORMAL:
        yield _for_hosts(world, policy)
    elif _is_of_interest(policy, settings) and not may_select_pods(world, policy):
        yield Verdict(
            check=_ID,
            subject=policy.meta.ref,
            result=Result.WARN,
            severity=Severity.LOW,
            reason="policy",
            message="the policy selects no host endpoint and no pod",
            advice=_ADVICE,
            location=policy.meta.location.at("/spec/selector"),
        )


def _for_hosts(world: World, policy: Policy) -> Verdict:
    """A policy that can be of host endpoints only; where none is known it may be of some elsewhere."""
    category = "untracked" if policy.hook is Hook.UNTRACKED else "preDNAT"
    known = bool(host_classes(world))
    return Verdict(
        check=_ID,
        subject=policy.meta.ref,
        result=Result.FAIL if known else Result.WARN,
        severity=Severity.HIGH if known else Severity.MEDIUM,
        reason="policy" if known else "no-endpoints",
        message=f"the {category} policy selects no host endpoint, and such policy is for nothing else"
        + ("" if known else ": none is known"),
        advice=_ADVICE if known else "Create host endpoints, or turn on automatic ones.",
        location=policy.meta.location.at("/spec/selector"),
        unknown=() if known else ("host endpoints made outside of what was read are not known",),
    )


def _is_of_interest(policy: Policy, settings: CheckSettings) -> bool:
    """Whether the owner wrote the policy for certain pods: a whole namespace may well be empty."""
    if policy.meta.ref.namespace in settings.protected or policy.applies_to is None:
        return False
    asked = policy.applies_to.labels() - _OF_THE_PLACE
    return any(not label.startswith(NAMESPACE_PREFIX) for label in asked)


CHECK = Check(
    id=_ID,
    title="Policies, host endpoints and rules that select nothing",
    severity=Severity.HIGH,
    subjects=POLICY_KINDS | {"HostEndpoint"},
    reasons={
        "policy": "The policy selects no endpoint.",
        "no-endpoints": "The policy is for host endpoints only, and none is known.",
        "endpoint": "The host endpoint is bound to no interface.",
        "rule": "A selector of a rule for hosts stands for no address, so that the rule never matches.",
    },
    audit=audit,
)
