"""What Calico's IP pools make of packets between nodes: wrapped in others, or masqueraded.

Source: felix/rules/{static,nat}.go, felix/dataplane/linux/{ipip,vxlan,masq}_mgr.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kinds.ip_pool import IPPool
from service.net.headerspace import HeaderSpace
from service.net.prefixes import Family, PrefixError, addresses_in, parse_ip, parse_network
from service.policy.hooks import VXLAN_PORT, ipip_packets, vxlan_packets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.model.kinds.node import Node
    from service.net.intervals import IntervalSet
    from service.net.prefixes import Address, Prefix
    from service.policy.world import World

_NEVER = "Never"
_CROSS_SUBNET = "CrossSubnet"
_UDP = 17
_IPIP = 4


@dataclass(frozen=True, slots=True)
class Encapsulation:
    """A way of wrapping packets of one family; the outer ones have ``protocol`` and ``port``."""

    family: Family
    device: str
    annotation: str
    protocol: int
    port: int | None

    def address_on(self, node: Node | None) -> Address | None:
        """The address of the device on *node*; None where Calico has not given it one."""
        text = node.meta.annotations.get(self.annotation, "") if node else ""
        try:
            return parse_ip(text.partition("/")[0]) if text else None
        except PrefixError:
            return None


_IPIP_V4 = Encapsulation(
    Family.V4, "tunl0", "projectcalico.org/IPv4IPIPTunnelAddr", _IPIP, port=None
)
_VXLAN = {
    Family.V4: Encapsulation(
        Family.V4, "vxlan.calico", "projectcalico.org/IPv4VXLANTunnelAddr", _UDP, VXLAN_PORT
    ),
    Family.V6: Encapsulation(
        Family.V6, "vxlan-v6.calico", "projectcalico.org/IPv6VXLANTunnelAddr", _UDP, VXLAN_PORT
    ),
}


class Pools:
    """The IP pools of a world."""

    def __init__(self, world: World) -> None:
        """The pools of *world*."""
        self._nodes = world.nodes
        self._pools = tuple(world.snapshot.all(IPPool).values())

    def encapsulation(self, sender: str, receiver: str, pod: Address) -> Encapsulation | None:
        """How *sender* wraps packets for a pod on *receiver*; None for not at all."""
        for pool in self._pools:
            if pool.cidr.family is pod[0] and pool.cidr.lo <= pod[1] <= pool.cidr.hi:
                for mode, way in ((pool.ipip_mode, _IPIP_V4), (pool.vxlan_mode, _VXLAN[pod[0]])):
                    if self._crosses(mode, sender, receiver, family=pod[0]):
                        return way
        return None

    def _crosses(self, mode: str, sender: str, receiver: str, *, family: Family) -> bool:
        if mode == _CROSS_SUBNET:
            return not self._share_subnet(sender, receiver, family)
        return mode != _NEVER

    def _share_subnet(self, sender: str, receiver: str, family: Family) -> bool:
        own = _calico_network(self._nodes.get(sender), family)
        other = _calico_network(self._nodes.get(receiver), family)
        return own is not None and own == other

    def wrapped(self, family: Family) -> HeaderSpace:
        """The packets of *family* that carry others, by the encapsulations in use."""
        spaces = []
        of_family = [pool for pool in self._pools if pool.cidr.family is family]
        if any(pool.ipip_mode != _NEVER for pool in of_family):
            spaces.append(ipip_packets(family))
        if any(pool.vxlan_mode != _NEVER for pool in of_family):
            spaces.append(vxlan_packets(family))
        return HeaderSpace.union_all(family, spaces)

    def networks(self, family: Family) -> Iterator[Prefix]:
        """The network of each pool."""
        return (pool.cidr for pool in self._pools if pool.cidr.family is family)

    def addresses(self, family: Family) -> IntervalSet:
        """The addresses of every pool."""
        return addresses_in((pool.cidr for pool in self._pools), family)

    def natted(self, family: Family) -> IntervalSet:
        """The addresses of the pools whose pods leave with a node's address (``natOutgoing``)."""
        return addresses_in((pool.cidr for pool in self._pools if pool.nat_outgoing), family)


def _calico_network(node: Node | None, family: Family) -> Prefix | None:
    """The network of the address by which Calico routes to a node; None where it has not said."""
    text = node.meta.annotations.get(f"projectcalico.org/IPv{family.value}Address") if node else ""
    try:
        return parse_network(text) if text else None
    except PrefixError:
        return None
