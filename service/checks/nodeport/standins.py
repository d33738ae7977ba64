"""Policies that were perhaps meant to guard a node port, and that are of a kind that never can."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.model.rule import Action, port_numbers
from service.policy.cause import Direction, Hook
from service.policy.facts import Facts
from service.policy.policies import staged_prednat

if TYPE_CHECKING:
    from service.checks.nodeport.openings import Opening
    from service.model.kinds.host_endpoint import HostEndpoint
    from service.model.selector import Selector
    from service.policy.convert import Policy, PolicyRule
    from service.policy.world import World

_GUARDING = (Hook.UNTRACKED, Hook.PRE_DNAT)


def guard_selectors(world: World) -> frozenset[Selector | None]:
    """What the policies that can guard a node port select by; looked up once."""
    known = world.facts(Facts.POLICY)
    key = "guard selectors"
    if key not in known:
        known[key] = frozenset(
            one.applies_to
            for one in world.policies
            if any(one.governs(hook, Direction.INGRESS) for hook in _GUARDING)
        )
    return cast("frozenset[Selector | None]", known[key])


def guards_others(world: World, endpoint: HostEndpoint) -> bool:
    """Whether one of them is not for *endpoint*, but for other ones, or none."""
    labels = world.labels(endpoint)
    every = guard_selectors(world)
    return any(one is not None and not one.matches(labels) for one in every)


def stand_ins(world: World) -> tuple[Policy, ...]:
    """The policies on hosts that never guard a node port, and the staged ones that would; looked up once."""
    known = world.facts(Facts.POLICY)
    key = "stand-ins"
    if key not in known:
        governing = {
            policy: None
            for hep in world.kinds_of_heps
            for hook in (Hook.UNTRACKED, Hook.NORMAL)
            for tier in world.resolve(hep, hook, Direction.INGRESS)
            for policy in tier.policies
        }
        known[key] = (*governing, *staged_prednat(world.snapshot))
    return cast("tuple[Policy, ...]", known[key])


def stand_in(world: World, endpoint: HostEndpoint, opening: Opening) -> str:
    """Why the first of them that is about *opening* does not guard *endpoint*; "" where there is none."""
    labels = world.labels(endpoint)
    meant = (one for one in stand_ins(world) if one.selects(labels) and _is_about(one, opening))
    return next((_flaw(one) for one in meant), "")


def _is_about(policy: Policy, opening: Opening) -> bool:
    """Whether a rule denies the port, or names it where it is met by what the node forwards."""
    return any(
        covers(rule, opening)
        and (
            rule.rule.action is Action.DENY
            or (policy.apply_on_forward and bool(rule.rule.destination.ports))
        )
        for rule in policy.rules(Direction.INGRESS)
    )


def _flaw(policy: Policy) -> str:
    ref = policy.meta.ref
    if ref.kind.startswith("Staged"):
        return f"{ref} would guard the port, but is staged only"
    if policy.hook is Hook.UNTRACKED:
        return f"{ref} is untracked, which does nothing at an endpoint of interfaceName *"
    return f"{ref} is normal policy, which meets node ports only after their translation"


def covers(rule: PolicyRule, opening: Opening) -> bool:
    """Whether protocol and ports of *rule* are, or hold, those of *opening*."""
    return rule.rule.protocol in {None, opening.protocol} and ports_cover(rule, opening)


def ports_cover(rule: PolicyRule, opening: Opening) -> bool:
    """Whether *rule* is for the ports of *opening*, or for all."""
    ports = rule.rule.destination.ports
    return not ports or opening.ports <= port_numbers(ports)
