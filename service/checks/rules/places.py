"""Where policies act: every chain of the hosts and workloads of a world, once for all that are alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from service.checks.workload.parties import parties
from service.model.rule import Action
from service.net.headerspace import Bounds, HeaderSpace
from service.net.prefixes import Family
from service.policy.cause import Direction, Hook
from service.policy.endpoints import WILDCARD
from service.policy.felix import DEFAULT_VIEW
from service.policy.hooks import Chain, evaluate, in_tiers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.policy.convert import Policy, PolicyRule
    from service.policy.hooks import TierPolicies
    from service.policy.partition import Partition
    from service.policy.world import World

_AT_HOSTS = (
    (Hook.UNTRACKED, Direction.INGRESS),
    (Hook.UNTRACKED, Direction.EGRESS),
    (Hook.PRE_DNAT, Direction.INGRESS),
    (Hook.NORMAL, Direction.INGRESS),
    (Hook.NORMAL, Direction.EGRESS),
    (Hook.FORWARD, Direction.INGRESS),
    (Hook.FORWARD, Direction.EGRESS),
)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A chain, and who has it: "host endpoint w1-eth0", "Deployment shop/web".

    ``alone`` marks the chain of a single policy that selects nothing that is known: what its rules do to
    each other holds wherever it may act.
    """

    chain: Chain
    owner: str
    namespaces: frozenset[str]
    alone: bool = False

    @property
    def is_known(self) -> bool:
        """Whether it is known what the chain does."""
        return not (self.chain.doubts or self.chain.felix.blind)

    def rules(self) -> Iterator[tuple[Policy, PolicyRule]]:
        """Its rules, in order, each with its policy."""
        for tier in self.chain.tiers:
            for policy in tier.policies:
                for rule in policy.rules(self.chain.direction):
                    yield policy, rule

    def sees(self, family: Family) -> bool:
        """Whether packets of *family* meet its policies at all."""
        if self.chain.hook is Hook.UNTRACKED and self.chain.wildcard:
            return False
        return family is Family.V4 or self.chain.felix.ipv6

    def fate(self, world: World, family: Family) -> Partition:
        """What becomes of every packet of *family* here; worked out once."""
        known = cast("dict[object, Partition]", world.memo.setdefault("fates", {}))
        key = (id(self), family)
        if key not in known:
            known[key] = _evaluated(world, self, family)
        return known[key]

    def fate_if_allowing(self, world: World, rule: PolicyRule, family: Family) -> Partition:
        """As `fate`, did *rule* allow."""
        tiers = tuple(_allowing_in_tier(tier, rule) for tier in self.chain.tiers)
        changed = replace(self, chain=replace(self.chain, tiers=tiers))
        return _evaluated(world, changed, family)


def _evaluated(world: World, place: Place, family: Family) -> Partition:
    live = Bounds.exact(HeaderSpace.everything(family))
    return evaluate(place.chain, live, matcher=world.matcher, namespaces=place.namespaces)


def _allowing_in_tier(tier: TierPolicies, rule: PolicyRule) -> TierPolicies:
    return replace(tier, policies=tuple(_allowing(policy, rule) for policy in tier.policies))


def _allowing(policy: Policy, rule: PolicyRule) -> Policy:
    if rule not in policy.ingress and rule not in policy.egress:
        return policy
    changed = replace(rule, rule=replace(rule.rule, action=Action.ALLOW))
    return replace(
        policy,
        ingress=tuple(changed if one is rule else one for one in policy.ingress),
        egress=tuple(changed if one is rule else one for one in policy.egress),
    )


def places(world: World) -> tuple[Place, ...]:
    """Every place of *world*, worked out once; O(chains), and a policy that acts nowhere has its own."""
    if "places" not in world.memo:
        found = (*_of_hosts(world), *_of_workloads(world))
        met = {one for place in found for tier in place.chain.tiers for one in tier.policies}
        world.memo["places"] = (*found, *_alone(world, met))
    return cast("tuple[Place, ...]", world.memo["places"])


def _of_hosts(world: World) -> Iterator[Place]:
    namespaces = frozenset(world.namespaces)
    seen: set[int] = set()
    for hep in world.heps:
        for hook, direction in _AT_HOSTS:
            chain = world.chain(hep, hook, direction)
            if chain.tiers and id(chain) not in seen:
                seen.add(id(chain))
                what = "*" if hep.interface_name == WILDCARD else "host endpoint"
                # What rules do to each other does not hang on where eBPF programs stand.
                said = replace(chain, felix=replace(chain.felix.settled, polices=True))
                yield Place(said, f"{what} {hep.meta.ref.name}", namespaces)


def _of_workloads(world: World) -> Iterator[Place]:
    seen: dict[object, object] = {}
    for party in parties(world).every:
        for direction in Direction:
            chain = world.workload_chain(party.endpoint, direction)
            # What profiles do comes after all rules: chains that differ in them alone are one place.
            key = (direction, chain.tiers, chain.felix, chain.doubts)
            if chain.tiers and key not in seen:
                seen[key] = chain
                yield Place(chain, party.name, frozenset({party.namespace}))


def _alone(world: World, met: set[Policy]) -> Iterator[Place]:
    for policy in world.policies:
        if policy in met:
            continue
        hook = Hook.WORKLOAD if policy.hook is Hook.NORMAL else policy.hook
        for direction in Direction:
            if policy.rules(direction):
                tiers = in_tiers((policy,), {}, world.profile.release)
                chain = Chain(hook, direction, tiers, DEFAULT_VIEW, ())
                yield Place(chain, "whatever it selects", frozenset(), alone=True)
