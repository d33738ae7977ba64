"""What becomes of one packet: the question's peers become addresses, then the way is walked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.model.kinds.k8s_service import Service
from service.net.flow import protocol_name
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import format_ip
from service.policy.assumed import assumed
from service.policy.flow_query import (
    Access,
    FlowQuery,
    IpPeer,
    NodePeer,
    PodPeer,
    ServicePeer,
    Via,
    parse_flow,
)
from service.policy.kube_proxy import Socket, virtual_address
from service.policy.paths import PODS, Paths
from service.policy.stages import Connection, Detail, Disposition, Stage, Walk

if TYPE_CHECKING:
    from service.net.prefixes import Address
    from service.policy.assumed import Assumed
    from service.policy.flow_query import Destination, Source
    from service.policy.world import World

__all__ = ["FlowQuery", "Trace", "parse_flow", "trace"]


@dataclass(frozen=True, slots=True)
class Trace:
    """What becomes of a flow, and all that it met on its way.

    ``at_host`` is the disposition by the hosts' own hooks alone; ``unknown`` tells why a disposition is
    not known, and is empty where it is. ``defaults`` are those of the objects that judged the flow.
    """

    query: FlowQuery
    disposition: Disposition
    at_host: Disposition
    stages: tuple[Stage, ...] = ()
    unknown: tuple[str, ...] = ()
    defaults: tuple[Assumed, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The answer in the trace format."""
        return {
            "flow": self.query.to_json(),
            "disposition": self.disposition.value,
            "at_host": self.at_host.value,
            "stages": [stage.to_json() for stage in self.stages],
            "unknown": list(self.unknown),
            "defaults": [one.to_json() for one in self.defaults],
        }

    def to_text(self) -> str:
        """The answer for people: the flow, a line for each stage, and what was not known."""
        return "\n".join(
            (
                f"{_described(self.query)}: {self.disposition}",
                *(stage.to_text() for stage in self.stages),
                *(f"  unknown: {why}" for why in self.unknown),
                *(f"  default: {one}" for one in self.defaults),
            )
        )


def trace(world: World, query: FlowQuery, detail: Detail = Detail.STAGES) -> Trace:
    """What becomes of the first packet of *query*'s connection, or of a later one if established."""
    try:
        walk = _walk(world, query, detail)
    except _UntraceableError as error:
        return Trace(query, Disposition.UNKNOWN, Disposition.UNKNOWN, unknown=(str(error),))
    decided = walk.disposition is not Disposition.UNKNOWN
    return Trace(
        query=query,
        disposition=walk.disposition,
        at_host=walk.at_host,
        stages=walk.stages,
        unknown=() if decided else (*walk.unknown, *walk.beyond),
        defaults=assumed(world, walk.stages),
    )


class _UntraceableError(Exception):
    """A peer of the question has no address that is known, or no way leads in."""


def _walk(world: World, query: FlowQuery, detail: Detail) -> Walk:
    paths = Paths(world, query.family, query.protocol)
    source = _sender(paths, query)
    socket = _target(world, paths, query, source=source)
    walk = replace(
        Walk.start(world, _packets(query, socket)),
        connection=Connection.ESTABLISHED if query.established else Connection.NEW,
        detail=detail,
        varies=() if _is_single(query.src_ports) else ("the source port",),
    )
    if isinstance(source, NodePeer):
        return paths.from_node(walk, source.name, socket)
    sources = IntervalSet.single(source.address[1])
    walk = walk.rewritten(HeaderSpace.box(query.family, {Field.SRC: sources}), Field.SRC)
    via = query.via or _entry(paths, socket)
    link = paths.topology.way_in(via.node, socket.address, via.interface)
    return paths.arrive(walk, link, socket)


def _sender(paths: Paths, query: FlowQuery) -> IpPeer | NodePeer:
    """Who sends: an address is its node's process, unless the flow tells where it comes in."""
    source = query.source
    if isinstance(source, PodPeer):
        raise _UntraceableError(f"{PODS}: pod {source.namespace}/{source.name} sends")
    if isinstance(source, IpPeer) and query.via is None:
        owner = paths.topology.owner(source.address)
        if owner:
            return NodePeer(owner)
        if paths.topology.pod(source.address) is not None:
            raise _UntraceableError(f"{PODS}: {format_ip(*source.address)} is a pod's")
    return source


