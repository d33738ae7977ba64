"""Rules and selectors in words, as the workload's page and its JSON tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.selector import Equals
from service.net.flow import protocol_name
from service.policy.cause import Direction
from service.policy.convert import ORCHESTRATOR

if TYPE_CHECKING:
    from service.model.selector import Selector
    from service.policy.convert import Entity, Policy, PolicyRule

_PODS = Equals(ORCHESTRATOR, "k8s").canonical()


def rule_text(rule: PolicyRule, direction: Direction) -> str:
    """As in "Allow TCP port 5432 from app == 'web'"."""
    words = [rule.rule.action.value, _what(rule)]
    peer = rule.source if direction is Direction.INGRESS else rule.destination
    words.append("from" if direction is Direction.INGRESS else "to")
    words.append(_peer(peer))
    return " ".join(words)


def _what(rule: PolicyRule) -> str:
    protocol = rule.rule.protocol
    named = "any protocol" if protocol is None else protocol_name(protocol)
    if rule.rule.not_protocol is not None:
        named = f"any protocol but {protocol_name(rule.rule.not_protocol)}"
    ports = ", ".join(map(str, rule.destination.rule.ports))
    spared = ", ".join(map(str, rule.destination.rule.not_ports))
    told = f" port {ports}" if ports else ""
    return f"{named}{told}{f' but port {spared}' if spared else ''}"


def _peer(peer: Entity) -> str:
    rule = peer.rule
    told = [str(net) for net in rule.nets]
    told += [f"not {net}" for net in rule.not_nets]
    if peer.positive is not None:
        told.append(_selector(peer.positive))
    if peer.negative is not None:
        told.append(f"not {_selector(peer.negative)}")
    if rule.services is not None:
        told.append(f"Service {rule.services.namespace}/{rule.services.name}")
    return ", ".join(told) or "anybody"


def _selector(selector: Selector) -> str:
    """*selector* without what Calico adds to each of Kubernetes' own: that pods are pods."""
    text = selector.canonical().replace(f"{_PODS} && ", "").replace(f" && {_PODS}", "")
    return text.replace(_PODS, "any pod")


def selector_text(policy: Policy) -> str:
    """What a policy selects: "all endpoints" where nothing narrows it."""
    return "all endpoints" if policy.applies_to is None else _selector(policy.applies_to)


def pairs(selector: Selector | None) -> frozenset[tuple[str, str]]:
    """The label pairs that a match of *selector* needs, one of each label's values where it has several."""
    if selector is None:
        return frozenset()
    return frozenset(
        (label, value)
        for label, one in selector.restrictions().items()
        for value in one.must_have_one_of_values or ()
    )
