"""Which external addresses of Services does nobody guard, on nodes whose node ports somebody does?

docs/checks/external-address-unguarded.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.hosts.open_ports import (
    DOUBT,
    UNKNOWN,
    Listener,
    Passage,
    doubtful,
    opened,
    passages,
    sure,
)
from service.checks.mending.hosts import denied_address
from service.checks.nodeport.guard import is_decision
from service.checks.verdict import Result, Severity, Verdict
from service.model.kinds.bgp_configuration import BGPConfiguration
from service.model.kinds.k8s_service import Service
from service.model.rule import Action
from service.net.flow import protocol_name
from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in, format_ip
from service.policy.cause import Direction, Hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.net.prefixes import Address, Prefix
    from service.policy.gates import Gate
    from service.policy.world import World

_ID = "external-address-unguarded"
_WORDS = {
    "load-balancer": "load-balancer address",
    "external-ip": "external address",
    "cluster-ip": "advertised cluster address",
}
_WHY = ", whose policies guard node ports: such a packet is for port and address of the Service"


@dataclass(frozen=True, slots=True)
class _Front:
    """An address of a Service that is dialled from outside; *sources* are those that kube-proxy lets in."""

    service: Service
    reason: str
    address: Address
    sources: IntervalSet | None = None


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each address of each Service, for nodes that deny outsiders something by preDNAT.

    Where nobody guards, the Service is meant to be reached, or the check of node ports tells.
    """
    guarding: dict[object, bool] = {}
    for front in _fronts(world):
        found: list[Passage] = []
        for port in front.service.ports:
            listener = Listener(
                port.protocol,
                IntervalSet.single(port.port),
                translated=True,
                addresses=IntervalSet.single(front.address[1]),
                sources=front.sources,
            )
            for passage in passages(world, settings, listener, family=front.address[0]):
                is_open = not is_decision(world, passage.part.cause)
                if is_open and _guards(world, passage.gate, guarding):
                    found.append(passage)
        surely = sure(found)
        if surely:
            yield opened(world, _blank(front, surely), surely, why=_WHY)
        elif found:
            yield doubtful(world, _blank(front, found), found)


def _fronts(world: World) -> Iterator[_Front]:
    """The external addresses of all Services; of cluster addresses those that Calico advertises."""
    configurations = world.snapshot.all(BGPConfiguration).values()
    advertised = [one for configuration in configurations for one in configuration.cluster_ips]
    services = world.snapshot.all(Service)
    for ref in sorted(services):
        service = services[ref]
        if service.type == "ExternalName" or not service.ports:
            continue
        for address in service.load_balancer_ips:
            ranges = service.load_balancer_source_ranges
            sources = addresses_in(ranges, address[0]) if ranges else None
            yield _Front(service, "load-balancer", address, sources)
        for address in service.external_ips:
            yield _Front(service, "external-ip", address)
        for address in service.cluster_ips:
            if any(_holds(one, address) for one in advertised):
                yield _Front(service, "cluster-ip", address)


def _holds(net: Prefix, address: Address) -> bool:
    return net.family is address[0] and net.lo <= address[1] <= net.hi


def _guards(world: World, gate: Gate, known: dict[object, bool]) -> bool:
    """Whether untracked or preDNAT policy denies anything at *gate*: then its owner counts on it."""
    key = (
        gate.named and world.likeness(gate.named),
        gate.wildcard and world.likeness(gate.wildcard),
    )
    if key not in known:
        known[key] = any(
            rule.rule.action is Action.DENY
            for hook in (Hook.UNTRACKED, Hook.PRE_DNAT)
            for hep in (gate.endpoint(world, hook),)
            if hep is not None
            for tier in world.resolve(hep, hook, Direction.INGRESS)
            for policy in tier.policies
            for rule in policy.rules(Direction.INGRESS)
        )
    return known[key]


def _blank(front: _Front, found: list[Passage]) -> Verdict:
    """The verdict without what is found of nodes, rules and packets."""
    address = format_ip(*front.address)
    balanced = front.reason == "load-balancer"
    ports = dict.fromkeys(
        f"{protocol_name(one.listener.protocol)} {one.listener.ports}" for one in found
    )
    return Verdict(
        check=_ID,
        subject=front.service.meta.ref,
        result=Result.WARN if balanced else Result.FAIL,
        severity=Severity.LOW if balanced else Severity.MEDIUM,
        reason=front.reason,
        message=f"{_WORDS[front.reason]} {address} ({', '.join(ports)}) is decided by no rule",
        advice="Decide about the address in a preDNAT policy: allow its port from the sources that need it, "
        "and deny the address to the rest.",
        location=front.service.meta.location,
        key=(address,),
        details={"ports": [*ports], "address": address},
    )


CHECK = Check(
    id=_ID,
    title="External addresses of Services that the guards of node ports pass by",
    severity=Severity.MEDIUM,
    subjects=frozenset({"Service"}),
    reasons={
        "load-balancer": "No rule decides about a load balancer's address, which nodes answer.",
        "external-ip": "No rule decides about one of spec.externalIPs.",
        "cluster-ip": "No rule decides about a cluster address that Calico advertises.",
        UNKNOWN: DOUBT,
    },
    audit=audit,
    remedies=denied_address,
)
