"""What a node makes of a packet's destination: kube-proxy's translation, and the CNI's of host ports.

Source: Kubernetes pkg/proxy (iptables and nftables modes); containernetworking plugins/meta/portmap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.net.headerspace import Field
from service.net.prefixes import addresses_in
from service.policy.flow_query import Access
from service.policy.kube_proxy import Backend, ServiceTable, Socket

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.net.headerspace import Bounds
    from service.net.intervals import IntervalSet
    from service.net.prefixes import Address, Family
    from service.policy.kube_proxy import Call
    from service.policy.topology import Topology
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


class Translator:
    """The translations that the nodes of one world make."""

    def __init__(self, world: World, topology: Topology) -> None:
        """The translator of *world*, whose addresses *topology* has."""
        self._topology = topology
        self._services = ServiceTable(world.snapshot)
        self._pod_nets = tuple(net for node in world.nodes.values() for net in node.pod_cidrs)
        self._host_ports = _host_ports(world.workloads.values())

    def of(
        self, packets: Bounds, node: str, socket: Socket, *, protocol: int
    ) -> Translation | None:
        """What *node* makes of *packets* for *socket*; None where it leaves the destination alone."""
        call = self._services.virtual(socket, protocol)
        if call is None and self._topology.owner(socket.address) == node:
            call = self._services.node_port(socket.address[0], protocol, socket.port)
        if call is not None:
            sources = packets.may.project(Field.SRC)
            return self._of_service(sources, node, call, family=socket.address[0])
        return self._of_host_port(node, socket, protocol)

    def is_node_port(self, family: Family, protocol: int, port: int | None) -> bool:
        """Whether some Service has the node port."""
        return self._services.node_port(family, protocol, port) is not None

    def _of_service(
        self, sources: IntervalSet, node: str, call: Call, *, family: Family
    ) -> Translation:
        if _is_out_of_range(sources, call, family):
            why = f"{call}: the source is in none of its loadBalancerSourceRanges"
            return Translation(str(call), refusal=why)
        from_pods = self._are_pods(sources, family)
        from_node = self._are_of(node, sources, family)
        # kube-proxy spares pods and its own node what a Local policy asks of the outside.
        spared = call.is_external and (from_pods or from_node)
        only_on = node if call.keeps_local and not spared else ""
        backends = self._services.backends(call, family, only_on=only_on)
        if backends is None:
            target = call.port.target_port
            port = target if isinstance(target, int) else None
            return Translation(str(call), None, port=port)
        if not backends:
            where = " on this node" if only_on else ""
            why = f"{call}: kube-proxy drops it, no endpoint is eligible{where}"
            return Translation(str(call), refusal=why)
        if not call.is_external:
            masquerades = not from_pods
        elif call.keeps_local:
            masquerades = from_node
        else:
            masquerades = True
        return Translation(str(call), backends, masquerades=masquerades)

    def _of_host_port(self, node: str, socket: Socket, protocol: int) -> Translation | None:
        if socket.port is None or self._topology.owner(socket.address) != node:
            return None
        for address, backend in self._host_ports.get((node, protocol, socket.port), ()):
            is_for_it = address in {None, socket.address, (socket.address[0], 0)}
            if is_for_it and backend.socket.address[0] is socket.address[0]:
                return Translation(f"host port {socket.port}", (backend,))
        return None

    def _are_pods(self, sources: IntervalSet, family: Family) -> bool:
        """Whether kube-proxy takes all of *sources* for pods', by the networks that it was told of."""
        nets = addresses_in(self._pod_nets, family)
        nets = nets or self._topology.pools.addresses(family)
        if nets:
            return sources <= nets
        return all(self._topology.pod((family, one)) for one in _singles(sources))

    def _are_of(self, node: str, sources: IntervalSet, family: Family) -> bool:
        return all(self._topology.is_local(node, (family, one)) for one in _singles(sources))


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


def _is_out_of_range(sources: IntervalSet, call: Call, family: Family) -> bool:
    """Whether kube-proxy drops the packet by the source ranges of a load balancer."""
    ranges = [one for one in call.service.load_balancer_source_ranges if one.family is family]
    if call.access is not Access.LOAD_BALANCER or not ranges:
        return False
    return not sources <= addresses_in(ranges, family)


def _singles(values: IntervalSet) -> Iterator[int]:
    """The values, as far as they stand alone; the first of every longer range."""
    return (lo for lo, _ in values.ranges)
