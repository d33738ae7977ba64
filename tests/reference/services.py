"""kube-proxy and the CNI's host ports: what a packet's destination is rewritten to.

Semantics: "NodePort / LoadBalancer / external IPs", and "DNAT" in the packet path. Source:
kubernetes/pkg/proxy/nftables/proxier.go, containernetworking plugins/meta/portmap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from tests.reference.endpoints import is_host_networked, is_running, pod_addresses
from tests.reference.hosts import Host
from tests.reference.matching import service_of
from tests.reference.packet import Address, Packet, protocol_number
from tests.reference.policies import Raw

_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104  (what a pod asks for; nothing is bound here)


@dataclass(frozen=True, slots=True)
class Frontend:
    """An address and port of a Service that a packet has hit."""

    service: Raw
    port: Raw
    is_external: bool
    kind: str = ""
    source_ranges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backend:
    address: Address
    port: int
    node: str


@dataclass(frozen=True, slots=True)
class Translation:
    """The backends that kube-proxy draws from; none where it rejects or drops the packet."""

    backends: tuple[Backend, ...]
    masquerades: bool
    access: str = ""


class Services:
    """All Services, their EndpointSlices, and the pods that ask for host ports."""

    def __init__(
        self, services: list[Raw], slices: list[Raw], pods: list[Raw], pod_nets: Sequence[str]
    ) -> None:
        self._services = services
        self._slices = slices
        self._pods = pods
        self._pod_nets = tuple(ip_network(net) for net in pod_nets)

    def translate(self, packet: Packet, host: Host) -> Translation | None:
        """What kube-proxy, else the CNI, does on the host to the packet; None for nothing."""
        frontend = next(self._frontends(packet, host), None)
        if frontend:
            found = self._through(frontend, packet, host)
            return replace(found, access=frontend.kind)
        return self._host_port(packet, host)

    def is_address(self, address: Address) -> bool:
        """Is it a Service's own address of any kind?"""
        return any(
            str(address) in map(_canonical, texts)
            for service in self._services
            for texts in _addresses(service).values()
        )

    def addresses_of(self, service: str, kind: str) -> list[Address]:
        """Its addresses of one kind: "clusterIP", "externalIP" or "loadBalancer"."""
        return [
            ip_address(text)
            for one in self._services
            if f"{one['metadata']['namespace']}/{one['metadata']['name']}" == service
            for text in _addresses(one).get(kind, ())
        ]

    def _frontends(self, packet: Packet, host: Host) -> Iterator[Frontend]:
        for service in self._services:
            for port in service["spec"].get("ports") or ():
                if protocol_number(port.get("protocol", "TCP")) == packet.protocol:
                    yield from _hits(service, port, packet, host)

    def _through(self, frontend: Frontend, packet: Packet, host: Host) -> Translation:
        nets = [ip_network(text, strict=False) for text in frontend.source_ranges]
        ranges = [net for net in nets if net.version == packet.family]
        if ranges and not any(packet.src in net for net in ranges):
            return Translation((), masquerades=False)
        spec = frontend.service["spec"]
        backends = self._usable(frontend, packet.family)
        if not frontend.is_external:
            if spec.get("internalTrafficPolicy") == "Local":
                backends = self._usable(frontend, packet.family, on=host)
            return Translation(backends, not self._is_pod(packet.src))
        if spec.get("externalTrafficPolicy") != "Local":
            return Translation(backends, masquerades=True)
        if self._is_pod(packet.src):
            return Translation(backends, masquerades=False)
        if host.owns(packet.src):
            return Translation(backends, masquerades=True)
        backends = self._usable(frontend, packet.family, on=host)
        return Translation(backends, masquerades=False)

    def _is_pod(self, address: Address) -> bool:
        """Is the address in what kube-proxy was told are the pods' networks?"""
        return any(address in net for net in self._pod_nets)

    def _usable(
        self, frontend: Frontend, family: int, on: Host | None = None
    ) -> tuple[Backend, ...]:
        """The ready endpoints, else those that still serve while they terminate; all, or those on a node."""
        meta = frontend.service["metadata"]
        mine = [
            (one, endpoint)
            for one in self._slices
            if service_of(one) == f"{meta['namespace']}/{meta['name']}"
            and one["addressType"] == f"IPv{family}"
            for endpoint in one.get("endpoints") or ()
            if on is None or endpoint.get("nodeName") == on.name
        ]
        ready = [pair for pair in mine if _condition(pair[1], "ready", default=True)]
        leaving = [
            pair
            for pair in mine
            if _condition(pair[1], "serving", default=True)
            and _condition(pair[1], "terminating", default=False)
        ]
        return tuple(
            Backend(
                ip_address(endpoint["addresses"][0]), port["port"], endpoint.get("nodeName", "")
            )
            for one, endpoint in ready or leaving
            for port in one.get("ports") or ()
            if port.get("name", "") == frontend.port.get("name", "")
        )

    def _host_port(self, packet: Packet, host: Host) -> Translation | None:
        """The CNI's port mapping; a host-networked pod listens itself and needs none."""
        if not host.owns(packet.dst):
            return None
        backends = (
            Backend(address, port["containerPort"], host.name)
            for pod in self._pods
            if is_running(pod) and not is_host_networked(pod)
            if pod["spec"].get("nodeName") == host.name
            for address in pod_addresses(pod)
            if address.version == packet.family
            for port in _container_ports(pod)
            if _is_host_port(port, packet)
        )
        found = next(backends, None)
        return Translation((found,), masquerades=False) if found else None


def _hits(service: Raw, port: Raw, packet: Packet, host: Host) -> Iterator[Frontend]:
    """Node ports answer on every address of the node but loopback (kube-proxy in nftables mode)."""
    spec = service["spec"]
    if packet.dst_port == port["port"]:
        for kind, texts in _addresses(service).items():
            if str(packet.dst) in map(_canonical, texts):
                ranges = spec.get("loadBalancerSourceRanges") if kind == "loadBalancer" else ()
                yield Frontend(service, port, kind != "clusterIP", kind, tuple(ranges or ()))
    families = spec.get("ipFamilies") or [f"IPv{packet.family}"]
    is_open = port.get("nodePort") == packet.dst_port and f"IPv{packet.family}" in families
    if is_open and host.owns(packet.dst) and not packet.dst.is_loopback:
        yield Frontend(service, port, is_external=True, kind="nodePort")


def _addresses(service: Raw) -> dict[str, list[str]]:
    """The addresses of a Service by kind, those that a balancer answers itself left out."""
    spec = service["spec"]
    cluster = spec.get("clusterIPs") or [spec.get("clusterIP")]
    entries = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return {
        "clusterIP": [text for text in cluster if text and text != "None"],
        "externalIP": spec.get("externalIPs") or [],
        "loadBalancer": [
            one["ip"] for one in entries if one.get("ip") and one.get("ipMode") != "Proxy"
        ],
    }


def _canonical(text: str) -> str:
    return str(ip_address(text))


def _condition(endpoint: Raw, name: str, *, default: bool) -> bool:
    value = (endpoint.get("conditions") or {}).get(name)
    return default if value is None else value


def _container_ports(pod: Raw) -> Iterator[Raw]:
    for container in pod["spec"].get("containers") or ():
        yield from container.get("ports") or ()


def _is_host_port(port: Raw, packet: Packet) -> bool:
    return (
        port.get("hostPort") == packet.dst_port
        and protocol_number(port.get("protocol", "TCP")) == packet.protocol
        and port.get("hostIP", str(packet.dst)) in {*_ANY_ADDRESS, str(packet.dst)}
    )
