"""Remedies for pods' own policies: the half of a call that lacks, DNS, and an ingress policy."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

from service.checks.mending.edits import rule_at, rules, spec, written
from service.checks.workload.dns import LABELS, NAMESPACE, PORT
from service.checks.workload.exposed import exposed
from service.checks.workload.parties import parties
from service.model.refs import CALICO_V3
from service.net.flow import protocol_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.mending.edits import Raw
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json, Verdict
    from service.checks.workload.parties import Party
    from service.model.kinds.k8s_service import Service
    from service.policy.world import World

Remedy = tuple["Raw", ...]

_KUBERNETES = "networking.k8s.io"
_NAMESPACE_NAME = "kubernetes.io/metadata.name"
_PEERS = {"ingress": "from", "egress": "to"}
_OTHER = {"ingress": "egress", "egress": "ingress"}


def called(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The other half of a call, or the egress to DNS."""
    del settings
    if verdict.reason == "no-dns":
        yield from _with_dns(world, verdict)
    elif verdict.subject.group == _KUBERNETES:
        yield from _other_half(world, verdict)


def _with_dns(world: World, verdict: Verdict) -> Iterator[Remedy]:
    raw = written(world, verdict.subject)
    if raw is None or verdict.details.get("refused") != "egress":
        return
    if verdict.subject.group == _KUBERNETES:
        rules(raw, "egress").append(
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: NAMESPACE}},
                        "podSelector": {"matchLabels": {**LABELS}},
                    }
                ],
                "ports": [{"protocol": one, "port": PORT} for one in ("UDP", "TCP")],
            }
        )
        yield (raw,)
    elif verdict.subject.group == CALICO_V3:
        selector = " && ".join(f"{key} == '{value}'" for key, value in LABELS.items())
        where: Raw = {
            "namespaceSelector": f"projectcalico.org/name == '{NAMESPACE}'",
            "selector": selector,
            "ports": [PORT],
        }
        for protocol in ("TCP", "UDP"):
            allow: Raw = {"action": "Allow", "protocol": protocol, "destination": {**where}}
            rules(raw, "egress").insert(0, allow)
        yield (raw,)


def _other_half(world: World, verdict: Verdict) -> Iterator[Remedy]:
    """A policy for each peer of the rule that lets in, or out, what the rule allows."""
    raw = written(world, verdict.subject)
    direction, index = rule_at(verdict)
    if raw is None or index >= len(rules(raw, direction)):
        return
    rule = rules(raw, direction)[index]
    peers = rule.get(_PEERS[direction]) if isinstance(rule, dict) else None
    if not isinstance(rule, dict) or not isinstance(peers, list):
        return
    made = []
    for at, peer in enumerate(peers):
        half = _half(raw, rule, cast("Raw", peer), direction=direction, at=at)
        if half is None:
            return
        made.append(half)
    yield tuple(made)


def _half(raw: Raw, rule: Raw, peer: Raw, *, direction: str, at: int) -> Raw | None:
    """The policy that selects *peer* and names the pods of the policy *raw* as its own peers."""
    other = _OTHER[direction]
    metadata = cast("Raw", raw["metadata"])
    own = str(metadata.get("namespace", "default"))
    namespace = _namespace_of(peer, own)
    if namespace is None:
        return None
    back: Raw = {"podSelector": copy.deepcopy(spec(raw).get("podSelector", {}))}
    if namespace != own:
        back["namespaceSelector"] = {"matchLabels": {_NAMESPACE_NAME: own}}
    allow: Raw = {_PEERS[other]: [back]}
    if "ports" in rule:
        allow["ports"] = copy.deepcopy(rule["ports"])
    suffix = f"-{at + 1}" if at else ""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{metadata['name']}-{other}{suffix}", "namespace": namespace},
        "spec": {
            "podSelector": copy.deepcopy(peer.get("podSelector", {})),
            "policyTypes": [other.capitalize()],
            other: [allow],
        },
    }


def _namespace_of(peer: Raw, own: str) -> str | None:
    """The one namespace that a peer means; None where it may mean several, or addresses."""
    if "ipBlock" in peer:
        return None
    if "namespaceSelector" not in peer:
        return own
    selector = peer["namespaceSelector"]
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    name = labels.get(_NAMESPACE_NAME) if isinstance(labels, dict) else None
    return name if isinstance(name, str) else None


def guarded(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """An ingress policy for the workload that allows the ports that its containers and Services name."""
    del settings
    members = parties(world).of(verdict.subject)
    found = {svc.meta.ref: svc for one in members for svc in exposed(world).get(one, ())}
    services = tuple(found.values())
    if not services:
        return
    selector = services[0].selector or {}
    ports = _ports(members[0], services)
    yield (
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": f"{verdict.subject.name}-ingress",
                "namespace": verdict.subject.namespace,
            },
            "spec": {
                "podSelector": {"matchLabels": {**selector}},
                "policyTypes": ["Ingress"],
                "ingress": [{"ports": ports}],
            },
        },
    )


def _ports(party: Party, services: tuple[Service, ...]) -> list[Json]:
    """The ports of *services* as the pods have them, by number, or by name where a name it is."""
    found = {
        (protocol_name(port.protocol), port.target_port or port.port): None
        for service in services
        for port in service.ports
    }
    found |= {(protocol_name(port.protocol), port.port): None for port in party.endpoint.ports}
    names = {port.name: port.port for port in party.endpoint.ports if port.name}
    return [
        {"protocol": protocol, "port": port}
        for protocol, port in found
        if not (isinstance(port, str) and port in names)
    ]
