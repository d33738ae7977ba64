"""Who is at the ends of needed flows in one cluster, and which of the flows it uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.apiserver.access import api_endpoints
from service.checks.cutoff.catalogue import Use, Who
from service.checks.hosts.ways import host_values, owners
from service.model.kinds.endpoint_slice import EndpointSlice
from service.model.kinds.ip_pool import IPPool
from service.model.kinds.k8s_service import Service
from service.model.kinds.pod import Pod
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.pools import Pools

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.hosts.ways import Doorway
    from service.checks.settings import CheckSettings
    from service.net.prefixes import Address
    from service.policy.world import World

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_TYPHA_SERVICE = "calico-typha"
_TYPHA_LABEL = ("k8s-app", "calico-typha")
_NEVER = "Never"
_NODES_LENGTH = {Family.V4: 24, Family.V6: 64}
_PODS_LENGTH = {Family.V4: 16, Family.V6: 48}
"""The lengths of prefixes that are taken for the networks of nodes and pods, which no object tells."""
_IN_CLUSTER_BALANCERS = ("metallb", "kube-vip")
"""Words in annotations of Services whose balancer runs in the cluster, and so probes nothing."""


@dataclass(frozen=True, slots=True)
class Socket:
    """Addresses at which a flow ends, with the ports that they bring with them; () for none."""

    addresses: IntervalSet
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of flows in one world and family."""

    world: World
    settings: CheckSettings
    family: Family

    def uses(self, use: Use) -> bool:
        """Whether it is known that the cluster uses flows of that condition."""
        match use:
            case Use.ALWAYS:
                return True
            case Use.TYPHA:
                return bool(self.typha())
            case Use.SEVERAL_MEMBERS:
                return len(self.control_plane()) > 1
            case Use.WIREGUARD:
                name = f"projectcalico.org/IPv{self.family.value}WireguardInterfaceAddr"
                return any(name in node.meta.annotations for node in self.world.nodes.values())
            case Use.BALANCED:
                return bool(self.health_checks())
            case _:
                return any(_routes(pool, use) for pool in self._pools())

    def _pools(self) -> Iterator[IPPool]:
        pools = self.world.snapshot.all(IPPool).values()
        return (one for one in pools if one.cidr.family is self.family and not one.disabled)

    def control_plane(self) -> tuple[str, ...]:
        """The nodes that are labelled so, or have an address at which the API server is dialled."""
        labelled = {
            name for name, node in self.world.nodes.items() if _CONTROL_PLANE in node.meta.labels
        }
        dialled = {one.node for one in api_endpoints(self.world, self.settings) if one.node}
        return tuple(sorted(labelled | dialled))

    def typha(self) -> tuple[str, ...]:
        """The nodes that run Typha, by its pods or the slices of its Service."""
        snapshot = self.world.snapshot
        addresses: list[Address] = []
        for one in snapshot.all(EndpointSlice).values():
            if one.service == _TYPHA_SERVICE:
                addresses += [ip for endpoint in one.endpoints for ip in endpoint.addresses]
        for pod in snapshot.all(Pod).values():
            if pod.host_network and _TYPHA_LABEL in pod.meta.labels.items():
                addresses += pod.ips
        own = owners(self.world, self.family)
        return tuple(sorted({own[value] for one, value in addresses if value in own and one}))

    def health_checks(self) -> tuple[int, ...]:
        """The health-check ports that a balancer outside of the cluster probes."""
        return tuple(
            sorted(
                {
                    service.health_check_node_port
                    for service in self.world.snapshot.all(Service).values()
                    if service.type == "LoadBalancer"
                    and service.health_check_node_port
                    and not _is_balanced_inside(service)
                }
            )
        )

    def is_primary(self, doorway: Doorway) -> bool:
        """Whether the cluster calls the nodes by this family: that of the first address of each."""
        firsts = (self.world.nodes.get(node) for node in doorway.nodes)
        return any(
            node is None or not node.internal_ips or node.internal_ips[0][0] is self.family
            for node in firsts
        )

    def strangers(self) -> IntervalSet:
        """The addresses that are in no network of nodes or pods, as far as these are known.

        A balancer's probes come from elsewhere; an allow of the nodes' network is none for them.
        """
        own = [*self._values(self.world.node_names)]
        pods = (cidr for node in self.world.nodes.values() for cidr in node.pod_cidrs)
        near = [_around(value, _NODES_LENGTH[self.family], self.family) for value in own]
        near += [
            _around(one.lo, _PODS_LENGTH[self.family], self.family)
            for one in pods
            if one.family is self.family
        ]
        inside = IntervalSet.of(*near) | Pools(self.world).addresses(self.family)
        return inside.complement(0, self.family.max_address)

    def sockets(self, who: Who) -> Iterator[Socket]:
        """Where flows to or from *who* end, as far as these are nodes or the API server."""
        if who is Who.API:
            by_port: dict[int, set[int]] = {}
            for one in api_endpoints(self.world, self.settings):
                if one.family is self.family:
                    by_port.setdefault(one.port, set()).add(one.address[1])
            yield from (Socket(_singles(found), (port,)) for port, found in by_port.items())
        else:
            yield Socket(_singles(self._values(self.nodes(who))))

    def nodes(self, who: Who) -> tuple[str, ...]:
        """The nodes that *who* stands for."""
        if who is Who.CONTROL_PLANE:
            return self.control_plane()
        return self.typha() if who is Who.TYPHA else self.world.node_names

    def _values(self, nodes: Iterable[str]) -> Iterator[int]:
        return (value for node in nodes for value in host_values(self.world, node, self.family))


def _routes(pool: IPPool, use: Use) -> bool:
    """Whether the pods of *pool* are reached in the way that *use* means."""
    if use is Use.VXLAN:
        return pool.vxlan_mode != _NEVER
    return pool.ipip_mode != _NEVER if use is Use.IPIP else pool.vxlan_mode == _NEVER


def _around(value: int, length: int, family: Family) -> tuple[int, int]:
    """The range of the prefix of that *length* that holds an address."""
    width = family.bits - length
    low = value >> width << width
    return low, low + (1 << width) - 1


def _is_balanced_inside(service: Service) -> bool:
    return any(word in name for name in service.meta.annotations for word in _IN_CLUSTER_BALANCERS)


def _singles(values: Iterable[int]) -> IntervalSet:
    return IntervalSet.of(*((value, value) for value in values))
