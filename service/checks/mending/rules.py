"""Remedies for single rules and for orders: the rule moved, taken away or completed, the policy re-ordered."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from service.checks.mending.edits import (
    moved_before,
    rule_at,
    rules,
    spec,
    with_order,
    without_rule,
    worded,
    written,
)
from service.checks.nodeport.remedy import whole
from service.model.refs import CALICO_V3, ObjectRef
from service.policy.cause import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.mending.edits import Raw
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json, Verdict
    from service.policy.convert import Policy
    from service.policy.world import World

_STEP = 10.0
_FIRST_ORDER = 1000.0
_MOVABLE = frozenset({"never-denies", "never-allows", "never-passes", "never-logs"})
_API_VERSION = "projectcalico.org/v3"
_BEFORE_DNAT: Raw = {"preDNAT": True, "applyOnForward": True, "types": ["Ingress"]}
_PORT_PROTOCOLS = ("TCP", "UDP", "SCTP")
Remedy = tuple["Raw", ...]


def unshadowed(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The rule before what hides it in its own policy, or its policy before what hides it."""
    del settings
    if verdict.reason == "end-of-tier":
        yield from _passed_on(world, verdict)
    if verdict.reason not in _MOVABLE:
        return
    hiding = [one for one in verdict.causes if one.reason is Reason.RULE and one.policy is not None]
    own = [one.rule for one in hiding if one.policy == verdict.subject and one.rule is not None]
    if own:
        yield from _only(moved_before(world, verdict, min(own)))
    if len(own) < len(hiding):
        others = [world.policy(one.policy) for one in hiding if one.policy]
        order = order_before(world, others)
        if order is not None:
            yield from _only(with_order(world, verdict.subject, order))


def _passed_on(world: World, verdict: Verdict) -> Iterator[Remedy]:
    """The last policy of the earlier tier with a Pass at its end; else the tier with Pass as its default."""
    direction, _ = rule_at(verdict)
    for cause in verdict.causes:
        if cause.reason is not Reason.END_OF_TIER:
            continue
        if cause.policy is not None and cause.policy.group == CALICO_V3:
            raw = written(world, cause.policy)
            if raw is not None:
                rules(raw, direction).append({"action": "Pass"})
                yield (raw,)
        tier = written(world, ObjectRef(CALICO_V3, "Tier", "", cause.tier))
        if tier is not None:
            spec(tier)["defaultAction"] = "Pass"
            yield (tier,)


def order_before(world: World, policies: list[Policy]) -> float | None:
    """An order that comes before all of *policies*, and after whatever comes before them in their tier.

    None where they are of several tiers.
    """
    if len({policy.tier for policy in policies}) != 1:
        return None
    tier = [policy for policy in world.policies if policy.tier == policies[0].tier]
    first = min(tier.index(policy) for policy in policies)
    after = tier[first].order
    earlier = [one.order for one in tier[:first] if one.order is not None and one.order != after]
    before = max(earlier, default=None)
    if after is None:
        return _FIRST_ORDER if before is None else before + _STEP
    return after - _STEP if before is None else (before + after) / 2


