"""kube-proxy's and the CNI's translations of a node, as nftables chains.

Semantics: "NodePort / LoadBalancer / external IPs"; kubernetes/pkg/proxy/nftables/proxier.go,
containernetworking plugins/meta/portmap.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from tests.kernel.chains import MASQUERADE, denied, mark
from tests.kernel.matches import addresses
from tests.reference.endpoints import is_host_networked, is_running, pod_addresses
from tests.reference.packet import protocol_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reference.hosts import Host
    from tests.reference.packet import Address
    from tests.reference.policies import Raw
    from tests.reference.world import World

_WORDS = {4: "ip", 6: "ip6"}
_ANY = {"", "0.0.0.0", "::"}  # noqa: S104  (what a pod asks for; nothing is bound here)
_DROP = denied("dnat", "ingress")


@dataclass(frozen=True, slots=True)
class _Front:
    """One port of a Service in one family; chains of it start with `name`."""

    name: str
    service: Raw
    port: Raw
    family: int


class KubeProxy:
    """The translations of one node."""

    def __init__(self, world: World, host: Host) -> None:
        """Those of *host*."""
        self._world, self._host = world, host
        self._chains: dict[str, list[str]] = {}

    def chains(self) -> dict[str, list[str]]:
        """The chain "services", for PREROUTING and OUTPUT, and those that it jumps to."""
        lines: list[str] = []
        for number, service in enumerate(self._world.of_kind("Service")):
            for index, port in enumerate(service["spec"].get("ports") or ()):
                for family in (4, 6):
                    front = _Front(f"svc{number}-{index}-{family}", service, port, family)
                    lines += self._front(front)
        lines += self._host_ports()
        self._chains["services"] = lines
        return self._chains

    def untranslated(self) -> Iterator[str]:
        """Packets to a node or host port that are not translated find no process: nobody listens there."""
        for match in (*self._node_ports(), *(match for match, _, _ in self._asked_ports())):
            yield f"ct status & dnat == 0 {match} {_DROP}"
            yield f"ct state untracked {match} {_DROP}"

    def _node_ports(self) -> Iterator[str]:
        for service in self._world.of_kind("Service"):
            spec = service["spec"]
            for port in spec.get("ports") or ():
                protocol = protocol_number(port.get("protocol", "TCP"))
                for family in (4, 6):
                    if port.get("nodePort") and f"IPv{family}" in _families(spec):
                        yield (
                            f"meta nfproto ipv{family} {_own(family)} "
                            f"meta l4proto {protocol} th dport {port['nodePort']}"
                        )

    def _front(self, front: _Front) -> Iterator[str]:
        """The matches of a Service port, most specific first: its addresses, then node ports."""
        spec, port, word = front.service["spec"], front.port, _WORDS[front.family]
        protocol = f"meta l4proto {protocol_number(port.get('protocol', 'TCP'))}"
        for address in _of_family(_cluster_addresses(spec), front.family):
            match = f"{word} daddr {address} {protocol} th dport {port['port']}"
            yield f"{match} goto {self._internal(front)}"
        for address in _of_family(spec.get("externalIPs") or (), front.family):
            match = f"{word} daddr {address} {protocol} th dport {port['port']}"
            yield f"{match} goto {self._external(front)}"
        for address in _of_family(_balancer_addresses(front.service), front.family):
            match = f"{word} daddr {address} {protocol} th dport {port['port']}"
            yield f"{match} goto {self._balanced(front)}"
        if port.get("nodePort") and f"IPv{front.family}" in _families(spec):
            own = f"meta nfproto ipv{front.family} {_own(front.family)}"
            match = f"{own} {protocol} th dport {port['nodePort']}"
            yield f"{match} goto {self._external(front)}"

    def _internal(self, front: _Front) -> str:
        """By the cluster's own address: whoever is no pod is masqueraded."""
        local = front.service["spec"].get("internalTrafficPolicy") == "Local"
        pods = addresses(map(ip_network, self._pod_nets()), front.family)
        word = _WORDS[front.family]
        outsiders = f"{word} saddr != {pods} " if pods else ""
        lines = [f"{outsiders}{mark(MASQUERADE)}", *self._drawn(front, local=local)]
        return self._add(f"{front.name}-internal", lines)

    def _external(self, front: _Front) -> str:
        """By a node port or an address from outside."""
        spec, word = front.service["spec"], _WORDS[front.family]
        if spec.get("externalTrafficPolicy") != "Local":
            lines = [mark(MASQUERADE), *self._drawn(front, local=False)]
            return self._add(f"{front.name}-external", lines)
        everywhere = self._add(f"{front.name}-any", self._drawn(front, local=False))
        pods = addresses(map(ip_network, self._pod_nets()), front.family)
        from_pods = [f"{word} saddr {pods} goto {everywhere}"] if pods else []
        lines = [
            *from_pods,
            f"fib saddr type local {mark(MASQUERADE)}",
            f"fib saddr type local goto {everywhere}",
            *self._drawn(front, local=True),
        ]
        return self._add(f"{front.name}-external", lines)

    def _balanced(self, front: _Front) -> str:
        """By the address of a balancer, which may be for some sources only."""
        ranges = front.service["spec"].get("loadBalancerSourceRanges") or ()
        external = self._external(front)
        nets = (ip_network(text, strict=False) for text in ranges)
        listed = addresses(nets, front.family)
        if not listed:
            return external  # ranges of the other family only restrict that family
        allowed = f"{_WORDS[front.family]} saddr {listed} goto {external}"
        return self._add(f"{front.name}-balanced", [allowed, _DROP])

    def _drawn(self, front: _Front, *, local: bool) -> list[str]:
        """One of the eligible backends; a packet for a Service without any ends."""
        backends = self._backends(front, local=local)
        if not backends:
            return [_DROP]
        names = [self._backend(front, backend) for backend in backends]
        if len(names) == 1:
            return [f"goto {names[0]}"]
        drawn = ", ".join(f"{number} : goto {name}" for number, name in enumerate(names))
        return [f"numgen random mod {len(names)} vmap {{ {drawn} }}"]

    def _backend(self, front: _Front, backend: tuple[Address, int]) -> str:
        """To one backend; itself as a client it would not recognise the answer, and is masqueraded."""
        address, port = backend
        protocol = protocol_number(front.port.get("protocol", "TCP"))
        name = f"{front.name}-to-{str(address).replace(':', '-')}-{port}"
        return self._add(name, _translation(address, port, protocol))

    def _backends(self, front: _Front, *, local: bool) -> list[tuple[Address, int]]:
        meta = front.service["metadata"]
        ready, leaving = [], []
        for one in self._world.of_kind("EndpointSlice"):
            labels = one["metadata"].get("labels") or {}
            is_own = labels.get("kubernetes.io/service-name") == meta["name"]
            is_here = one["metadata"]["namespace"] == meta["namespace"]
            if not (is_own and is_here and one["addressType"] == f"IPv{front.family}"):
                continue
            for port in one.get("ports") or ():
                if (port.get("name") or "") != (front.port.get("name") or ""):
                    continue
                for end in one.get("endpoints") or ():
                    if local and end.get("nodeName") != self._host.name:
                        continue
                    conditions = end.get("conditions") or {}
                    backend = (ip_address(end["addresses"][0]), port["port"])
                    if conditions.get("ready") is not False:
                        ready.append(backend)
                    if conditions.get("serving") and conditions.get("terminating"):
                        leaving.append(backend)
        return ready or leaving

    def _host_ports(self) -> Iterator[str]:
        for match, address, port in self._asked_ports():
            protocol = protocol_number(port.get("protocol", "TCP"))
            name = f"hostport-{port['hostPort']}-{protocol}-{str(address).replace(':', '-')}"
            chain = self._add(name, _translation(address, port["containerPort"], protocol))
            yield f"{match} goto {chain}"

    def _asked_ports(self) -> Iterator[tuple[str, Address, Raw]]:
        """The host ports of the node's pods: what is translated, and to whom."""
        for pod in self._world.of_kind("Pod"):
            is_here = pod["spec"].get("nodeName") == self._host.name
            if not is_here or is_host_networked(pod) or not is_running(pod):
                continue
            for address in pod_addresses(pod):
                for port in _container_ports(pod):
                    if port.get("hostPort"):
                        yield _asked(port, address.version), address, port

    def _pod_nets(self) -> list[str]:
        return list(self._world._pod_nets())

    def _add(self, name: str, lines: list[str]) -> str:
        self._chains[name] = lines
        return name


