"""What a packet was compared with at a hook, and by which criterion each rule let it pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from service.model.rule import ANY, Action, EntityRule, Rule
from service.net.flow import protocol_name
from service.net.headerspace import Bounds, HeaderSpace
from service.policy.cause import Hook, Reason
from service.policy.convert import Entity, PolicyRule
from service.policy.hooks import profile_allows
from service.policy.match import Match, applies_to_family
from service.policy.profiles import ProfileRules

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from service.model.refs import ObjectRef
    from service.model.rule import Icmp
    from service.model.selector import Selector
    from service.policy.hooks import Chain, TierPolicies
    from service.policy.match import Matcher
    from service.policy.world import World

_ANYTHING = Entity(ANY, None, None)


class Matched(StrEnum):
    """Whether a rule matches the packet; perhaps, where the facts or the packet leave it open."""

    YES = "yes"
    NO = "no"
    PERHAPS = "perhaps"


@dataclass(frozen=True, slots=True)
class Look:
    """Something that was compared with the packet, in the order of the chain; ``what`` it is.

    For a rule, ``why`` is the first criterion that is not surely met. ``rule`` is None for what is none: a
    policy that has no rule in the direction, the end of a tier, a profile, Felix's own lists.
    """

    what: Reason
    matched: Matched
    action: str = ""
    tier: str = ""
    policy: str = ""
    kind: str = ""
    rule: int | None = None
    why: str = ""

    def to_json(self) -> dict[str, object]:
        """The look as JSON."""
        return {
            "what": self.what.value,
            "tier": self.tier,
            "kind": self.kind,
            "policy": self.policy,
            "rule": self.rule,
            "action": self.action,
            "matched": self.matched.value,
            "why": self.why,
        }

    def __str__(self) -> str:
        why = f": {self.why}" if self.why else ""
        return f"{self._named()}, match {self.matched}{why}"

    def _named(self) -> str:
        match self.what:
            case Reason.RULE:
                rule = "no rule" if self.rule is None else f"rule {self.rule} {self.action}"
                return f"{self.tier}/{self.policy} {rule}"
            case Reason.END_OF_TIER:
                return f"end of tier {self.tier} {self.action}"
            case Reason.PROFILE:
                rule = "" if self.rule is None else f" rule {self.rule}"
                return f"profile {self.policy}{rule} {self.action}"
            case Reason.FAILSAFE:
                return f"failsafe ports {self.action}"
            case _:
                return f"{self.what} {self.action}"


def looks(
    world: World, chain: Chain, packets: Bounds, *, namespaces: Container[str]
) -> tuple[Look, ...]:
    """All that *packets* are compared with in *chain*, in order, up to what surely decides."""
    if not chain.inspects(packets.may.family):
        return ()
    looking = _Looking(world.matcher, chain, packets)
    looking.exempt()
    for tier in chain.tiers:
        looking.tier(tier)
    if chain.hook in {Hook.NORMAL, Hook.WORKLOAD}:
        looking.profiles(namespaces)
    return tuple(looking.found)


class _Looking:
    """One pass over a chain, as `hooks.evaluate` makes it: what is still live, and what was looked at."""

    def __init__(self, matcher: Matcher, chain: Chain, live: Bounds) -> None:
        self.matcher = matcher
        self.chain = chain
        self.live = live
        self.found: list[Look] = []

    def exempt(self) -> None:
        """Felix's own lists, before any policy."""
        for reason, action, space in self.chain.exempt(self.live.may.family):
            match = Match(Bounds.exact(space))
            matched = _held(match, self.live)
            self.found.append(Look(reason, matched, action, why=_EXEMPT[reason].get(matched, "")))
            self.live = self.live - match.space

    def tier(self, tier: TierPolicies) -> None:
        """The rules of a tier, and its end; a packet that passes goes on to the next."""
        passed = Bounds.exact(HeaderSpace.nothing(self.live.may.family))
        for policy in tier.policies:
            blank = Look(
                Reason.RULE,
                Matched.NO,
                tier=tier.tier.name,
                policy=_named(policy.meta.ref),
                kind=policy.meta.ref.kind,
            )
            if self.live.may and not policy.rules(self.chain.direction):
                self.found.append(replace(blank, why="it has no rule in this direction"))
            passed = passed | self._rules(blank, policy.rules(self.chain.direction))
        if self.live.may and self.chain.denies_at_ends:
            denies = not tier.tier.ends_in_pass
            action = Action.DENY if denies else Action.PASS
            matched = Matched.PERHAPS if self._is_unsure() else Matched.YES
            look = Look(Reason.END_OF_TIER, matched, action.value, tier=tier.tier.name)
            self.found.append(look)
            self.live = (
                Bounds.exact(HeaderSpace.nothing(self.live.may.family)) if denies else self.live
            )
        self.live = self.live | passed

    def profiles(self, namespaces: Container[str]) -> None:
        """The profiles in order, and the drop after them."""
        for entry in self.chain.profiles:
            if not self.live.may:
                return
            if isinstance(entry, ProfileRules):
                blank = Look(Reason.PROFILE, Matched.NO, policy=entry.meta.ref.name, kind="Profile")
                left = self._rules(blank, entry.rules(self.chain.direction))
                self.live = self.live | left
                continue
            allows = profile_allows(entry, namespaces)
            why = "" if allows else "there is no such profile"
            action = (Action.ALLOW if allows else Action.DENY).value
            matched = Matched.PERHAPS if self._is_unsure() else Matched.YES
            self.found.append(
                Look(Reason.PROFILE, matched, action, policy=entry, kind="Profile", why=why)
            )
            return
        if self.live.may:
            matched = Matched.PERHAPS if self._is_unsure() else Matched.YES
            why = "no policy and no profile allows it"
            self.found.append(Look(Reason.DEFAULT_ACTION, matched, Action.DENY.value, why=why))

    def _rules(self, blank: Look, rules: Iterable[PolicyRule]) -> Bounds:
        """Compare rules with what is live; what they pass on comes back."""
        passed = Bounds.exact(HeaderSpace.nothing(self.live.may.family))
        for rule in rules:
            if not self.live.may:
                break
            matched, why = _compared(self.matcher, rule, self.live)
            action = rule.rule.action
            self.found.append(
                replace(blank, matched=matched, why=why, rule=rule.index, action=action.value)
            )
            if action is Action.LOG:
                continue
            space = self.matcher.match(rule, self.live.may.family).space
            if action is Action.PASS:
                passed = passed | self.live & space
            self.live = self.live - space
        return passed

    def _is_unsure(self) -> bool:
        """Whether some of the packets were perhaps decided before."""
        return any(look.matched is Matched.PERHAPS for look in self.found)


_EXEMPT = {
    Reason.FAILSAFE: {
        Matched.NO: "its port is on no list",
        Matched.PERHAPS: "some of its ports are on a list",
    },
    Reason.ENCAPSULATION: {
        Matched.NO: "it carries no other packet",
        Matched.PERHAPS: "some such packets carry another",
    },
}


def _named(ref: ObjectRef) -> str:
    return f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name


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
