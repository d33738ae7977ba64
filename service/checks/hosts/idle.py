"""Host endpoints that govern no interface, and rules for hosts that match nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.hosts.kinds import host_classes
from service.net.prefixes import Family, format_ip
from service.policy.endpoints import WILDCARD
from service.policy.match import applies_to_family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model.kinds.host_endpoint import HostEndpoint
    from service.policy.convert import Entity, Policy, PolicyRule
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class IdleRule:
    """A rule whose *selector* on one *side* stands for no address of any family."""

    policy: Policy
    name: str
    side: str
    selector: str
    pointer: str


def idle_endpoints(world: World) -> Iterator[tuple[HostEndpoint, str]]:
    """The host endpoints that are bound to no interface, each with the reason. O(endpoints).

    Of interfaces only what the Node says is known.
    """
    for hep in sorted(world.heps, key=lambda one: one.meta.ref):
        why = _why_idle(world, hep)
        if why:
            yield hep, why


def _why_idle(world: World, hep: HostEndpoint) -> str:
    node = world.nodes.get(hep.node)
    winner = world.endpoints(hep.node).inactive.get(hep.meta.ref.name)
    if winner:
        return f"{winner} has the same interface, and its name comes first"
    if node is None:
        return f"there is no Node {hep.node}" if world.nodes else ""
    if node.interfaces is not None:
        return _why_unbound(world, hep)
    if (
        hep.interface_name
        or not hep.expected_ips
        or set(hep.expected_ips)
        & {*node.internal_ips, *node.external_ips, *node.bgp_addresses, *node.tunnel_addresses}
    ):
        return ""
    listed = ", ".join(format_ip(*one) for one in hep.expected_ips)
    return f"it names no interface, and {listed} is no address of Node {hep.node}"


def _why_unbound(world: World, hep: HostEndpoint) -> str:
    """Whether one of the interfaces that the Node names is the endpoint's."""
    if hep.interface_name == WILDCARD:
        return ""
    endpoints = world.endpoints(hep.node)
    exclude = world.felix(hep.node).interface_exclude
    interfaces = world.nodes[hep.node].interfaces or ()
    if any(endpoints.on_interface(one, exclude) is hep for one in interfaces):
        return ""
    names = ", ".join(one.name for one in interfaces)
    return f"it is bound to none of the interfaces of Node {hep.node} ({names})"


def idle_rules(world: World) -> Iterator[IdleRule]:
    """The rules of policies that govern hosts which match nothing, for want of a selected address."""
    governing = {
        policy
        for policy in world.policies
        if any(policy.selects(dict(labels)) for labels in host_classes(world))
    }
    for policy in sorted(governing, key=lambda one: one.meta.ref):
        for direction in sorted(policy.directions):
            for rule in policy.rules(direction):
                for side, entity in (("source", rule.source), ("destination", rule.destination)):
                    if entity.positive is not None and _never_matches(world, rule, entity):
                        yield IdleRule(
                            policy,
                            f"{direction} rule {rule.index}",
                            side,
                            entity.positive.canonical(),
                            rule.rule.pointer,
                        )


def _never_matches(world: World, rule: PolicyRule, entity: Entity) -> bool:
    """Whether the rule is for some family and matches nothing of any, and its selector has no address."""
    families = [family for family in Family if applies_to_family(rule, family)]
    if not families or any(world.matcher.match(rule, one).space.may for one in families):
        return False
    selector = entity.positive
    return selector is not None and not any(
        world.matcher.selected(selector, family).may for family in Family
    )
