"""Which packets travel inside others: IPIP and VXLAN between nodes.

Semantics: "Packet entering the node" (encap auto-rules), "Decision procedure", (a) 4 and (e).
Source: felix/rules/static.go, felix/dataplane/linux/{ipip,vxlan}_mgr.go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

from tests.reference.packet import IPIP, UDP, Address, Packet
from tests.reference.policies import Raw

VXLAN_PORT = 4789
# Device by (mode, family), and the Node annotation that holds its address.
_DEVICES = {
    ("ipipMode", 4): ("tunl0", "projectcalico.org/IPv4IPIPTunnelAddr"),
    ("vxlanMode", 4): ("vxlan.calico", "projectcalico.org/IPv4VXLANTunnelAddr"),
    ("vxlanMode", 6): ("vxlan-v6.calico", "projectcalico.org/IPv6VXLANTunnelAddr"),
}
_OFF = {None, "", "Never"}


@dataclass(frozen=True, slots=True)
class Overlay:
    """What the IP pools ask for."""

    pools: tuple[Raw, ...]

    def device_towards(self, pod: Address, *, same_subnet: bool) -> str | None:
        """The tunnel device for packets to a pod on another node; None for plain routing."""
        for pool in self.pools:
            for (field, family), (device, _) in _DEVICES.items():
                mode = pool.get(field)
                crosses = mode not in _OFF and not (mode == "CrossSubnet" and same_subnet)
                if crosses and family == pod.version and is_in(pod, [pool]):
                    return device
        return None

    def carries(self, packet: Packet) -> bool:
        """Is it an outer packet of an encapsulation that is in use in its family?"""
        if packet.protocol == IPIP:
            return self._uses("ipipMode", packet.family)
        is_vxlan = (packet.protocol, packet.dst_port) == (UDP, VXLAN_PORT)
        return is_vxlan and self._uses("vxlanMode", packet.family)

    def _uses(self, field: str, family: int) -> bool:
        return any(
            pool.get(field) not in _OFF and ip_network(pool["cidr"]).version == family
            for pool in self.pools
        )


def is_in(address: Address, pools: Iterable[Raw]) -> bool:
    return any(address in ip_network(pool["cidr"]) for pool in pools)


def is_tunnel(interface: str) -> bool:
    return any(interface == device for device, _ in _DEVICES.values())


def tunnel_addresses(annotations: Mapping[str, str]) -> Iterable[tuple[str, Address]]:
    """The tunnel devices that Calico has given an address on a node."""
    for device, annotation in _DEVICES.values():
        if annotations.get(annotation):
            yield device, ip_interface(annotations[annotation]).ip


def outer(source: Address, destination: Address, *, device: str, source_port: int) -> Packet:
    """The packet between two nodes that carries another."""
    if device == "tunl0":
        return Packet(source, destination, IPIP)
    return Packet(source, destination, UDP, source_port, VXLAN_PORT)
