"""The cluster as network namespaces: nodes, their pods, and one for everything outside.

Every interface of a node is a cable to the namespace outside, which routes between them, has every
other address there is, and is therefore where packets end that leave the cluster. Neighbours are
written down, so that no policy can hit their discovery.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING

from tests.kernel.namespaces import Namespace
from tests.reference.overlay import is_tunnel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.reference.endpoints import Endpoint
    from tests.reference.hosts import Host
    from tests.reference.packet import Address
    from tests.reference.world import World

_OUTSIDE_MAC = "02:00:00:00:00:01"
_HOST_SIDE_MAC = "02:00:00:00:00:02"
_GATEWAYS = {4: "169.254.1.1", 6: "fe80::1"}
_VXLAN_ID = 4096
_ROUTER = {
    "ipv4__ip_forward": "1",
    "ipv4__conf__all__rp_filter": "0",
    "ipv4__conf__default__rp_filter": "0",
    "ipv4__conf__default__accept_local": "1",
    "ipv6__conf__all__forwarding": "1",
    "ipv6__conf__default__accept_dad": "0",
    "ipv6__conf__default__addr_gen_mode": "1",
}
_LEAF = {name: value for name, value in _ROUTER.items() if "forward" not in name}


class Bed:
    """The namespaces of one world, wired; rules are loaded into them later."""

    def __init__(self, world: World) -> None:
        """Everything up, without any rule."""
        self.world = world
        self.hosts = list(world.hosts.values())
        self.outside = Namespace("outside")
        self.nodes = {host.name: Namespace(host.name) for host in self.hosts}
        self.pods = {pod: Namespace(pod.name) for host in self.hosts for pod in host.pods}
        self.devices = {
            host.name: {pod: f"cali{number}" for number, pod in enumerate(host.pods)}
            for host in self.hosts
        }
        self._withheld: set[Address] = set()
        self.outside.sysctl(**_ROUTER)
        for node in self.nodes.values():
            node.sysctl(**_ROUTER)
        for pod in self.pods.values():
            pod.sysctl(**_LEAF)
        self.outside.ip(["link set lo up", *self._cables()])
        for number, host in enumerate(self.hosts):
            self.nodes[host.name].ip(self._node(number, host))
            for pod in host.pods:
                self.pods[pod].ip(_pod(pod))
        self._join_tunnels()
        self.outside.ip(self._routes())

    def namespaces(self) -> list[Namespace]:
        """All of them."""
        return [self.outside, *self.nodes.values(), *self.pods.values()]

    def namespace(self, name: str) -> Namespace:
        """The one of that name."""
        return next(one for one in self.namespaces() if one.name == name)

    def withhold(self, virtual: Iterable[Address]) -> None:
        """Let nobody outside have these addresses, which are Services': without a node, they lead nowhere."""
        fresh = sorted({*virtual} - self._withheld, key=str)
        self._withheld |= {*fresh}
        if fresh:
            self.outside.ip(f"-{one.version} route add blackhole {one}" for one in fresh)

    def close(self) -> None:
        """Give all of them up."""
        for one in self.namespaces():
            one.close()

    def way_in(self, node: str, interface: str) -> int:
        """The mark by which a packet from outside enters a node by the interface."""
        number = [host.name for host in self.hosts].index(node)
        return 100 + 10 * number + _cabled(self.hosts[number]).index(interface)

    def _cables(self) -> Iterator[str]:
        for number, host in enumerate(self.hosts):
            for index, interface in enumerate(_cabled(host)):
                own, path = f"out{number}-{index}", self.nodes[host.name].path
                yield f"link add {own} type veth peer name {interface} netns {path}"
                yield f"link set {own} address {_OUTSIDE_MAC} up"

    def _routes(self) -> Iterator[str]:
        """To each address of a node by the cable it is on, to pods by the first one of their node."""
        for number, host in enumerate(self.hosts):
            for index, interface in enumerate(_cabled(host)):
                own, table = f"out{number}-{index}", self.way_in(host.name, interface)
                mac = _mac(number, index)
                for family in (4, 6):
                    gateway = _GATEWAYS[family]
                    yield f"-{family} neigh add {gateway} lladdr {mac} dev {own}"
                    yield f"-{family} route add default via {gateway} dev {own} onlink table {table}"
                    yield f"-{family} rule add fwmark {table} table {table}"
                for address in host.interfaces[interface]:
                    yield _through(address.ip, own)
            for pod in host.pods:
                for address in pod.addresses:
                    yield _through(address, f"out{number}-0")
        for everything in ("-4 route add local 0.0.0.0/0", "-6 route add local ::/0"):
            yield f"{everything} dev lo table main"

    def _node(self, number: int, host: Host) -> Iterator[str]:
        yield "link set lo up"
        for index, interface in enumerate(_cabled(host)):
            yield f"link set {interface} address {_mac(number, index)} up"
            for address in host.interfaces[interface]:
                yield f"addr add {address} dev {interface}"
                yield from self._neighbours(host, interface, address.version)
        first = _cabled(host)[0]
        for family, gateway in _GATEWAYS.items():
            yield f"-{family} neigh replace {gateway} lladdr {_OUTSIDE_MAC} dev {first}"
            yield f"-{family} route add default via {gateway} dev {first} onlink"
        for pod, device in self.devices[host.name].items():
            yield f"link add {device} type veth peer name eth0 netns {self.pods[pod].path}"
            yield f"link set {device} address {_HOST_SIDE_MAC} up"
            for address in pod.addresses:
                yield f"route add {address} dev {device}"
                yield f"neigh add {address} lladdr {_pod_mac(pod)} dev {device}"

    def _neighbours(self, host: Host, interface: str, family: int) -> Iterator[str]:
        """The other nodes' addresses, all behind the cable."""
        for other in self.hosts:
            for addresses in other.interfaces.values() if other is not host else ():
                for one in addresses:
                    if one.version == family:
                        yield f"neigh replace {one.ip} lladdr {_OUTSIDE_MAC} dev {interface}"

    def _join_tunnels(self) -> None:
        """VXLAN devices, and the routes to pods that go through them."""
        for number, host in enumerate(self.hosts):
            lines, entries = [], []
            for device in filter(is_tunnel, host.interfaces):
                family = 6 if "v6" in device else 4
                if device == "tunl0":
                    raise ValueError("this kernel has no IPIP devices")
                lines += self._tunnel(number, host, device=device, family=family)
                for at, other in enumerate(self.hosts):
                    if other is not host and device in other.interfaces:
                        underlay = _first(other, family)
                        entries.append(
                            f"fdb append {_tunnel_mac(at, family)} dev {device} dst {underlay}"
                        )
            if lines:
                node = self.nodes[host.name]
                node.ip(lines)
                node.bridge(entries)

    def _tunnel(self, number: int, host: Host, *, device: str, family: int) -> Iterator[str]:
        own = f"id {_VXLAN_ID} dstport 4789 nolearning local {_first(host, family)}"
        yield f"link add {device} type vxlan {own}"
        yield f"link set {device} address {_tunnel_mac(number, family)} up"
        for address in host.interfaces[device]:
            yield f"addr add {address} dev {device}"
        for at, other in enumerate(self.hosts):
            if other is host or device not in other.interfaces:
                continue
            peer = other.interfaces[device][0].ip
            yield f"neigh add {peer} lladdr {_tunnel_mac(at, family)} dev {device}"
            yield f"route add {peer} dev {device}"
            for pod in other.pods:
                for address in pod.addresses:
                    if host.tunnelled.get(address) == device:
                        yield f"route add {address} via {peer} dev {device} onlink"