def removed(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The policy without the rule."""
    del settings
    yield from _only(without_rule(world, verdict.subject, rule_at(verdict)))


def ordered(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """Orders that say what names say now: the policy that comes first gets one before the others."""
    del settings
    refs = [one.policy for one in verdict.causes if one.policy is not None]
    first = min((world.policy(ref) for ref in refs), key=world.policies.index)
    rest = [one for one in world.policies if one.tier == first.tier and one.order == first.order]
    order = order_before(world, rest)
    if order is not None:
        yield from _only(with_order(world, first.meta.ref, order))
    last = max((world.policy(ref) for ref in refs), key=world.policies.index)
    if last.order is not None:
        yield from _only(with_order(world, last.meta.ref, _order_after(world, last)))


def _order_after(world: World, policy: Policy) -> float:
    """An order after that of *policy*, and before whatever comes after it in its tier."""
    own = policy.order or 0.0
    later = [
        one.order
        for one in world.policies
        if one.tier == policy.tier and one.order is not None and one.order > own
    ]
    return (own + min(later)) / 2 if later else own + _STEP


def ended(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """A deny of the same ports at the end of the policy; else one policy that ends the whole set."""
    ports = verdict.details.get("ports")
    denies = _denies([str(one) for one in ports] if isinstance(ports, list) else [], settings)
    raw = written(world, verdict.subject)
    if raw is not None:
        rules(raw, "ingress").extend(denies)
        yield (raw,)
    policy = world.policy(verdict.subject)
    yield (_end(world, policy, denies),)


def _denies(ports: list[str], settings: CheckSettings) -> list[Json]:
    """A deny of each of *ports* ("TCP 30080"), or of all node ports where one of them is ""."""
    lo, hi = settings.node_port_range
    if "" in ports or not ports:
        ports = [f"{protocol} {lo}-{hi}" for protocol in _PORT_PROTOCOLS]
    return [_deny(*one.split(" ", 1)) for one in ports]


def _deny(protocol: str, ports: str) -> Json:
    listed: list[Json] = [
        int(one) if one.isdigit() else one.replace("-", ":") for one in ports.split(",")
    ]
    return {"action": "Deny", "protocol": protocol, "destination": {"ports": listed}}


def _end(world: World, policy: Policy, denies: list[Json]) -> Raw:
    """A preDNAT policy for every host endpoint, after all others of the same tier."""
    orders = [one.order for one in world.policies if one.tier == policy.tier]
    named = [one for one in orders if one is not None]
    order = None if len(named) < len(orders) else max(named, default=_FIRST_ORDER) + _STEP
    return {
        "apiVersion": _API_VERSION,
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": "nodeward-end" if order is not None else "zz-nodeward-end"},
        "spec": {
            **({"tier": policy.tier} if policy.tier != "default" else {}),
            # Without an order it stands last by its name alone.
            **({} if order is None else {"order": whole(order)}),
            "selector": "all()",
            "preDNAT": True,
            "applyOnForward": True,
            "types": ["Ingress"],
            "ingress": denies,
        },
    }


def unpinned(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The rule without the ports that nobody has; the policy without the rule, where none is left."""
    del settings
    raw = written(world, verdict.subject)
    direction, index = rule_at(verdict)
    unused = verdict.details.get("ports")
    if raw is None or not isinstance(unused, list):
        return
    rule = rules(raw, direction)[index]
    destination = rule.get("destination") if isinstance(rule, dict) else None
    ports = destination.get("ports") if isinstance(destination, dict) else None
    if not isinstance(destination, dict) or not isinstance(ports, list):
        return
    kept = [one for one in ports if str(one) not in unused]
    if kept:
        destination["ports"] = kept
        yield (raw,)
    else:
        yield from _only(without_rule(world, verdict.subject, (direction, index)))


def before_dnat(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The policy as a preDNAT one, if it has no egress; else the rule in such a policy of its own."""
    del settings
    raw = written(world, verdict.subject)
    policy = world.policy(verdict.subject)
    if raw is None:
        return
    if not policy.egress:
        spec(raw).update(_BEFORE_DNAT)
        yield (copy.deepcopy(raw),)
    direction, index = worded(verdict)
    rest = without_rule(world, verdict.subject, (direction, index))
    metadata = raw["metadata"]
    if rest is None or raw["apiVersion"] != _API_VERSION or not isinstance(metadata, dict):
        return
    raw["metadata"] = {"name": f"{metadata['name']}-prednat"}
    spec(raw).update({**_BEFORE_DNAT, direction: [rules(raw, direction)[index]]})
    spec(raw).pop("egress", None)
    yield raw, rest


def _only(raw: Raw | None) -> Iterator[Remedy]:
    if raw is not None:
        yield (raw,)
