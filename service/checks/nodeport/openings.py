"""The node ports that Services open, or will open once they are allocated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.nodeport.guard import Served
from service.model.kinds.k8s_service import Service
from service.net.flow import PROTOCOL_NUMBERS, protocol_name
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.net.prefixes import Family
    from service.policy.world import World

_EXTERNAL_TYPES = frozenset({"NodePort", "LoadBalancer"})


@dataclass(frozen=True, slots=True)
class Opening:
    """A port that a Service opens on every node: one number, or the range that it will be taken from.

    ``health`` marks the health-check port of a load balancer, which kube-proxy itself serves.
    ``families`` is empty where the Service leaves them to the cluster.
    """

    service: Service
    name: str
    protocol: int
    ports: IntervalSet
    allocated: bool
    health: bool = False

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that the Service asks for; () where it leaves them to the cluster."""
        return self.service.ip_families

    @property
    def served(self) -> Served:
        """Who answers at the port."""
        return Served.BY_HOST if self.health else Served.BEHIND_DNAT

    @property
    def label(self) -> str:
        """As in "TCP 30080" or "TCP 30000-32767"."""
        return f"{protocol_name(self.protocol)} {ranges_text(self.ports)}"

    def packets(self, family: Family) -> Bounds:
        """Every packet of *family* to the opening, whatever node address it is sent to."""
        fields = {Field.PROTOCOL: IntervalSet.single(self.protocol), Field.DST_PORT: self.ports}
        return Bounds.exact(HeaderSpace.box(family, fields))


def ranges_text(ports: IntervalSet) -> str:
    """Ports as text: "30080", "30000-30099, 30101-32767"."""
    return ", ".join(str(lo) if lo == hi else f"{lo}-{hi}" for lo, hi in ports)


def openings(service: Service, settings: CheckSettings) -> Iterator[Opening]:
    """The openings of one Service.

    A load balancer without node ports (``allocateLoadBalancerNodePorts: false``) opens those only that
    it names. Source: Kubernetes, pkg/registry/core/service/storage/alloc.go.
    """
    if service.type not in _EXTERNAL_TYPES:
        return
    whole_range = IntervalSet.of(settings.node_port_range)
    allocates = service.type == "NodePort" or service.allocate_load_balancer_node_ports
    for port in service.ports:
        if port.node_port or allocates:
            ports = IntervalSet.single(port.node_port) if port.node_port else whole_range
            name = port.name or str(port.port)
            yield Opening(service, name, port.protocol, ports, allocated=bool(port.node_port))
    if service.type == "LoadBalancer" and service.external_traffic_policy == "Local":
        number = service.health_check_node_port
        ports = IntervalSet.single(number) if number else whole_range
        tcp = PROTOCOL_NUMBERS["TCP"]
        yield Opening(service, "health check", tcp, ports, allocated=bool(number), health=True)


def all_openings(world: World, settings: CheckSettings) -> Iterator[Opening]:
    """The openings of every Service, in order of their names."""
    services = world.snapshot.all(Service).items()
    opened = {ref: one for ref, one in services if one.type in _EXTERNAL_TYPES}
    for ref in sorted(opened):
        yield from openings(opened[ref], settings)