def _cabled(host: Host) -> list[str]:
    return [name for name in host.interfaces if not is_tunnel(name)]


def _first(host: Host, family: int) -> Address:
    return next(one for one in host.addresses if one.version == family)


def _through(address: Address, cable: str) -> str:
    gateway = _GATEWAYS[address.version]
    return f"-{address.version} route add {address} via {gateway} dev {cable} onlink"


def _pod(pod: Endpoint) -> Iterator[str]:
    yield "link set lo up"
    yield f"link set eth0 address {_pod_mac(pod)} up"
    for address in pod.addresses:
        family, gateway = address.version, _GATEWAYS[address.version]
        yield f"addr add {address} dev eth0"
        yield f"-{family} neigh add {gateway} lladdr {_HOST_SIDE_MAC} dev eth0"
        yield f"-{family} route add default via {gateway} dev eth0 onlink"


def _mac(number: int, index: int) -> str:
    return f"02:01:00:00:{number:02x}:{index:02x}"


def _tunnel_mac(number: int, family: int) -> str:
    return f"02:02:00:00:{number:02x}:{family:02x}"


def _pod_mac(pod: Endpoint) -> str:
    octets = ip_address(pod.addresses[0]).packed[-3:]
    return "02:03:00:" + ":".join(f"{octet:02x}" for octet in octets)


def shape(world: World) -> str:
    """What two worlds share that can share a bed."""
    return json.dumps(
        [
            (
                host.name,
                {name: list(map(str, listed)) for name, listed in host.interfaces.items()},
                list(map(str, host.addresses)),
                [(pod.name, list(map(str, pod.addresses))) for pod in host.pods],
                sorted((str(address), device) for address, device in host.tunnelled.items()),
            )
            for host in world.hosts.values()
        ]
    )
