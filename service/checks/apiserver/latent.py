"""What a policy would cut off if an endpoint came that it selects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.selector import AbsentLabels
from service.net.headerspace import Bounds, HeaderSpace
from service.policy.cause import Decision, Direction, Reason
from service.policy.convert import (
    NAMESPACE,
    NAMESPACE_PREFIX,
    ORCHESTRATOR,
    SERVICE_ACCOUNT,
    SERVICE_ACCOUNT_PREFIX,
)
from service.policy.endpoints import DEFAULT_ALLOW
from service.policy.felix import FelixView
from service.policy.hooks import Chain, TierPolicies, evaluate
from service.policy.order import tier_view

if TYPE_CHECKING:
    from service.model.refs import ObjectRef
    from service.policy.convert import Policy
    from service.policy.world import World

_PODS_ONLY = AbsentLabels(
    frozenset({NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT}),
    (NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX),
)


def latent_denials(world: World, ref: ObjectRef, live: HeaderSpace) -> HeaderSpace:
    """The packets of *live* that explicit Deny rules of a policy would drop at an endpoint it selects.

    Nothing if it selects one today, or can select none but pods, or is not in effect.
    """
    nothing = HeaderSpace.nothing(live.family)
    policy = world.find_policy(ref)
    if policy is None or _selects_some(world, policy) or not _may_select_hosts(policy):
        return nothing
    chains = (_alone(policy, direction) for direction in policy.directions)
    return HeaderSpace.union_all(live.family, (_denied(world, one, live) for one in chains))


def _selects_some(world: World, policy: Policy) -> bool:
    return any(policy.selects(world.labels(hep)) for hep in world.heps)


def _may_select_hosts(policy: Policy) -> bool:
    """Whether some host endpoint could match: none has the labels that mark pods."""
    if policy.applies_to is None:
        return True
    return policy.applies_to.match_unknown({}, _PODS_ONLY) is not False


def _alone(policy: Policy, direction: Direction) -> Chain:
    """The chain of an endpoint with this policy, the default profile and no failsafes."""
    return Chain(
        policy.hook,
        direction,
        tiers=(TierPolicies(tier_view(policy.tier, {}), (policy,)),),
        felix=FelixView(failsafe_inbound=(), failsafe_outbound=()),
        profiles=(DEFAULT_ALLOW,),
        wildcard=False,
    )


def _denied(world: World, chain: Chain, live: HeaderSpace) -> HeaderSpace:
    partition = evaluate(
        chain, Bounds.exact(live), matcher=world.matcher, namespaces=world.namespaces
    )
    by_rule = (one for one in partition.of(Decision.DENY) if one.cause.reason is Reason.RULE)
    return Bounds.union_all(live.family, (one.space for one in by_rule)).may
