"""The effective policy of a workload: what its labels earn it, from which policy, and what others grant it.

docs/workload.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.rules.fates import written_rules
from service.checks.workload.calls import direct_peer
from service.checks.workload.parties import parties
from service.checks.workload.words import pairs, rule_text, selector_text
from service.policy.cause import Direction, Hook
from service.policy.convert import NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.verdict import Json
    from service.checks.workload.parties import Party
    from service.policy.convert import Policy
    from service.policy.world import World

_SYSTEM = (NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX, "projectcalico.org/")


@dataclass(frozen=True, slots=True)
class Earned:
    """A policy that selects the workload: ``by`` are its labels that the policy asks for."""

    policy: Policy
    direction: Direction
    rules: tuple[str, ...]
    by: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """As every door tells it."""
        return {
            "policy": str(self.policy.meta.ref),
            "tier": self.policy.tier,
            "order": self.policy.order,
            "direction": self.direction.value,
            "selector": selector_text(self.policy),
            "by": [*self.by],
            "rules": [*self.rules],
        }


@dataclass(frozen=True, slots=True)
class Granted:
    """A rule of somebody else's policy that means the workload as its peer."""

    policy: Policy
    direction: Direction
    index: int
    rule: str
    sure: bool

    def to_json(self) -> dict[str, Json]:
        """As every door tells it."""
        return {
            "policy": str(self.policy.meta.ref),
            "direction": self.direction.value,
            "rule": self.index,
            "text": self.rule,
            "selector": selector_text(self.policy),
            "sure": self.sure,
        }


@dataclass(frozen=True, slots=True)
class Role:
    """A label pair on which policies select, in their own selector or in a rule's; ``held`` by the workload."""

    label: str
    value: str
    policies: tuple[str, ...]
    held: bool

    def to_json(self) -> dict[str, Json]:
        """As every door tells it."""
        return {
            "label": self.label,
            "value": self.value,
            "policies": [*self.policies],
            "held": self.held,
        }


@dataclass(frozen=True, slots=True)
class Effective:
    """The policy of one party: what it earns, what it is granted, and how each direction ends."""

    party: Party
    earned: tuple[Earned, ...]
    granted: tuple[Granted, ...]
    roles: tuple[Role, ...]
    ends: tuple[tuple[Direction, str], ...]
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """As every door tells it."""
        return {
            "workload": str(self.party.ref),
            "pods": [pod.name for pod in self.party.pods],
            "labels": {**self.party.pod_labels},
            "earned": [one.to_json() for one in self.earned],
            "granted": [one.to_json() for one in self.granted],
            "otherwise": {str(direction): end for direction, end in self.ends},
            "roles": [one.to_json() for one in self.roles],
            "unknown": [*self.unknown],
        }


def effective(world: World, party: Party) -> Effective:
    """The effective policy of *party*: O(rules) for what others grant it."""
    chains = {way: world.workload_chain(party.endpoint, way) for way in Direction}
    earned = tuple(
        _earned(party, policy, way)
        for way, chain in chains.items()
        for tier in chain.tiers
        for policy in tier.policies
    )
    doubts = (why for chain in chains.values() for why in chain.doubts)
    return Effective(
        party,
        earned,
        tuple(_granted(world, party)),
        tuple(_roles(world, party)),
        tuple((way, _end(world, party, way)) for way in Direction),
        tuple(dict.fromkeys(doubts)),
    )


def _earned(party: Party, policy: Policy, way: Direction) -> Earned:
    labels = policy.applies_to.labels() if policy.applies_to else frozenset()
    known = party.endpoint.labels
    by = (f"{name}={known[name]}" for name in sorted(labels) if name in known)
    rules = tuple(rule_text(rule, way) for rule in policy.rules(way))
    return Earned(policy, way, rules, tuple(one for one in by if not one.startswith(_SYSTEM)))


def _granted(world: World, party: Party) -> Iterator[Granted]:
    """The rules that mean the party as a peer, by a selector."""
    for policy in world.policies:
        if policy.hook is not Hook.NORMAL:
            continue
        for written in written_rules(policy):
            for piece in written.pieces:
                peer = direct_peer(piece, written.direction)
                verdict = party.selected(peer.positive) if peer.positive is not None else False
                if verdict is not False:
                    yield Granted(
                        policy,
                        written.direction,
                        written.index,
                        rule_text(piece, written.direction),
                        sure=verdict is True,
                    )


def _end(world: World, party: Party, way: Direction) -> str:
    """What becomes of what no rule of a direction matches."""
    chain = world.workload_chain(party.endpoint, way)
    if not chain.tiers:
        return "everything is allowed: no policy selects it"
    closing = next((tier for tier in chain.tiers if not tier.tier.ends_in_pass), None)
    if closing is None:
        return "allowed by the namespace's profile: every tier passes on"
    return f"denied at the end of tier {closing.tier.name}"


def _roles(world: World, party: Party) -> Iterator[Role]:
    """The label pairs that policies for the party's namespace, or for all, select on."""
    users: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for policy in world.policies:
        if policy.hook is not Hook.NORMAL or policy.meta.ref.namespace not in {"", party.namespace}:
            continue
        selectors = [policy.applies_to]
        for written in written_rules(policy):
            selectors += [direct_peer(one, written.direction).positive for one in written.pieces]
        for selector in selectors:
            for pair in pairs(selector):
                users[pair][str(policy.meta.ref)] = None
    for (label, value), policies in sorted(users.items()):
        if not label.startswith(_SYSTEM):
            held = party.endpoint.labels.get(label) == value
            yield Role(label, value, tuple(policies), held=held)


def found(world: World, namespace: str, name: str) -> tuple[Party, ...]:
    """The parties of a namespace that are called *name*, or have a pod of that name."""
    return tuple(
        one
        for one in parties(world).by_namespace.get(namespace, ())
        if one.ref.name == name or any(pod.pod.name == name for pod in one.pods)
    )
