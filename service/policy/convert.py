"""Policies as Felix sees them: the v3 selectors rewritten into one internal selector each.

Source: libcalico-go updateprocessors/{globalnetworkpolicyprocessor,rules,selectors}.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.errors import SelectorError
from service.model.selector import Equals, Has, In, Selector, and_, not_, parse
from service.policy.cause import Direction, Hook

if TYPE_CHECKING:
    from service.model.kinds.global_network_policy import GlobalNetworkPolicy
    from service.model.kinds.network_policy import NetworkPolicy
    from service.model.meta import Meta
    from service.model.rule import EntityRule, Rule

NAMESPACE = "projectcalico.org/namespace"
SERVICE_ACCOUNT = "projectcalico.org/serviceaccount"
ORCHESTRATOR = "projectcalico.org/orchestrator"
NAMESPACE_PREFIX = "pcns."
SERVICE_ACCOUNT_PREFIX = "pcsa."


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """One side of a rule with its selectors rewritten; None is no restriction."""

    rule: EntityRule
    positive: Selector | None
    negative: Selector | None


@dataclass(frozen=True, slots=True, eq=False)
class PolicyRule:
    """A rule with its index in its direction. Compared by identity, so that caches may key on it."""

    rule: Rule
    index: int
    source: Entity
    destination: Entity
    without_exceptions: PolicyRule | None = None
    """The rule without its source's ``notNets`` and ``notSelector``; None where it has neither."""

    tests_destination: bool = False
    """Whether the rule asks for the destination's address."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A policy in Felix's internal form, of whatever kind it was written.

    ``kind`` is Calico's word for it, which the order of policies heeds. ``applies_to`` None selects every
    endpoint. ``hook`` is UNTRACKED, PRE_DNAT or NORMAL: its category; a NORMAL policy is that of pods
    too, and with ``apply_on_forward`` stands in the FORWARD list as well. Compared by identity.
    """

    meta: Meta
    kind: str
    tier: str
    order: float | None
    applies_to: Selector | None
    directions: frozenset[Direction]
    ingress: tuple[PolicyRule, ...]
    egress: tuple[PolicyRule, ...]
    hook: Hook = Hook.NORMAL
    apply_on_forward: bool = False

    def rules(self, direction: Direction) -> tuple[PolicyRule, ...]:
        """The rules of one direction, none where ``types`` leaves the direction out."""
        if direction not in self.directions:
            return ()
        return self.ingress if direction is Direction.INGRESS else self.egress

    def governs(self, hook: Hook, direction: Direction) -> bool:
        """Whether the policy counts at *hook* in *direction*, be it without any rule."""
        if direction not in self.directions:
            return False
        if hook is Hook.FORWARD:
            return self.hook is Hook.NORMAL and self.apply_on_forward
        return self.hook is (Hook.NORMAL if hook is Hook.WORKLOAD else hook)

    def selects(self, labels: dict[str, str]) -> bool:
        """Whether an endpoint with *labels* (own and inherited) is governed by the policy."""
        return self.applies_to is None or self.applies_to.matches(labels)


def global_policy(gnp: GlobalNetworkPolicy) -> Policy:
    """The internal form of a GlobalNetworkPolicy that is in effect.

    Raises: SelectorError if a selector that Felix would not forgive does not parse; such a policy is
    discarded before it comes here.
    """
    hook = Hook.NORMAL
    if gnp.do_not_track:
        hook = Hook.UNTRACKED
    elif gnp.pre_dnat:
        hook = Hook.PRE_DNAT
    return Policy(
        meta=gnp.meta,
        kind=gnp.meta.ref.kind,
        tier=gnp.tier or "default",
        order=gnp.order,
        applies_to=_applies_to(gnp),
        directions=frozenset(Direction(name.lower()) for name in gnp.types),
        ingress=_rules(gnp.ingress, ""),
        egress=_rules(gnp.egress, ""),
        hook=hook,
        apply_on_forward=gnp.apply_on_forward,
    )