def _target(world: World, paths: Paths, query: FlowQuery, *, source: IpPeer | NodePeer) -> Socket:
    """The address and port that are called."""
    match query.destination:
        case IpPeer(address):
            return Socket(address, query.port)
        case NodePeer(name):
            return Socket(_node_address(paths, name, query), query.port)
        case PodPeer(namespace, name):
            raise _UntraceableError(f"{PODS}: pod {namespace}/{name} is called")
        case ServicePeer(namespace, name, access):
            service = world.snapshot.get(Service, name, namespace)
            if service is None:
                raise _UntraceableError(f"there is no Service {namespace}/{name}")
            if access is Access.NODE_PORT:
                return _node_port(service, paths, query, source=source)
            virtual = virtual_address(service, access, query.family)
            if virtual is None:
                kind = f"{access} address of IPv{query.family.value}"
                raise _UntraceableError(f"{service.meta.ref} has no {kind} that is known")
            return Socket(virtual, query.port)


def _node_port(
    service: Service, paths: Paths, query: FlowQuery, *, source: IpPeer | NodePeer
) -> Socket:
    """A node port of the node where the flow enters; its Service's port may stand for it."""
    via = query.via.node if query.via else ""
    node = via or (source.name if isinstance(source, NodePeer) else "")
    if not node:
        raise _UntraceableError("a node port is on every node: via must name one")
    ports = [one for one in service.ports if one.protocol == query.protocol]
    if all(one.node_port != query.port for one in ports):
        meant = [one.node_port for one in ports if one.port == query.port and one.node_port]
        if not meant:
            raise _UntraceableError(f"{service.meta.ref} has no node port for port {query.port}")
        return Socket(_node_address(paths, node, query), meant[0])
    return Socket(_node_address(paths, node, query), query.port)


def _node_address(paths: Paths, node: str, query: FlowQuery) -> Address:
    address = paths.topology.address(node, query.family)
    if address is None:
        family = f"IPv{query.family.value}"
        raise _UntraceableError(f"no {family} address of a node {node} is known")
    return address


def _entry(paths: Paths, socket: Socket) -> Via:
    """Where a packet from outside comes in that does not say: at the node that it calls."""
    owner = paths.topology.owner(socket.address)
    if not owner:
        where = format_ip(*socket.address)
        raise _UntraceableError(f"{where} is no node's address: via must say where packets enter")
    return Via(owner)


def _packets(query: FlowQuery, socket: Socket) -> HeaderSpace:
    """The packets that the question means: one, if it names the source port; their source is open."""
    fields = {
        Field.PROTOCOL: IntervalSet.single(query.protocol),
        Field.DST: IntervalSet.single(socket.address[1]),
        Field.SRC_PORT: query.src_ports,
    }
    if socket.port is not None:
        fields[Field.DST_PORT] = IntervalSet.single(socket.port)
    if query.icmp is not None:
        fields[Field.ICMP_TYPE] = IntervalSet.single(query.icmp[0])
        fields[Field.ICMP_CODE] = IntervalSet.single(query.icmp[1])
    return HeaderSpace.box(query.family, fields)


def _is_single(ports: IntervalSet) -> bool:
    return ports.size() == 1


def _described(query: FlowQuery) -> str:
    port = "" if query.port is None else f" port {query.port}"
    via = f" via {query.via.node} {query.via.interface}".rstrip() if query.via else ""
    name = protocol_name(query.protocol)
    return f"{name} {_peer(query.source)} -> {_peer(query.destination)}{port}{via}"


def _peer(peer: Source | Destination) -> str:
    match peer:
        case IpPeer(address):
            return format_ip(*address)
        case NodePeer(name):
            return f"node {name}"
        case PodPeer(namespace, name):
            return f"pod {namespace}/{name}"
        case ServicePeer(namespace, name, access):
            return f"{access} of Service {namespace}/{name}"
