"""What becomes of one packet: the question's peers become addresses, then the way is walked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.model.kinds.k8s_service import Service
from service.model.kinds.pod import Pod
from service.net.flow import protocol_name
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import format_ip
from service.policy.assumed import assumed
from service.policy.cause import Hook
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
from service.policy.paths import Entry, Paths
from service.policy.stages import (
    Connection,
    Detail,
    Disposition,
    PodPolicy,
    Stage,
    Verdict,
)
from service.policy.walk import Walk
from service.policy.workloads import WorkloadEndpoint

if TYPE_CHECKING:
    from service.net.prefixes import Address
    from service.policy.assumed import Assumed
    from service.policy.flow_query import Destination, Source
    from service.policy.world import World

    _Sender = IpPeer | NodePeer | WorkloadEndpoint

_NOT_ALLOWED = frozenset({Verdict.DENY, Verdict.UNKNOWN})

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
        at_host = walk
        if any(
            stage.hook is Hook.WORKLOAD and stage.verdict in _NOT_ALLOWED for stage in walk.stages
        ):
            at_host = _walk(world, query, Detail.STAGES, pod_policy=PodPolicy.IGNORED)
    except _UntraceableError as error:
        return Trace(query, Disposition.UNKNOWN, Disposition.UNKNOWN, unknown=(str(error),))
    decided = walk.disposition is not Disposition.UNKNOWN
    return Trace(
        query=query,
        disposition=walk.disposition,
        at_host=at_host.at_host,
        stages=walk.stages,
        unknown=() if decided else (*walk.unknown, *walk.beyond),
        defaults=assumed(world, walk.stages),
    )


def packets_of(world: World, query: FlowQuery) -> HeaderSpace | None:
    """The packets that *query* means, of any source where a node sends; None where nobody can tell."""
    paths = Paths(world, query.family, query.protocol)
    try:
        sender = _sender(world, paths, query)
        return _packets(query, _target(world, paths, query, sender=sender), sender)
    except _UntraceableError:
        return None


class _UntraceableError(Exception):
    """A peer of the question has no address that is known, or no way leads in."""


def _walk(
    world: World, query: FlowQuery, detail: Detail, *, pod_policy: PodPolicy = PodPolicy.HEEDED
) -> Walk:
    paths = Paths(world, query.family, query.protocol, entry=_given_entry(query))
    sender = _sender(world, paths, query)
    socket = _target(world, paths, query, sender=sender)
    walk = replace(
        Walk.start(world, _packets(query, socket, sender)),
        connection=Connection.ESTABLISHED if query.established else Connection.NEW,
        detail=detail,
        pod_policy=pod_policy,
        varies=() if _is_single(query.src_ports) else ("the source port",),
    )
    if isinstance(sender, WorkloadEndpoint) and socket.address in sender.addresses:
        return walk  # what a pod sends to itself never leaves it
    if isinstance(sender, NodePeer):
        return paths.from_node(walk, sender.name, socket)
    if isinstance(sender, IpPeer):
        via = query.via or _entry(paths, socket)
        link = paths.topology.way_in(via.node, socket.address, via.interface)
        return paths.arrive(walk, link, socket)
    return paths.arrive(walk, paths.topology.behind(sender), socket)


def _sender(world: World, paths: Paths, query: FlowQuery) -> _Sender:
    """Who sends: an address is its node's process or its pod, unless the flow tells where it comes in."""
    source = query.source
    if isinstance(source, PodPeer):
        pod = _pod(world, source)
        if pod.host_network:
            return NodePeer(pod.node)
        return _policed(paths, source, pod)
    if isinstance(source, IpPeer) and query.via is None:
        owner = paths.topology.owner(source.address)
        if owner:
            return NodePeer(owner)
        if paths.topology.is_unknown_pod(source.address):
            raise _UntraceableError(f"what pod has {format_ip(*source.address)} is not known")
        return paths.topology.pod(source.address) or source
    return source


def _pod(world: World, peer: PodPeer) -> Pod:
    pod = world.snapshot.get(Pod, peer.name, peer.namespace)
    if pod is None:
        raise _UntraceableError(f"there is no pod {peer.namespace}/{peer.name}")
    return pod