def namespaced_policy(policy: NetworkPolicy) -> Policy:
    """The internal form of Calico's NetworkPolicy: it selects, and its rules mean, its own namespace.

    Raises: SelectorError as `global_policy`. Source: updateprocessors/networkpolicyprocessor.go.
    """
    namespace = policy.meta.ref.namespace
    selector: Selector = Equals(NAMESPACE, namespace)
    if policy.selector:
        selector = and_(parse(policy.selector), selector)
    accounts = _prefixed(policy.service_account_selector, SERVICE_ACCOUNT_PREFIX)
    return Policy(
        meta=policy.meta,
        kind=policy.meta.ref.kind,
        tier=policy.tier or "default",
        order=policy.order,
        applies_to=selector if accounts is None else and_(selector, accounts),
        directions=frozenset(Direction(name.lower()) for name in policy.types),
        ingress=_rules(policy.ingress, namespace),
        egress=_rules(policy.egress, namespace),
    )


def _applies_to(gnp: GlobalNetworkPolicy) -> Selector | None:
    selector = parse(gnp.selector) if gnp.selector else None
    for text, prefix, label in (
        (gnp.namespace_selector, NAMESPACE_PREFIX, NAMESPACE),
        (gnp.service_account_selector, SERVICE_ACCOUNT_PREFIX, SERVICE_ACCOUNT),
    ):
        extra = _prefixed(text, prefix)
        if extra is not None:
            # all() is replaced in the whole text so far, the policy's own selector included.
            selector = _both(selector, extra).replace_all(Has(label))
    return selector


def rules_of(rules: tuple[Rule, ...]) -> tuple[PolicyRule, ...]:
    """The internal form of rules that belong to no namespace, such as those of a profile."""
    return _rules(rules, "")


def _rules(rules: tuple[Rule, ...], namespace: str) -> tuple[PolicyRule, ...]:
    return tuple(_rule(rule, index, namespace) for index, rule in enumerate(rules))


def _rule(rule: Rule, index: int, namespace: str) -> PolicyRule:
    without = None
    if rule.source.not_nets or rule.source.not_selector:
        source = replace(rule.source, not_nets=(), not_selector="")
        without = _rule(replace(rule, source=source), index, namespace)
    destination = _entity(rule.destination, namespace)
    return PolicyRule(
        rule=rule,
        index=index,
        source=_entity(rule.source, namespace),
        destination=destination,
        without_exceptions=without,
        tests_destination=_tests_address(destination),
    )


def _tests_address(entity: Entity) -> bool:
    rule = entity.rule
    named = any(port.name for port in (*rule.ports, *rule.not_ports))
    selects = entity.positive or entity.negative
    return bool(named or selects or rule.nets or rule.not_nets or rule.services)


def _entity(entity: EntityRule, namespace: str) -> Entity:
    """Source: libcalico-go updateprocessors/rules.go RuleAPIV2ToBackend, felix/calc rule_scanner.go."""
    positive = _service_accounts(entity)
    if entity.selector:
        positive = _both(positive, parse(entity.selector))
    negative = parse(entity.not_selector) if entity.not_selector else None
    where = _namespaces(entity.namespace_selector, namespace)
    if where is not None and (positive or negative or entity.namespace_selector):
        positive = where if positive is None else and_(where, positive)
    if positive is not None and negative is not None:
        positive, negative = and_(positive, not_(negative)), None
    return Entity(rule=entity, positive=positive, negative=negative)


def _service_accounts(entity: EntityRule) -> Selector | None:
    by_label = _prefixed(entity.service_account_selector, SERVICE_ACCOUNT_PREFIX)
    if not entity.service_account_names:
        return by_label
    by_name = In(SERVICE_ACCOUNT, frozenset(entity.service_account_names))
    return by_name if by_label is None else and_(by_label, by_name)


def _namespaces(text: str, namespace: str) -> Selector | None:
    if not text:
        return Equals(NAMESPACE, namespace) if namespace else None
    selector = _prefixed(text, NAMESPACE_PREFIX)
    if selector is None:
        return None
    return selector.replace_all(Has(NAMESPACE)).replace_global(not_(Has(NAMESPACE)))


def _prefixed(text: str, prefix: str) -> Selector | None:
    """*text* with every label name prefixed; None where it is empty or, as in Felix, does not parse."""
    if not text:
        return None
    try:
        return parse(text).prefixed(prefix)
    except SelectorError:
        return None


def _both(left: Selector | None, right: Selector) -> Selector:
    return right if left is None else and_(left, right)
