"""Which node has an address, and by which interface packets come in and go out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.model.kinds.endpoint_slice import EndpointSlice
from service.model.kinds.node import Interface, InterfaceAddress
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, addresses_in, format_ip
from service.policy.entries import LOOPBACK, entries, known_addresses
from service.policy.gates import Gate
from service.policy.pools import Pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model.kinds.node import Node
    from service.net.prefixes import Address, Prefix
    from service.policy.pools import Encapsulation
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World

_LOOPBACK_NETS = {Family.V4: (127 << 24, (128 << 24) - 1), Family.V6: (1, 1)}


@dataclass(frozen=True, slots=True)
class Link:
    """A node's interface as a packet meets it: "" where it is not known, with its gate.

    ``sources`` are the addresses that a packet sent out there may bear. ``pod`` is the one behind the
    interface, of those that Calico polices; ``tunnel`` says that packets are wrapped there. ``doubts`` say
    why the link is not known; then its gate means nothing.
    """

    node: str
    interface: str
    gate: Gate
    sources: IntervalSet = IntervalSet.EMPTY
    pod: WorkloadEndpoint | None = None
    tunnel: Encapsulation | None = None
    doubts: tuple[str, ...] = ()


class Topology:
    """The addresses of a world, found by one look-up each; made in O(nodes + endpoints)."""

    def __init__(self, world: World) -> None:
        """The topology of *world*."""
        self._world = world
        self._owners: dict[Address, str] = {}
        for listed in (_own_addresses, _expected_addresses):
            for node in world.node_names:
                for address in listed(world, node):
                    self._owners.setdefault(address, node)
        owned: dict[tuple[str, Family], list[tuple[int, int]]] = {}
        for (family, value), node in self._owners.items():
            owned.setdefault((node, family), []).append((value, value))
        self._owned = {key: IntervalSet.of(*values) for key, values in owned.items()}
        self.pools = Pools(world)
        self._pods = {address: pod for pod in world.workloads.values() for address in pod.addresses}
        self._nameless_pods = dict(_pod_addresses(world))
        self.pod_nets = tuple(net for node in world.nodes.values() for net in node.pod_cidrs)

    def addresses(self) -> Iterator[Address]:
        """Every address that is a node's or a pod's."""
        yield from self._owners
        yield from self._pods
        yield from self._nameless_pods

    def owner(self, address: Address) -> str:
        """The node that has *address*; "" for none that is known."""
        return self._owners.get(address, "")

    def pod(self, address: Address) -> WorkloadEndpoint | None:
        """The pod that has *address*, if Calico polices it and it is known."""
        return self._pods.get(address)

    def routed(self, address: Address) -> str:
        """The node to which routers outside send packets for a Service's *address*; "" for none known."""
        routes = [one for one in self._world.profile.routes if _holds(one[0], address)]
        return max(routes, key=lambda one: one[0].length)[1] if routes else ""

    def from_routers(self, node: str, address: Address) -> Link:
        """Where packets for *address*, which is not its own, come to *node*: by its first interface."""
        known = self._world.nodes.get(node)
        every = (known.interfaces if known else None) or ()
        first = next((one.name for one in every if one.name != LOOPBACK), "")
        own = address if first else self.address(node, address[0]) or address
        return self.way_in(node, own, first)

    def is_unknown_pod(self, address: Address) -> bool:
        """Whether *address* is, or can only be, that of a pod of which nothing else is known."""
        if address in self._owners or address in self._pods:
            return False
        return address in self._nameless_pods or any(_holds(net, address) for net in self.pod_nets)

    def place(self, address: Address) -> str:
        """The node that has *address*, or whose pod has it; "" for none that is known."""
        pod = self._pods.get(address)
        return pod.node if pod else self.owner(address)

    def node_addresses(self, family: Family) -> IntervalSet:
        """The addresses of every node."""
        values = (value for own, value in self._owners if own is family)
        return IntervalSet.of(*((value, value) for value in values))

    def calico_addresses(self, family: Family) -> IntervalSet:
        """The address of each node by which Felix knows it: of several interfaces, those of one only.

        Where no Node tells, all that are known of it. Source: felix/calc/dataplane_passthru.go.
        """
        told = {name: _calico_address(node, family) for name, node in self._world.nodes.items()}
        values = (
            value
            for (own, value), name in self._owners.items()
            if own is family and told.get(name) in {None, value}
        )
        return IntervalSet.of(*((value, value) for value in values))

    def pod_addresses(self, family: Family) -> IntervalSet:
        """The addresses of every pod that Calico polices."""
        values = (value for own, value in self._pods if own is family)
        return IntervalSet.of(*((value, value) for value in values))

    def unknown_pods(self, family: Family) -> IntervalSet:
        """The addresses that are, or can only be, those of pods of which nothing else is known."""
        nameless = (value for own, value in self._nameless_pods if own is family)
        found = IntervalSet.of(*((value, value) for value in nameless))
        nets = addresses_in(self.pod_nets, family)
        return (found | nets) - self.node_addresses(family) - self.pod_addresses(family)

    def owned(self, node: str, family: Family) -> IntervalSet:
        """The addresses of *node*."""
        return self._owned.get((node, family), IntervalSet.EMPTY)

    def local_addresses(self, node: str, family: Family) -> IntervalSet:
        """The addresses for which packets stay on *node*."""
        return self.owned(node, family) | loopback_addresses(family)

    def address(self, node: str, family: Family) -> Address | None:
        """The address by which others call *node* in *family*: its first; None where none is known."""
        known = self._world.nodes.get(node)
        internal = known.internal_ips if known else ()
        every = (*internal, *known_addresses(self._world, node))
        return next((one for one in every if one[0] is family), None)

    def is_local(self, node: str, address: Address) -> bool:
        """Whether a packet for *address* stays on *node*."""
        return is_loopback(address) or self.owner(address) == node

    def behind(self, pod: WorkloadEndpoint) -> Link:
        """The interface that leads to *pod*: no endpoint of the host's reaches there but ``*``."""
        gate = Gate(wildcard=self._world.endpoints(pod.node).wildcard)
        return Link(pod.node, f"to pod {pod.name}", gate, pod=pod, doubts=self._doubts(pod.node))

    def tunnel(self, node: str, encapsulation: Encapsulation) -> Link:
        """The device by which *node* sends and gets what travels inside of other packets."""
        own = encapsulation.address_on(self._world.nodes.get(node))
        listed = (InterfaceAddress(own, 0),) if own else ()
        gate = self._gate(node, Interface(encapsulation.device, listed))
        address = own or self.address(node, encapsulation.family)
        doubts = () if address else (_no_address(node, encapsulation.family),)
        sources = IntervalSet.single(address[1]) if address else IntervalSet.EMPTY
        return Link(node, encapsulation.device, gate, sources, tunnel=encapsulation, doubts=doubts)

    def way_in(self, node: str, address: Address, interface: str = "") -> Link:
        """Where a packet for *address* enters *node*: by *interface*, where the asker names one.

        Packets for its pods come where those for its own address come.
        """
        pod = self.pod(address)
        if pod is not None and pod.node == node:
            address = self.address(node, address[0]) or address
        doubts = (*self._doubts(node), *self._doubts_of_interface(node, interface))
        if doubts:
            return Link(node, interface, Gate(), doubts=doubts)
        if interface == LOOPBACK:
            return self._loopback(node, address)
        known = self._world.nodes.get(node)
        if known is not None and known.interfaces is not None:
            return self._known_way_in(known, address, interface)
        if interface:
            return self._named_way_in(node, address, interface)
        return self._way_in_by_address(node, address)

    def way_out(self, node: str, address: Address) -> Link:
        """Where a packet of a process of *node* for *address* leaves it, by the node's routes.

        A directly connected network by its interface, everything else by the first interface; pods on
        other nodes by way of these nodes, or through a tunnel.
        """
        doubts = self._doubts(node)
        if doubts:
            return Link(node, "", Gate(), doubts=doubts)
        if self.is_local(node, address):
            return self._loopback(node, address)
        pod = self.pod(address)
        if pod is not None:
            return self._way_to_pod(node, pod, address)
        return self._way_to(node, address)

    def _way_to_pod(self, node: str, pod: WorkloadEndpoint, address: Address) -> Link:
        if pod.node == node:
            own = self.address(node, address[0])
            sources = IntervalSet.single(own[1]) if own else IntervalSet.EMPTY
            return replace(self.behind(pod), sources=sources)
        if address[0] in self._world.felix(node).encrypts:
            doubt = f"WireGuard carries what {node} and {pod.node} send to each other's pods"
            return Link(node, "", Gate(), doubts=(doubt,))
        encapsulation = self.pools.encapsulation(node, pod.node, address)
        if encapsulation is not None:
            return self.tunnel(node, encapsulation)
        return self._way_to(node, self.address(pod.node, address[0]) or address)

    def _way_to(self, node: str, address: Address) -> Link:
        known = self._world.nodes.get(node)
        if known is not None and known.interfaces is not None:
            return self._known_way_out(known, address)
        source = self.address(node, address[0])
        if source is None:
            return Link(node, "", Gate(), doubts=(_no_address(node, address[0]),))
        link = self._way_in_by_address(node, source)
        return replace(link, sources=IntervalSet.single(source[1]))

    def _doubts(self, node: str) -> tuple[str, ...]:
        if node not in self._world.node_names:
            return (f"there is no node {node}",)
        known = self._world.nodes.get(node)
        if known is not None and known.os == "windows":
            return (f"node {node} runs Windows, where host endpoints do not exist",)
        return ()

    def _doubts_of_interface(self, node: str, interface: str) -> tuple[str, ...]:
        """An interface that Felix takes for a pod's (``interfacePrefix``) is no host endpoint's."""
        prefixes = self._world.felix(node).interface_prefix.split(",")
        if interface.startswith(tuple(one.strip() for one in prefixes if one.strip())):
            return (f"what pod is behind {interface} of {node} is not known",)
        return ()

    def _loopback(self, node: str, address: Address) -> Link:
        """The loopback interface, over which a node calls itself with the address that it calls."""
        interface = Interface(LOOPBACK, (InterfaceAddress(address, 0),) * is_loopback(address))
        gate = self._gate(node, interface)
        return Link(node, LOOPBACK, gate, IntervalSet.single(address[1]))

    def _gate(self, node: str, interface: Interface) -> Gate:
        endpoints = self._world.endpoints(node)
        exclude = self._world.felix(node).interface_exclude
        return Gate(endpoints.on_interface(interface, exclude), endpoints.wildcard)

    def _known_way_in(self, node: Node, address: Address, interface: str) -> Link:
        name = node.meta.ref.name
        outward = [one for one in node.interfaces or () if one.name != LOOPBACK]
        if interface:
            chosen = [one for one in outward if one.name == interface]
            doubt = f"node {name} has no interface {interface}"
        else:
            holding = [one for one in outward if _has(one, address)]
            chosen = holding or (outward if len(outward) == 1 else [])
            doubt = f"by which interface of {name} packets for {_text(address)} come is not known"
        if not chosen:
            return Link(name, interface, Gate(), doubts=(doubt,))
        return Link(name, chosen[0].name, self._gate(name, chosen[0]))

    def _named_way_in(self, node: str, address: Address, interface: str) -> Link:
        """By an interface whose addresses nobody wrote down, but for the one that is called."""
        own = (InterfaceAddress(address, 0),) if self.owner(address) == node else ()
        gate = self._gate(node, Interface(interface, own))
        nameless = (hep for hep in self._world.endpoints(node).named if not hep.interface_name)
        doubts = tuple(
            f"which interface of {node} {hep.meta.ref} is on is not known"
            for hep in nameless
            if gate.named is not hep and address not in hep.expected_ips
        )
        return Link(node, interface, gate, doubts=doubts)

    def _way_in_by_address(self, node: str, address: Address) -> Link:
        ways = [
            entry
            for entry in entries(self._world, node, address[0])
            if address[1] in entry.addresses
        ]
        if len(ways) == 1:
            return Link(node, ways[0].interface, ways[0].gate)
        doubt = f"by which interface of {node} packets for {_text(address)} go is not known"
        return Link(node, "", Gate(), doubts=(doubt,))

    def _known_way_out(self, node: Node, address: Address) -> Link:
        name, family = node.meta.ref.name, address[0]
        outward = [one for one in node.interfaces or () if one.name != LOOPBACK]
        for interface in outward:
            for own in interface.addresses:
                if _connects(own, address):
                    source = IntervalSet.single(own.address[1])
                    return Link(name, interface.name, self._gate(name, interface), source)
        for interface in outward[:1]:
            values = [one.address[1] for one in interface.addresses if one.address[0] is family]
            if values:
                source = IntervalSet.single(values[0])
                return Link(name, interface.name, self._gate(name, interface), source)
        doubt = f"the first interface of {name} has no {_name(family)} address to send from"
        return Link(name, "", Gate(), doubts=(doubt,))


