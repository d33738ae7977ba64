"""What a node makes of a packet's destination: kube-proxy's translation, and the CNI's of host ports.

Source: Kubernetes pkg/proxy (iptables and nftables modes); containernetworking plugins/meta/portmap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.net.prefixes import addresses_in
from service.policy.flow_query import Access
from service.policy.kube_proxy import Backend, ServiceTable, Socket
from service.policy.profile import Dataplane
from service.policy.topology import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.net.prefixes import Address, Family
    from service.policy.kube_proxy import Call
    from service.policy.topology import Topology
    from service.policy.walk import Walk
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World

    _HostPorts = dict[tuple[str, int, int], list[tuple[Address | None, Backend]]]


@dataclass(frozen=True, slots=True)
class Translation:
    """Where a packet is sent on to: one of ``backends``, which are None where nobody knows them.

    ``call`` says what was called. ``port`` is the port of backends that are not known, None for any.
    ``masquerades`` says that the packet leaves with an address of the node. ``refusal`` says why it is
    dropped; "" where it is not.
    """

    call: str
    backends: tuple[Backend, ...] | None = ()
    port: int | None = None
    masquerades: bool = False
    refusal: str = ""
    access: Access | None = None
    """By which address of a Service it is called; None for a host port, which the CNI translates."""

    @property
    def by_kube_proxy(self) -> bool:
        """Whether kube-proxy, or what stands in for it, makes the translation."""
        return self.access is not None


class Translator:
    """The translations that the nodes of one world make."""

    def __init__(self, world: World, topology: Topology) -> None:
        """The translator of *world*, whose addresses *topology* has."""
        self._topology = topology
        self._world = world
        self._services = ServiceTable(world.snapshot)
        self._pod_nets = tuple(net for node in world.nodes.values() for net in node.pod_cidrs)
        self._host_ports = _host_ports(world.workloads.values())
        self._virtual_ports: dict[Address, list[tuple[int, int]]] = {}
        for address, protocol, port in self._services.sockets():
            self._virtual_ports.setdefault(address, []).append((protocol, port))

    def virtual_addresses(self) -> Iterator[Address]:
        """Every virtual address of a Service."""
        return iter(self._virtual_ports)

    def ports(self, address: Address) -> frozenset[tuple[int, int]]:
        """The protocols and ports at which some node has a translation for packets to *address*."""
        found = set(self._virtual_ports.get(address, ()))
        owner = self._topology.owner(address)
        if owner or is_loopback(address):
            found.update(self._services.node_ports(address[0]))
        found.update((protocol, port) for node, protocol, port in self._host_ports if node == owner)
        return frozenset(found)

    def of(self, walk: Walk, node: str, socket: Socket, *, protocol: int) -> Translation | None:
        """What *node* makes of *walk* for *socket*; None where it leaves the destination alone."""
        call = self._services.virtual(socket, protocol)
        if call is None and self._has_node_ports(node, socket.address):
            call = self._services.node_port(socket.address[0], protocol, socket.port)
        if call is not None:
            return self._of_service(walk, node, call, family=socket.address[0])
        return self._of_host_port(node, socket, protocol)

    def is_virtual(self, address: Address) -> bool:
        """Whether *address* is that of some Service, whatever its ports."""
        return address in self._virtual_ports

    def _has_node_ports(self, node: str, address: Address) -> bool:
        """Whether node ports of *node* answer on *address*; Felix's own proxy, of eBPF, has no choice."""
        if self._topology.owner(address) != node:
            return False
        bounds = self._world.profile.node_port_addresses
        if not bounds or self._world.felix(node).dataplane is Dataplane.BPF:
            return True
        return address[1] in addresses_in(bounds, address[0])

    def is_node_port(self, family: Family, protocol: int, port: int | None) -> bool:
        """Whether some Service has the node port."""
        return self._services.node_port(family, protocol, port) is not None

    def _of_service(self, walk: Walk, node: str, call: Call, *, family: Family) -> Translation:
        if _is_out_of_range(walk, call, family):
            why = f"{call}: the source is in none of its loadBalancerSourceRanges"
            return Translation(str(call), refusal=why, access=call.access)
        from_pods = self._are_pods(walk, family)
        from_node = walk.comes_from(self._topology.local_addresses(node, family))
        # kube-proxy spares pods and its own node what a Local policy asks of the outside.
        spared = call.is_external and (from_pods or from_node)
        only_on = node if call.keeps_local and not spared else ""
        backends = self._services.backends(call, family, only_on=only_on)
        if backends is None:
            target = call.port.target_port
            port = target if isinstance(target, int) else None
            return Translation(str(call), None, port=port, access=call.access)
        if not backends:
            where = " on this node" if only_on else ""
            why = f"{call}: kube-proxy drops it, no endpoint is eligible{where}"
            return Translation(str(call), refusal=why, access=call.access)
        if not call.is_external:
            masquerades = not from_pods
        elif call.keeps_local:
            masquerades = from_node
        else:
            masquerades = True
        return Translation(str(call), backends, masquerades=masquerades, access=call.access)

    def _of_host_port(self, node: str, socket: Socket, protocol: int) -> Translation | None:
        if socket.port is None or self._topology.owner(socket.address) != node:
            return None
        for address, backend in self._host_ports.get((node, protocol, socket.port), ()):
            is_for_it = address in {None, socket.address, (socket.address[0], 0)}
            if is_for_it and backend.socket.address[0] is socket.address[0]:
                return Translation(f"host port {socket.port}", (backend,))
        return None

    def _are_pods(self, walk: Walk, family: Family) -> bool:
        """Whether kube-proxy takes the sources for pods', by the networks that it was told of."""
        nets = addresses_in(self._pod_nets, family)
        nets = nets or self._topology.pools.addresses(family)
        return walk.comes_from(nets or self._topology.pod_addresses(family))


def _host_ports(pods: Iterable[WorkloadEndpoint]) -> _HostPorts:
    """The pods' ports by the port of their node that leads to them, each with the address it is bound to."""
    found: _HostPorts = {}
    for pod in pods:
        for port in pod.ports:
            if port.host_port:
                found.setdefault((pod.node, port.protocol, port.host_port), []).extend(
                    (port.host_ip, Backend(Socket(address, port.port), pod.node))
                    for address in pod.addresses
                )
    return found


def _is_out_of_range(walk: Walk, call: Call, family: Family) -> bool:
    """Whether kube-proxy drops the packet by the source ranges of a load balancer."""
    ranges = [one for one in call.service.load_balancer_source_ranges if one.family is family]
    if call.access is not Access.LOAD_BALANCER or not ranges:
        return False
    return not walk.comes_from(addresses_in(ranges, family))
