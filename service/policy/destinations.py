"""The packets of a question by their destination: its addresses and, of a Service, its ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.kinds.k8s_service import Service
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.flow_query import Access, ServicePeer
from service.policy.kube_proxy import virtual_addresses
from service.policy.question import Addresses, Nodes, Outside, PodsNamed
from service.policy.senders import Senders, pods_named, strangers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.net.prefixes import Family
    from service.policy.question import Question, Target
    from service.policy.topology import Topology
    from service.policy.world import World


class Destinations:
    """The destinations of one family in one world."""

    def __init__(self, world: World, topology: Topology, family: Family) -> None:
        """The destinations in *world*, whose addresses *topology* has."""
        self._world = world
        self._topology = topology
        self._family = family
        self._asks_no_port = True

    def of(self, question: Question) -> tuple[HeaderSpace, list[str]]:
        """The packets that *question* means, of any source, and why something that it means is none."""
        packets = question.packets(self._family)
        self._asks_no_port = question.ports is None
        if not question.destinations:
            return packets, []
        spaces: list[HeaderSpace] = []
        unresolved: list[str] = []
        for target in question.destinations:
            space, reasons = self._one(target, packets)
            spaces.append(space)
            unresolved += reasons
        return HeaderSpace.union_all(self._family, spaces), unresolved

    def _one(self, target: Target, packets: HeaderSpace) -> tuple[HeaderSpace, list[str]]:
        match target:
            case Addresses(net):
                ranges = [(net.lo, net.hi)] if net.family is self._family else []
                return packets.restrict(Field.DST, IntervalSet.of(*ranges)), []
            case Outside():
                outside = Senders(self._world, self._topology, self._family).outside()
                return packets.restrict(Field.DST, outside), []
            case Nodes():
                return self._nodes(target, packets)
            case PodsNamed():
                pods = list(pods_named(self._world, target))
                values = [value for pod in pods for own, value in pod.ips if own is self._family]
                return packets.restrict(Field.DST, _singles(values)), list(strangers(pods, target))
            case ServicePeer():
                return self._service(target, packets)

    def _nodes(self, target: Nodes, packets: HeaderSpace) -> tuple[HeaderSpace, list[str]]:
        names = [name for name in self._world.node_names if target.means(name)]
        owned = IntervalSet.union_all(self._topology.owned(name, self._family) for name in names)
        unresolved = [] if names else [f"there is no node {target.name}"]
        unresolved.extend(
            f"no address of node {name} is known"
            for name in names
            if not any(self._topology.owned(name, family) for family in type(self._family))
        )
        return packets.restrict(Field.DST, owned), unresolved

    def _service(self, target: ServicePeer, packets: HeaderSpace) -> tuple[HeaderSpace, list[str]]:
        nothing = HeaderSpace.nothing(self._family)
        service = self._world.snapshot.get(Service, target.name, target.namespace)
        if service is None:
            return nothing, [f"there is no Service {target.namespace}/{target.name}"]
        if target.access is Access.NODE_PORT:
            called = _at_node_ports(service, packets)
            unresolved = [] if called else [f"{service.meta.ref} has no node port for such packets"]
            nodes = self._topology.node_addresses(self._family)
            return called.restrict(Field.DST, nodes), unresolved
        found = virtual_addresses(service, target.access)
        unresolved = [] if found else [f"{service.meta.ref} has no {target.access} that is known"]
        values = [value for own, value in found if own is self._family]
        called = packets & _at_ports(service, packets) if self._asks_no_port else packets
        return called.restrict(Field.DST, _singles(values)), unresolved


def _at_ports(service: Service, packets: HeaderSpace) -> HeaderSpace:
    """Those of *packets* that are for a port of *service*."""
    boxes = (_box(packets, one.protocol, one.port) for one in service.ports)
    return packets & HeaderSpace.union_all(packets.family, boxes)


def _at_node_ports(service: Service, packets: HeaderSpace) -> HeaderSpace:
    """Those of *packets* that are for a node port of *service*; for a port of its own, the node port."""
    spaces: list[HeaderSpace] = []
    for one in service.ports:
        if not one.node_port:
            continue
        meant = packets & _box(packets, one.protocol, one.node_port)
        is_taken = any(
            other.node_port == one.port and other.protocol == one.protocol
            for other in service.ports
        )
        if not is_taken:
            named = packets & _box(packets, one.protocol, one.port)
            meant |= named.forget(Field.DST_PORT) & _box(packets, one.protocol, one.node_port)
        spaces.append(meant)
    return HeaderSpace.union_all(packets.family, spaces)


def _box(packets: HeaderSpace, protocol: int, port: int) -> HeaderSpace:
    fields = {Field.PROTOCOL: protocol, Field.DST_PORT: port}
    box = {field: IntervalSet.single(value) for field, value in fields.items()}
    return HeaderSpace.box(packets.family, box)


def _singles(values: Iterable[int]) -> IntervalSet:
    return IntervalSet.of(*((value, value) for value in values))
