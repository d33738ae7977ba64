"""Kubernetes' own policies as Calico's: NetworkPolicy, and the cluster-wide ones.

Source: libcalico-go/lib/backend/k8s/conversion/{conversion,clusternetworkpolicy}.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.rule import ANY, Action, EntityRule, Port, Rule
from service.model.selector import Equals, Has, Selector, and_
from service.policy.cause import Direction
from service.policy.convert import (
    NAMESPACE,
    NAMESPACE_PREFIX,
    ORCHESTRATOR,
    Entity,
    Policy,
    PolicyRule,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.model.kinds.k8s_network_policy import NetworkPolicy
    from service.model.label_selector import LabelSelector
    from service.model.peer_rule import Peer, PeerRule, PolicyPort

KUBERNETES_NETWORK_POLICY = "KubernetesNetworkPolicy"
_ORDER = 1000.0
_PODS = Equals(ORCHESTRATOR, "k8s")
_ANYTHING = Entity(ANY, None, None)


def kubernetes_policy(policy: NetworkPolicy) -> Policy:
    """The internal form of a NetworkPolicy of Kubernetes: tier default, order 1000, Allow rules alone."""
    namespace = policy.meta.ref.namespace
    return Policy(
        meta=policy.meta,
        kind=KUBERNETES_NETWORK_POLICY,
        tier="default",
        order=_ORDER,
        applies_to=and_(pods_with(policy.pod_selector), Equals(NAMESPACE, namespace)),
        directions=frozenset(Direction(name.lower()) for name in policy.types),
        ingress=tuple(_rules(policy.ingress, namespace, Direction.INGRESS)),
        egress=tuple(_rules(policy.egress, namespace, Direction.EGRESS)),
    )


def pods_with(selector: LabelSelector) -> Selector:
    """Pods, wherever they are, that *selector* selects."""
    return and_(_PODS, *selector.terms())


def in_namespaces(selector: LabelSelector) -> Selector:
    """Whatever lives in a namespace that *selector* selects."""
    if not selector.terms():
        return Has(NAMESPACE)
    return selector.to_selector().prefixed(NAMESPACE_PREFIX)


def made_rule(
    rule: Rule, index: int, peer: Entity, *, ports: tuple[Port, ...], direction: Direction
) -> PolicyRule:
    """*rule* for one *peer* and its *ports* at the destination, whichever side the peer is on."""
    if direction is Direction.INGRESS:
        source, destination = peer, Entity(EntityRule(ports=ports), None, None)
    else:
        listed = EntityRule(nets=peer.rule.nets, not_nets=peer.rule.not_nets, ports=ports)
        source, destination = _ANYTHING, Entity(listed, peer.positive, None)
    return PolicyRule(rule, index, source, destination)


def _rules(
    rules: tuple[PeerRule, ...], namespace: str, direction: Direction
) -> Iterator[PolicyRule]:
    """One rule for each peer and protocol of each original rule, whose index it keeps."""
    for index, original in enumerate(rules):
        if any(isinstance(one.port, str) and one.end_port for one in original.ports or ()):
            continue  # A range from a name: Calico leaves the rule out.
        for protocol, ports in _by_protocol(original.ports):
            rule = Rule(
                Action.ALLOW, protocol=protocol, pointer=original.pointer, line=original.line
            )
            for peer in original.peers or (None,):
                entity = _peer(peer, namespace)
                yield made_rule(rule, index, entity, ports=ports, direction=direction)


def _by_protocol(
    ports: tuple[PolicyPort, ...] | None,
) -> Iterable[tuple[int | None, tuple[Port, ...]]]:
    """The ports of each protocol, none where an entry means all of them; any protocol without entries."""
    if not ports:
        return ((None, ()),)
    found: dict[int, list[Port]] = {}
    unlimited = {one.protocol for one in ports if one.port is None}
    for one in ports:
        listed = found.setdefault(one.protocol, [])
        if one.protocol in unlimited or one.port is None:
            continue
        if isinstance(one.port, str):
            listed.append(Port(name=one.port))
        else:
            listed.append(Port(one.port, one.end_port or one.port))
    return ((protocol, tuple(listed)) for protocol, listed in found.items())


def _peer(peer: Peer | None, namespace: str) -> Entity:
    if peer is None:
        return _ANYTHING
    if peer.ip_block is not None:
        block = EntityRule(nets=(peer.ip_block.cidr,), not_nets=peer.ip_block.excepts)
        return Entity(block, None, None)
    if peer.pod_selector is None and peer.namespace_selector is None:
        return _ANYTHING
    pods: Selector = pods_with(peer.pod_selector) if peer.pod_selector else _PODS
    if peer.namespace_selector is None:
        return Entity(ANY, and_(Equals(NAMESPACE, namespace), pods), None)
    return Entity(ANY, and_(in_namespaces(peer.namespace_selector), pods), None)
