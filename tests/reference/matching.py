"""Does a rule match a packet?

Semantics: "Rule matching". Source: felix/rules/policy.go, felix/calc/rule_scanner.go,
felix/labelindex/named_port_index.go, felix/serviceindex/serviceindex.go.
"""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from tests.reference import selector as sel
from tests.reference.endpoints import Endpoint, NetworkSet
from tests.reference.packet import ICMP, ICMP6, WITH_PORTS, Address, Packet, protocol_number
from tests.reference.policies import Entity, Network, PortRange, Raw, Rule

Member = tuple[Address, int, int]


class IpSets:
    """The sets that Felix would program: what selectors, named ports and services stand for."""

    def __init__(
        self, endpoints: list[Endpoint], network_sets: list[NetworkSet], slices: list[Raw]
    ) -> None:
        self._endpoints = endpoints
        self._network_sets = network_sets
        self._slices = slices
        self._nets: dict[sel.Tree, frozenset[Network]] = {}

    def selected(self, address: Address, tree: sel.Tree) -> bool:
        """Is the address one of an endpoint, or in a network set, with such labels?"""
        if tree not in self._nets:
            self._nets[tree] = frozenset(self._nets_of(tree))
        return any(address in net for net in self._nets[tree])

    def _nets_of(self, tree: sel.Tree) -> list[Network]:
        chosen = [one for one in self._endpoints if sel.matches(tree, one.labels)]
        sets = [one for one in self._network_sets if sel.matches(tree, one.labels)]
        return [
            *(ip_network(address) for endpoint in chosen for address in endpoint.addresses),
            *(net for one in sets for net in one.nets),
        ]

    def has_named_port(self, member: Member, name: str, tree: sel.Tree | None) -> bool:
        """Does an endpoint with such labels give (address, protocol, port) this name?"""
        address, protocol, number = member
        return any(
            address in endpoint.addresses
            and (name, protocol, number) in endpoint.ports
            and sel.matches(tree or sel.ALL, endpoint.labels)
            for endpoint in self._endpoints
        )

    def serves(self, member: Member, service: str) -> bool:
        """Is (address, protocol, port) an endpoint of the service, ready or not?"""
        address, protocol, number = member
        return any(
            address in _addresses(one)
            and any(
                (protocol_number(port.get("protocol", "TCP")), port.get("port"))
                == (protocol, number)
                for port in one.get("ports") or ()
            )
            for one in self._slices
            if service_of(one) == service
        )

    def is_backend(self, address: Address, service: str) -> bool:
        """Is the address, whatever the port, an endpoint of the service?"""
        return any(address in _addresses(one) for one in self._slices if service_of(one) == service)


def service_of(endpoint_slice: Raw) -> str:
    """ "namespace/name" of the Service that the EndpointSlice belongs to."""
    meta = endpoint_slice["metadata"]
    name = (meta.get("labels") or {}).get("kubernetes.io/service-name", "")
    return f"{meta['namespace']}/{name}"


def _addresses(endpoint_slice: Raw) -> set[Address]:
    return {
        ip_address(text)
        for endpoint in endpoint_slice.get("endpoints") or ()
        for text in endpoint["addresses"]
    }


def rule_matches(rule: Rule, packet: Packet, sets: IpSets) -> bool:
    """All criteria that are present hold."""
    return (
        _family_matches(rule, packet.family)
        and (rule.protocol is None or rule.protocol == packet.protocol)
        and (rule.not_protocol is None or rule.not_protocol != packet.protocol)
        and (rule.icmp is None or _icmp_matches(rule.icmp, packet))
        and (rule.not_icmp is None or _not_icmp_matches(rule.not_icmp, packet))
        and _source_matches(rule.source, packet, sets)
        and _destination_matches(rule.destination, packet, sets)
    )


def _family_matches(rule: Rule, family: int) -> bool:
    """The rule exists for the family: no list of nets, negated ones too, becomes empty."""
    if rule.ip_version not in {None, family}:
        return False
    sides = (rule.source, rule.destination)
    lists = [nets for side in sides for nets in (side.nets, side.not_nets) if nets]
    whole = [net for side in sides for net in side.not_nets if net.prefixlen == 0]
    return all(any(net.version == family for net in nets) for nets in lists) and not any(
        net.version == family for net in whole
    )


def _icmp_matches(wanted: Mapping[str, int], packet: Packet) -> bool:
    if packet.protocol not in {ICMP, ICMP6} or packet.icmp is None:
        return False
    kind, code = packet.icmp
    return wanted.get("type") in {None, kind} and wanted.get("code") in {None, code}


def _not_icmp_matches(unwanted: Mapping[str, int], packet: Packet) -> bool:
    """The kernel's rendering asks for ICMP, so that nothing else matches."""
    return packet.protocol in {ICMP, ICMP6} and not _icmp_matches(unwanted, packet)


def _source_matches(entity: Entity, packet: Packet, sets: IpSets) -> bool:
    return (
        _address_matches(entity, packet.src, sets)
        and _ports_match(entity, (packet.src, packet.protocol, packet.src_port), sets)
        and (not entity.services or sets.is_backend(packet.src, entity.services))
    )


def _destination_matches(entity: Entity, packet: Packet, sets: IpSets) -> bool:
    member = (packet.dst, packet.protocol, packet.dst_port)
    return (
        _address_matches(entity, packet.dst, sets)
        and _ports_match(entity, member, sets)
        and (not entity.services or sets.serves(member, entity.services))
    )


def _address_matches(entity: Entity, address: Address, sets: IpSets) -> bool:
    return (
        (not entity.nets or any(address in net for net in entity.nets))
        and not any(address in net for net in entity.not_nets)
        and (entity.selector is None or sets.selected(address, entity.selector))
        and (entity.not_selector is None or not sets.selected(address, entity.not_selector))
    )


def _ports_match(entity: Entity, member: Member, sets: IpSets) -> bool:
    _, protocol, number = member

    def is_one(port: PortRange | str) -> bool:
        if isinstance(port, str):
            return sets.has_named_port(member, port, entity.selector)
        return protocol in WITH_PORTS and port.lo <= number <= port.hi

    return (not entity.ports or any(map(is_one, entity.ports))) and not any(
        map(is_one, entity.not_ports)
    )
