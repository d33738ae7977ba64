"""Which rules a packet was compared with at a hook, and by which criterion each let it pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from service.model.rule import ANY, Action, EntityRule, Rule
from service.net.flow import protocol_name
from service.policy.convert import Entity, PolicyRule
from service.policy.match import applies_to_family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model.rule import Icmp
    from service.model.selector import Selector
    from service.net.headerspace import Bounds
    from service.policy.cause import Direction
    from service.policy.convert import Policy
    from service.policy.hooks import TierPolicies
    from service.policy.match import Match, Matcher
    from service.policy.world import World

_ANYTHING = Entity(ANY, None, None)


class Matched(StrEnum):
    """Whether a rule matches the packet; perhaps, where the facts or the packet leave it open."""

    YES = "yes"
    NO = "no"
    PERHAPS = "perhaps"


@dataclass(frozen=True, slots=True)
class Look:
    """A rule that was compared with the packet; ``why`` is the first criterion that is not surely met.

    ``rule`` and ``action`` are None and "" for a policy without any rule in the direction.
    """

    tier: str
    policy: str
    rule: int | None
    action: str
    matched: Matched
    why: str = ""

    def to_json(self) -> dict[str, object]:
        """The look as JSON."""
        return {
            "tier": self.tier,
            "policy": self.policy,
            "rule": self.rule,
            "action": self.action,
            "matched": self.matched.value,
            "why": self.why,
        }

    def __str__(self) -> str:
        rule = "no rule" if self.rule is None else f"rule {self.rule} {self.action}"
        why = f": {self.why}" if self.why else ""
        return f"{self.tier}/{self.policy} {rule}, match {self.matched}{why}"


def looks(
    world: World, tiers: tuple[TierPolicies, ...], direction: Direction, *, packets: Bounds
) -> Iterator[Look]:
    """The rules in the order in which *packets* meet them, up to the one that surely decides."""
    for tier in tiers:
        for policy in tier.policies:
            rules = policy.rules(direction)
            if not rules:
                yield _look(tier, policy, None)
            for rule in rules:
                matched, why = _compared(world.matcher, rule, packets)
                yield _look(tier, policy, rule, matched=matched, why=why)
                if matched is Matched.YES and rule.rule.action in {Action.ALLOW, Action.DENY}:
                    return
                if matched is Matched.YES and rule.rule.action is Action.PASS:
                    break
            else:
                continue
            break


def _look(
    tier: TierPolicies,
    policy: Policy,
    rule: PolicyRule | None,
    *,
    matched: Matched = Matched.NO,
    why: str = "",
) -> Look:
    return Look(
        tier=tier.tier.name,
        policy=policy.meta.ref.name,
        rule=rule.index if rule else None,
        action=rule.rule.action.value if rule else "",
        matched=matched,
        why=why,
    )


def _compared(matcher: Matcher, rule: PolicyRule, packets: Bounds) -> tuple[Matched, str]:
    family = packets.may.family
    whole = _held(matcher.match(rule, family), packets)
    if whole is Matched.YES:
        return whole, ""
    if not applies_to_family(rule, family):
        return whole, f"it is not for IPv{family.value}: ipVersion or its nets"
    for name, alone in _criteria(rule):
        if _held(matcher.work_out(alone, family), packets) is whole:
            return whole, name
    return whole, "no packet meets all of its criteria together"


def _held(match: Match, packets: Bounds) -> Matched:
    if packets.may <= match.space.must:
        return Matched.YES
    return Matched.PERHAPS if packets.may & match.space.may else Matched.NO


def _criteria(rule: PolicyRule) -> Iterator[tuple[str, PolicyRule]]:
    """The rule's criteria, each as a rule of its own that asks for nothing else."""
    for name, alone in _header_criteria(rule.rule):
        yield name, PolicyRule(alone, rule.index, _ANYTHING, _ANYTHING)
    plain = Rule(rule.rule.action)
    for name, entity in _entity_criteria(rule.source):
        yield f"source.{name}", PolicyRule(plain, rule.index, entity, _ANYTHING)
    for name, entity in _entity_criteria(rule.destination):
        yield f"destination.{name}", PolicyRule(plain, rule.index, _ANYTHING, entity)


def _header_criteria(rule: Rule) -> Iterator[tuple[str, Rule]]:
    action = rule.action
    if rule.protocol is not None:
        yield f"protocol {protocol_name(rule.protocol)}", Rule(action, protocol=rule.protocol)
    if rule.not_protocol is not None:
        name = protocol_name(rule.not_protocol)
        yield f"notProtocol {name}", Rule(action, not_protocol=rule.not_protocol)
    if rule.icmp is not None:
        yield f"icmp {_icmp(rule.icmp)}", Rule(action, icmp=rule.icmp)
    if rule.not_icmp is not None:
        yield f"notICMP {_icmp(rule.not_icmp)}", Rule(action, not_icmp=rule.not_icmp)


def _entity_criteria(entity: Entity) -> Iterator[tuple[str, Entity]]:
    rule = entity.rule
    if rule.nets:
        yield f"nets {_listed(rule.nets)}", Entity(EntityRule(nets=rule.nets), None, None)
    if rule.not_nets:
        alone = EntityRule(not_nets=rule.not_nets)
        yield f"notNets {_listed(rule.not_nets)}", Entity(alone, None, None)
    if entity.positive is not None:
        yield f"selector {_selector(entity.positive)}", Entity(ANY, entity.positive, None)
    if entity.negative is not None:
        yield f"notSelector {_selector(entity.negative)}", Entity(ANY, None, entity.negative)
    # Named ports are those of the endpoints that the positive selector selects.
    if rule.ports:
        alone = EntityRule(ports=rule.ports)
        yield f"ports {_listed(rule.ports)}", Entity(alone, entity.positive, None)
    if rule.not_ports:
        alone = EntityRule(not_ports=rule.not_ports)
        yield f"notPorts {_listed(rule.not_ports)}", Entity(alone, entity.positive, None)
    if rule.services is not None:
        name = f"services {rule.services.namespace}/{rule.services.name}"
        yield name, Entity(EntityRule(services=rule.services), None, None)


def _listed(items: tuple[object, ...]) -> str:
    return ", ".join(map(str, items))


def _selector(selector: Selector) -> str:
    return selector.canonical()


def _icmp(icmp: Icmp) -> str:
    return f"type {icmp.type}" if icmp.code is None else f"type {icmp.type} code {icmp.code}"
