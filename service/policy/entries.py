"""Where packets can enter a node: its addresses, and the gate before each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.endpoints import WILDCARD
from service.policy.gates import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model.kinds.host_endpoint import HostEndpoint
    from service.model.kinds.node import Node
    from service.net.prefixes import Address
    from service.policy.endpoints import NodeEndpoints
    from service.policy.world import World

LOOPBACK = "lo"


@dataclass(frozen=True, slots=True)
class Entry:
    """A way into a node for one family: the addresses that packets there are sent to, and its gate.

    ``interface`` is "" where it is not known. ``assumed`` says that nothing ties the addresses to this
    endpoint but that it is on some interface: then each such endpoint is an entry for them.
    """

    node: str
    family: Family
    interface: str
    addresses: IntervalSet
    gate: Gate
    assumed: bool = False


def families(world: World, node: str) -> tuple[Family, ...]:
    """The families in which a node has an address, as far as is known; () where nothing is."""
    known = {family for family, _ in known_addresses(world, node)}
    return tuple(family for family in Family if family in known)


def known_addresses(world: World, node: str) -> tuple[Address, ...]:
    """The addresses of a node at which outsiders may reach it: its interfaces', where they are known.

    Else those of the Node and of its host endpoints. An ExternalIP counts only where no InternalIP of
    its family stands beside it: clouds translate it before the packet comes to the node.
    """
    known = world.nodes.get(node)
    if known is not None and known.interfaces is not None:
        return tuple(
            one.address
            for interface in known.interfaces
            if interface.name != LOOPBACK
            for one in interface.addresses
        )
    listed = (address for hep in world.endpoints(node).active for address in hep.expected_ips)
    return tuple(dict.fromkeys((*(_node_addresses(known) if known else ()), *listed)))


def _node_addresses(node: Node) -> tuple[Address, ...]:
    internal = {family for family, _ in node.internal_ips}
    external = (address for address in node.external_ips if address[0] not in internal)
    return (*node.internal_ips, *external)


def entries(world: World, node: str, family: Family) -> tuple[Entry, ...]:
    """Every way into *node* in *family*.

    Interfaces that the Node names are all there is. Otherwise each address belongs to the endpoint that
    lists it, else to ``*``, else to any endpoint with an interface that lists none of the family, else
    nobody guards it; and an endpoint that lists nothing is a way in for addresses that nobody knows.
    """
    known = world.nodes.get(node)
    if known is not None and known.interfaces is not None:
        return tuple(_by_interface(world, known, family))
    return tuple(_by_address(world, node, family))


def _by_interface(world: World, node: Node, family: Family) -> Iterator[Entry]:
    name = node.meta.ref.name
    endpoints = world.endpoints(name)
    exclude = world.felix(name).interface_exclude
    for interface in node.interfaces or ():
        values = [one.address[1] for one in interface.addresses if one.address[0] is family]
        if not values or interface.name == LOOPBACK:
            continue
        gate = Gate(endpoints.on_interface(interface, exclude), endpoints.wildcard)
        yield Entry(name, family, interface.name, _singles(values), gate)


def _by_address(world: World, node: str, family: Family) -> Iterator[Entry]:
    endpoints = world.endpoints(node)
    addresses = [one for one in known_addresses(world, node) if one[0] is family]
    if not addresses and node in world.nodes:
        return
    owned: dict[str, list[int]] = {}
    unlisted: list[int] = []
    for address in addresses:
        owner = endpoints.listing(address) or endpoints.wildcard
        (owned.setdefault(owner.meta.ref.name, []) if owner else unlisted).append(address[1])
    candidates = [hep for hep in endpoints.named if _lists_none(hep, family)] if unlisted else []
    everything_else = _singles([one for _, one in addresses]).complement(0, family.max_address)
    for hep in endpoints.active:
        values = owned.get(hep.meta.ref.name)
        if values:
            yield Entry(node, family, _interface(hep), _singles(values), _gate(endpoints, hep))
        elif hep in candidates:
            yield Entry(
                node,
                family,
                _interface(hep),
                _singles(unlisted),
                _gate(endpoints, hep),
                assumed=True,
            )
        elif not hep.expected_ips:
            yield Entry(node, family, _interface(hep), everything_else, _gate(endpoints, hep))
    if unlisted and not candidates:
        yield Entry(node, family, "", _singles(unlisted), Gate())


def _lists_none(hep: HostEndpoint, family: Family) -> bool:
    return bool(hep.interface_name) and all(one is not family for one, _ in hep.expected_ips)


def _interface(hep: HostEndpoint) -> str:
    return "" if hep.interface_name == WILDCARD else hep.interface_name


def _gate(endpoints: NodeEndpoints, hep: HostEndpoint) -> Gate:
    named = None if hep is endpoints.wildcard else hep
    return Gate(named, endpoints.wildcard)


def _singles(values: list[int]) -> IntervalSet:
    return IntervalSet.of(*((value, value) for value in values))
