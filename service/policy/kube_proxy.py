"""What kube-proxy makes of a packet for a Service: which one is meant, and which backends may get it.

Source: Kubernetes pkg/proxy (iptables and nftables modes); CategorizeEndpoints in pkg/proxy/topology.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from service.model.kinds.endpoint_slice import EndpointSlice
from service.model.kinds.k8s_service import Service
from service.net.prefixes import Family, format_ip
from service.policy.flow_query import Access
from service.policy.workloads import lists_pods

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.model.kinds.endpoint_slice import Endpoint
    from service.model.kinds.k8s_service import ServicePort
    from service.model.snapshot import Snapshot
    from service.net.prefixes import Address


@dataclass(frozen=True, slots=True)
class Call:
    """A packet's destination read as a Service's: which port of which Service, by which address."""

    service: Service
    port: ServicePort
    access: Access

    def __str__(self) -> str:
        ref = self.service.meta.ref
        return f"{self.access} of Service {ref.namespace}/{ref.name}"

    @property
    def is_external(self) -> bool:
        """Whether ``externalTrafficPolicy`` counts, rather than ``internalTrafficPolicy``."""
        return self.access is not Access.CLUSTER_IP

    @property
    def keeps_local(self) -> bool:
        """Whether only backends of the node that translates are eligible, for clients outside of it."""
        service = self.service
        if self.is_external:
            return service.external_traffic_policy == "Local"
        return service.internal_traffic_policy == "Local"


class Socket(NamedTuple):
    """Where a packet is sent to; ``port`` is None for a protocol without ports."""

    address: Address
    port: int | None

    def __str__(self) -> str:
        ip = format_ip(*self.address)
        return ip if self.port is None else f"{ip} port {self.port}"


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a packet may be sent on to; ``node`` is "" where the slice does not say."""

    socket: Socket
    node: str


class ServiceTable:
    """The Services of a snapshot by the addresses and ports at which they are called.

    Where two claim the same, the first by name has it. O(Services + endpoints) to make.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """The table of *snapshot*."""
        self._virtual: dict[tuple[Address, int, int], Call] = {}
        self._node_ports: dict[tuple[Family, int, int], Call] = {}
        self._slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        for one in snapshot.all(EndpointSlice).values():
            self._slices.setdefault((one.meta.ref.namespace, one.service), []).append(one)
        self._are_slices_complete = bool(self._slices) and lists_pods(snapshot)
        for ref in sorted(snapshot.all(Service)):
            self._add(snapshot.all(Service)[ref])

    def _add(self, service: Service) -> None:
        for port in service.ports:
            for address, access in _virtual_addresses(service):
                call = Call(service, port, access)
                self._virtual.setdefault((address, port.protocol, port.port), call)
            if port.node_port:
                call = Call(service, port, Access.NODE_PORT)
                for family in families(service):
                    self._node_ports.setdefault((family, port.protocol, port.node_port), call)

    def virtual(self, socket: Socket, protocol: int) -> Call | None:
        """The call of a virtual address; None if no Service has that address and port."""
        address, port = socket
        return None if port is None else self._virtual.get((address, protocol, port))

    def sockets(self) -> Iterator[tuple[Address, int, int]]:
        """Every virtual address at which some Service is called, with protocol and port."""
        return iter(self._virtual)

    def node_ports(self, family: Family) -> Iterator[tuple[int, int]]:
        """The protocol and number of every node port of *family*."""
        return ((protocol, port) for own, protocol, port in self._node_ports if own is family)

    def node_port(self, family: Family, protocol: int, port: int | None) -> Call | None:
        """The call of a node's own address at *port*; None if it is no node port of the family."""
        return None if port is None else self._node_ports.get((family, protocol, port))

    def backends(
        self, call: Call, family: Family, *, only_on: str = ""
    ) -> tuple[Backend, ...] | None:
        """The eligible backends, those of the node *only_on* if one is named; None where not known.

        Ready endpoints; where none is ready, those that still serve while they terminate. With the
        cluster's pods come its slices, so that a Service without any has no backend.
        Source: Kubernetes pkg/proxy/topology.go (CategorizeEndpoints).
        """
        ref = call.service.meta.ref
        slices = self._slices.get((ref.namespace, ref.name), [])
        if not slices and not self._are_slices_complete:
            return None
        of_port = [
            (endpoint, port)
            for one in slices
            if one.family is family
            for endpoint in one.endpoints
            if not only_on or endpoint.node_name == only_on
            for port in (_slice_port(one, call.port),)
            if port
        ]
        ready = [(endpoint, port) for endpoint, port in of_port if endpoint.ready]
        leaving = [
            (endpoint, port)
            for endpoint, port in of_port
            if endpoint.serving and endpoint.terminating
        ]
        return tuple(dict.fromkeys(_backends(ready or leaving)))


def families(service: Service) -> tuple[Family, ...]:
    """The families of a Service: as written, else those of its cluster addresses, else both."""
    told = service.ip_families or tuple(dict.fromkeys(one for one, _ in service.cluster_ips))
    return told or tuple(Family)


def virtual_addresses(service: Service, access: Access) -> tuple[Address, ...]:
    """The addresses of that kind by which *service* is called."""
    return tuple(one for one, how in _virtual_addresses(service) if how is access)


def virtual_address(service: Service, access: Access, family: Family) -> Address | None:
    """The first address of that kind and family by which *service* is called; None for none."""
    addresses = (one for one, how in _virtual_addresses(service) if how is access)
    return next((one for one in addresses if one[0] is family), None)


def _virtual_addresses(service: Service) -> Iterator[tuple[Address, Access]]:
    if service.type == "ExternalName":
        return
    for addresses, access in (
        (service.cluster_ips, Access.CLUSTER_IP),
        (service.external_ips, Access.EXTERNAL_IP),
        (service.load_balancer_ips, Access.LOAD_BALANCER),
    ):
        yield from ((address, access) for address in addresses)


def _slice_port(one: EndpointSlice, wanted: ServicePort) -> int:
    """The port of the slice's endpoints for a port of the Service, by name; 0 for none."""
    for port in one.ports:
        if port.name == wanted.name and port.protocol == wanted.protocol and port.port:
            return port.port
    return 0


def _backends(endpoints: Iterable[tuple[Endpoint, int]]) -> Iterator[Backend]:
    for endpoint, port in endpoints:
        for address in endpoint.addresses:
            yield Backend(Socket(address, port), endpoint.node_name)