def _policed(paths: Paths, peer: PodPeer, pod: Pod) -> WorkloadEndpoint:
    found = (paths.topology.pod(address) for address in pod.ips)
    endpoint = next((one for one in found if one is not None and one.pod == pod.meta.ref), None)
    if endpoint is None:
        raise _UntraceableError(f"pod {peer.namespace}/{peer.name} has no address that is known")
    return endpoint


def _target(world: World, paths: Paths, query: FlowQuery, *, sender: _Sender) -> Socket:
    """The address and port that are called."""
    match query.destination:
        case IpPeer(address):
            return Socket(address, query.port)
        case NodePeer(name):
            return Socket(_node_address(paths, name, query), query.port)
        case PodPeer(namespace, name) as peer:
            known = [one for one in _pod(world, peer).ips if one[0] is query.family]
            if not known:
                text = f"pod {namespace}/{name} has no {_family(query)} address that is known"
                raise _UntraceableError(text)
            return Socket(known[0], query.port)
        case ServicePeer(namespace, name, access):
            service = world.snapshot.get(Service, name, namespace)
            if service is None:
                raise _UntraceableError(f"there is no Service {namespace}/{name}")
            if access is Access.NODE_PORT:
                return _node_port(service, paths, query, sender=sender)
            virtual = virtual_address(service, access, query.family)
            if virtual is None:
                kind = f"{access} address of {_family(query)}"
                raise _UntraceableError(f"{service.meta.ref} has no {kind} that is known")
            return Socket(virtual, query.port)


def _family(query: FlowQuery) -> str:
    return f"IPv{query.family.value}"


def _node_port(service: Service, paths: Paths, query: FlowQuery, *, sender: _Sender) -> Socket:
    """A node port of the node where the flow enters; its Service's port may stand for it."""
    via = query.via.node if query.via else ""
    node = via or _node_of(sender)
    if not node:
        raise _UntraceableError("a node port is on every node: via must name one")
    ports = [one for one in service.ports if one.protocol == query.protocol]
    if all(one.node_port != query.port for one in ports):
        meant = [one.node_port for one in ports if one.port == query.port and one.node_port]
        if not meant:
            raise _UntraceableError(f"{service.meta.ref} has no node port for port {query.port}")
        return Socket(_node_address(paths, node, query), meant[0])
    return Socket(_node_address(paths, node, query), query.port)


def _node_of(sender: _Sender) -> str:
    if isinstance(sender, NodePeer):
        return sender.name
    return "" if isinstance(sender, IpPeer) else sender.node


def _node_address(paths: Paths, node: str, query: FlowQuery) -> Address:
    address = paths.topology.address(node, query.family)
    if address is None:
        raise _UntraceableError(f"no {_family(query)} address of a node {node} is known")
    return address


def _given_entry(query: FlowQuery) -> Entry | None:
    if query.via is None or not isinstance(query.destination, IpPeer):
        return None
    return Entry(query.destination.address, query.via.node)


def _entry(paths: Paths, socket: Socket) -> Via:
    """Where a packet from outside comes in that does not say: at the node that it calls, or whose pod."""
    node = paths.topology.place(socket.address)
    if not node:
        where = format_ip(*socket.address)
        raise _UntraceableError(f"{where} is no node's address: via must say where packets enter")
    return Via(node)


def _packets(query: FlowQuery, socket: Socket, sender: _Sender) -> HeaderSpace:
    """The packets that the question means: one, if it names the source port; a node's source is open."""
    fields = {
        Field.PROTOCOL: IntervalSet.single(query.protocol),
        Field.DST: IntervalSet.single(socket.address[1]),
        Field.SRC_PORT: query.src_ports,
    }
    source = _address_of(sender, query)
    if source is not None:
        fields[Field.SRC] = IntervalSet.single(source[1])
    if socket.port is not None:
        fields[Field.DST_PORT] = IntervalSet.single(socket.port)
    if query.icmp is not None:
        fields[Field.ICMP_TYPE] = IntervalSet.single(query.icmp[0])
        fields[Field.ICMP_CODE] = IntervalSet.single(query.icmp[1])
    return HeaderSpace.box(query.family, fields)


def _address_of(sender: _Sender, query: FlowQuery) -> Address | None:
    """The address that the sender surely bears; None for a node, which has several."""
    if isinstance(sender, NodePeer):
        return None
    if isinstance(sender, IpPeer):
        return sender.address
    address = sender.address(query.family)
    if address is None:
        raise _UntraceableError(f"pod {sender.name} has no {_family(query)} address that is known")
    return address


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