def _own(family: int) -> str:
    loopback = "127.0.0.0/8" if family == 4 else "::1"
    return f"fib daddr type local {_WORDS[family]} daddr != {loopback}"


def _families(spec: Raw) -> list[str]:
    return spec.get("ipFamilies") or ["IPv4", "IPv6"]


def _asked(port: Raw, family: int) -> str:
    asked = str(port.get("hostIP") or "")
    only = "" if asked in _ANY else f"{_WORDS[family]} daddr {asked} "
    protocol = protocol_number(port.get("protocol", "TCP"))
    match = f"meta l4proto {protocol} th dport {port['hostPort']}"
    return f"meta nfproto ipv{family} fib daddr type local {only}{match}"


def _translation(address: Address, port: int, protocol: int) -> list[str]:
    word = _WORDS[address.version]
    to = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    return [
        f"{word} saddr {address} {mark(MASQUERADE)}",
        f"meta l4proto {protocol} dnat {word} to {to}",
    ]


def _cluster_addresses(spec: Raw) -> list[str]:
    listed = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return [text for text in listed if text and text != "None"]


def _balancer_addresses(service: Raw) -> list[str]:
    entries = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [one["ip"] for one in entries if one.get("ip") and one.get("ipMode") != "Proxy"]


def _of_family(texts: list[str] | tuple[str, ...], family: int) -> list[Address]:
    return [one for one in map(ip_address, texts) if one.version == family]


def _container_ports(pod: Raw) -> Iterator[Raw]:
    for container in pod["spec"].get("containers") or ():
        yield from container.get("ports") or ()


def service_addresses(world: World) -> Iterator[Address]:
    """Every address that is a Service's own."""
    for service in world.of_kind("Service"):
        spec = service["spec"]
        listed = (
            *_cluster_addresses(spec),
            *(spec.get("externalIPs") or ()),
            *_balancer_addresses(service),
        )
        yield from map(ip_address, listed)
