"""The cluster-wide policies of sig-network as Calico's: ClusterNetworkPolicy and its predecessors.

Source: libcalico-go/lib/backend/k8s/conversion/clusternetworkpolicy.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.label_selector import LabelSelector
from service.model.protocols import is_port_name
from service.model.rule import ANY, Action, EntityRule, Port, Rule
from service.model.selector import and_
from service.policy.cause import Direction
from service.policy.convert import Entity, Policy, PolicyRule
from service.policy.convert_kubernetes import in_namespaces, made_rule, pods_with
from service.policy.profile import ADMIN_TIER, BASELINE_TIER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.model.cluster_policy import ClusterPeer, ClusterRule, Subject
    from service.model.cluster_ports import ClusterPort
    from service.model.kinds.admin_network_policy import AdminNetworkPolicy
    from service.model.kinds.baseline_admin_network_policy import BaselineAdminNetworkPolicy
    from service.model.kinds.cluster_network_policy import ClusterNetworkPolicy
    from service.model.meta import Meta
    from service.model.selector import Selector

    _Rules = Mapping[Direction, tuple[ClusterRule, ...]]

_TIERS = {"Admin": "kube-admin", "Baseline": "kube-baseline"}
_BASELINE_ORDER = 1000.0
_ACTIONS = {
    "Accept": Action.ALLOW,
    "Allow": Action.ALLOW,
    "Deny": Action.DENY,
    "Pass": Action.PASS,
}
_FAIL_CLOSED = frozenset({Action.DENY, Action.PASS})


class _UnconvertibleError(Exception):
    """A rule that Calico cannot convert."""


@dataclass(frozen=True, slots=True)
class _Head:
    meta: Meta
    kind: str
    tier: str
    order: float


def cluster_policy(policy: ClusterNetworkPolicy) -> Policy | None:
    """The internal form of a ClusterNetworkPolicy; None for one that Calico ignores."""
    tier = _TIERS.get(policy.tier)
    if tier is None:
        return None
    head = _Head(policy.meta, "KubernetesClusterNetworkPolicy", tier, float(policy.priority))
    return _policy(head, policy.subject, rules=_both(policy))


def admin_policy(policy: AdminNetworkPolicy) -> Policy | None:
    """The internal form of an AdminNetworkPolicy, where Calico knows the kind."""
    order = float(policy.priority)
    head = _Head(policy.meta, "KubernetesAdminNetworkPolicy", ADMIN_TIER, order)
    return _policy(head, policy.subject, rules=_both(policy))


def baseline_policy(policy: BaselineAdminNetworkPolicy) -> Policy | None:
    """The internal form of a BaselineAdminNetworkPolicy, where Calico knows the kind."""
    kind = "KubernetesBaselineAdminNetworkPolicy"
    head = _Head(policy.meta, kind, BASELINE_TIER, _BASELINE_ORDER)
    return _policy(head, policy.subject, rules=_both(policy))


def _both(
    policy: ClusterNetworkPolicy | AdminNetworkPolicy | BaselineAdminNetworkPolicy,
) -> _Rules:
    return {Direction.INGRESS: policy.ingress, Direction.EGRESS: policy.egress}


def _policy(head: _Head, subject: Subject, *, rules: _Rules) -> Policy | None:
    selector = _pods(subject)
    if selector is None:
        return None
    made = {one: tuple(_rules(listed, one)) for one, listed in rules.items()}
    # Without any rule the types are empty, which Felix takes for both.
    directions = [one for one in Direction if made[one]] or Direction
    return Policy(
        meta=head.meta,
        kind=head.kind,
        tier=head.tier,
        order=head.order,
        applies_to=selector,
        directions=frozenset(directions),
        ingress=made[Direction.INGRESS],
        egress=made[Direction.EGRESS],
    )


def _pods(subject: Subject) -> Selector | None:
    if subject.namespace_selector is None:
        return None
    pods = subject.pod_selector or LabelSelector()
    return and_(pods_with(pods), in_namespaces(subject.namespace_selector))


def _rules(rules: tuple[ClusterRule, ...], direction: Direction) -> Iterator[PolicyRule]:
    """The rules; one that Calico cannot convert denies everything, unless it would have allowed."""
    for index, original in enumerate(rules):
        action = _ACTIONS.get(original.action)
        if action is None:
            continue
        try:
            yield from tuple(_converted(original, index, action=action, direction=direction))
        except _UnconvertibleError:
            if action in _FAIL_CLOSED:
                deny = Rule(Action.DENY, pointer=original.pointer, line=original.line)
                nobody = Entity(ANY, None, None)
                yield made_rule(deny, index, nobody, ports=(), direction=direction)


def _converted(
    original: ClusterRule, index: int, *, action: Action, direction: Direction
) -> Iterator[PolicyRule]:
    """One rule for each peer and port, whose index is the original's."""
    for port in original.ports or (None,):
        protocol, ports = _port(port)
        rule = Rule(action, protocol=protocol, pointer=original.pointer, line=original.line)
        for peer in original.peers:
            yield made_rule(rule, index, _peer(peer), ports=ports, direction=direction)


def _port(port: ClusterPort | None) -> tuple[int | None, tuple[Port, ...]]:
    if port is None:
        return None, ()
    if not port.name and port.protocol is not None:
        return port.protocol, (Port(port.lo, port.hi),)
    if not is_port_name(port.name):
        raise _UnconvertibleError
    return None, (Port(name=port.name),)


def _peer(peer: ClusterPeer) -> Entity:
    """Unlike a subject, namespaces without a selector of pods mean network sets there as well."""
    if peer.networks:
        return Entity(EntityRule(nets=peer.networks), None, None)
    if peer.namespace_selector is None:
        raise _UnconvertibleError
    where = in_namespaces(peer.namespace_selector)
    if peer.pod_selector is None:
        return Entity(ANY, where, None)
    return Entity(ANY, and_(where, pods_with(peer.pod_selector)), None)
