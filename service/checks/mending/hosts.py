"""Remedies for hosts: the endpoint that a node lacks, a tier, a selector that asks for pods first."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from service.checks.mending.edits import rules, spec, worded, written
from service.checks.nodeport.remedy import host_endpoint, last_guard
from service.net.prefixes import Family, format_ip, parse_ip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.mending.edits import Raw
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json, Verdict
    from service.policy.world import World

Remedy = tuple["Raw", ...]

_NAME = "has(projectcalico.org/name)"
_AFTER_ALL = 20_000_000


def with_endpoint(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """A host endpoint for the addresses of the node that none has."""
    del settings
    yield (host_endpoint(world, verdict.subject.name),)


def with_tier(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The tier that lacks, such that its policies mean what they mean without it: last, ending in a deny."""
    del settings, world
    yield (
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "Tier",
            "metadata": {"name": str(verdict.details["tier"])},
            "spec": {"order": _AFTER_ALL, "defaultAction": "Deny"},
        },
    )


def for_pods_only(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The policy with selectors that ask for pods first."""
    del settings
    raw = written(world, verdict.subject)
    if raw is None:
        return
    for field in ("namespaceSelector", "serviceAccountSelector"):
        text = spec(raw).get(field)
        if isinstance(text, str) and text:
            spec(raw)[field] = f"{_NAME} && ({text})"
    yield (raw,)


def for_both_families(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The policy with a deny for the other family beside the one that is for one family only."""
    del settings
    raw = written(world, verdict.subject)
    direction, index = worded(verdict)
    if raw is None or index >= len(rules(raw, direction)):
        return
    other = copy.deepcopy(rules(raw, direction)[index])
    if not isinstance(other, dict):
        return
    other["ipVersion"] = verdict.details["family"]
    for side in ("source", "destination"):
        entity = other.get(side)
        if isinstance(entity, dict):
            for field in ("nets", "notNets"):
                entity.pop(field, None)
            if not entity:
                del other[side]
    rules(raw, direction).insert(index + 1, other)
    yield (copy.deepcopy(raw),)
    if verdict.details["family"] == Family.V6:
        # Without neighbour discovery IPv6 dies on the interface.
        discovery: Raw = {"action": "Allow", "protocol": "ICMPv6"}
        rules(raw, direction).insert(index + 1, discovery)
        yield (raw,)


def answered(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The untracked policy with a rule for the answers to what another of its rules accepts."""
    del settings
    raw = written(world, verdict.subject)
    direction, index = worded(verdict)
    if raw is None or index >= len(rules(raw, direction)):
        return
    rule = rules(raw, direction)[index]
    if not isinstance(rule, dict):
        return
    other = "egress" if direction == "ingress" else "ingress"
    mirrored: Raw = {key: rule[key] for key in ("action", "ipVersion", "protocol") if key in rule}
    mirrored |= {
        there: copy.deepcopy(rule[here])
        for here, there in (("destination", "source"), ("source", "destination"))
        if here in rule
    }
    rules(raw, other).append(mirrored)
    spec(raw)["types"] = ["Ingress", "Egress"]
    yield (raw,)


def programmable(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The object without what nftables refuses: codes of ICMP, and Reject before the filter table."""
    del settings
    raw = written(world, verdict.subject)
    if raw is None:
        return
    if spec(raw).get("nftablesFilterDenyAction") == "Reject":
        del spec(raw)["nftablesFilterDenyAction"]
    for direction in ("ingress", "egress"):
        for rule in rules(raw, direction) if direction in spec(raw) else ():
            for field in ("icmp", "notICMP"):
                criterion = rule.get(field) if isinstance(rule, dict) else None
                if isinstance(criterion, dict):
                    criterion.pop("code", None)
    yield (raw,)


def with_failsafes(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The list with the ports without which a node cannot be mended: the API server's, and SSH in, DNS out."""
    del settings
    raw, field = written(world, verdict.subject), verdict.key[0]
    lost = verdict.details.get("missing")
    if raw is None or not isinstance(lost, list):
        return
    listed = spec(raw).get(field)
    kept: list[Json] = [*listed] if isinstance(listed, list) else []
    spec(raw)[field] = [*kept, *lost]
    yield (raw,)


def denied_address(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """A preDNAT deny of the address, behind all that is allowed to reach it; none of a balancer's, which is meant to be open."""
    del settings
    if verdict.reason == "load-balancer":
        return
    family, value = parse_ip(str(verdict.details["address"]))
    nets: list[Json] = [f"{format_ip(family, value)}/{family.bits}"]
    deny: Raw = {"action": "Deny", "destination": {"nets": nets}}
    yield (last_guard(world, f"address-{verdict.subject.name}", [deny]),)


def denied_port(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """A preDNAT deny of the port, behind all that is allowed to reach it."""
    del settings
    protocol, _, text = verdict.key[0].partition(" ")
    ports: list[Json] = [
        int(one) if one.isdigit() else one.replace("-", ":") for one in text.split(", ")
    ]
    deny: Raw = {"action": "Deny", "protocol": protocol, "destination": {"ports": ports}}
    yield (last_guard(world, f"{protocol.lower()}-{ports[0]}".replace(":", "-"), [deny]),)