def loopback_addresses(family: Family) -> IntervalSet:
    """The addresses that never leave their host."""
    return IntervalSet.of(_LOOPBACK_NETS[family])


def is_loopback(address: Address) -> bool:
    """Whether *address* never leaves its host."""
    family, value = address
    lo, hi = _LOOPBACK_NETS[family]
    return lo <= value <= hi


def _own_addresses(world: World, node: str) -> Iterator[Address]:
    """What the Node itself tells of its addresses, tunnels included."""
    known = world.nodes.get(node)
    if known is None:
        return
    yield from (*known.internal_ips, *known.bgp_addresses, *known.tunnel_addresses)
    if known.interfaces is not None:
        yield from known_addresses(world, node)


def _expected_addresses(world: World, node: str) -> Iterator[Address]:
    """What its host endpoints list besides, where nobody wrote down its interfaces."""
    known = world.nodes.get(node)
    if known is None or known.interfaces is None:
        yield from known_addresses(world, node)
        for hep in world.endpoints(node).active:
            yield from hep.expected_ips


def _calico_address(node: Node, family: Family) -> int | None:
    """Its BGP address, else its first internal, else external one; None where it has none."""
    every = (*node.bgp_addresses, *node.internal_ips, *node.external_ips)
    return next((value for own, value in every if own is family), None)


def _pod_addresses(world: World) -> Iterator[tuple[Address, str]]:
    """The addresses of pods by slices, and where pods are not known, whatever a slice lists."""
    for one in world.snapshot.all(EndpointSlice).values():
        for endpoint in one.endpoints:
            if endpoint.pod is not None or not world.knows_pods:
                for address in endpoint.addresses:
                    yield address, endpoint.node_name


def _holds(net: Prefix, address: Address) -> bool:
    return net.family is address[0] and net.lo <= address[1] <= net.hi


def _has(interface: Interface, address: Address) -> bool:
    return any(one.address == address for one in interface.addresses)


def _connects(own: InterfaceAddress, address: Address) -> bool:
    family, value = own.address
    host_bits = family.bits - own.length
    return family is address[0] and value >> host_bits == address[1] >> host_bits


def _name(family: Family) -> str:
    return f"IPv{family.value}"


def _no_address(node: str, family: Family) -> str:
    return f"node {node} has no {_name(family)} address that is known"


def _text(address: Address) -> str:
    return format_ip(*address)
