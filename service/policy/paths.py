"""The ways of a packet into, through and out of nodes, hook by hook in the order of Felix's chains.

Nothing is evaluated here: every verdict is the world's, of the packet as it is at that hook. A walk may
be of many packets at once, which part where `Walk.within` and its like are asked: what a way depends on
is asked of packets in no other manner, and of destinations only what `targets` cuts them by.
Source: felix/rules/static.go, felix/rules/dispatch.go, felix/dataplane/linux/endpoint_mgr.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, addresses_in, format_ip
from service.policy.cause import Direction, Hook, Reason
from service.policy.entries import LOOPBACK
from service.policy.kube_proxy import Socket
from service.policy.profile import Dataplane
from service.policy.rewrites import BACKEND, Rewrites, refusal_at, translation_at
from service.policy.stages import Stage, Verdict
from service.policy.topology import Topology, is_loopback
from service.policy.translation import Translator
from service.policy.walk import Extent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from service.net.prefixes import Address
    from service.policy.kube_proxy import Backend
    from service.policy.topology import Link
    from service.policy.translation import Translation
    from service.policy.walk import Walk
    from service.policy.world import World

T = TypeVar("T")

_TRANSLATIONS = 2
"""A node port may lead to a node port of another node; more of that would be a circle."""
_NEIGHBOURS = IntervalSet.of((130, 133), (135, 136))
"""The ICMPv6 types without which a pod finds no neighbour: Felix lets them through to the host."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The node at which packets from outside for an address enter the cluster."""

    address: Address
    node: str


@dataclass(frozen=True, slots=True)
class _Tracking:
    """What connection tracking keeps of a packet on one node: whether at all, and to masquerade it."""

    untracked: bool = False
    masquerades: bool = False


class Paths:
    """The ways through one world for packets of one family and protocol."""

    def __init__(
        self, world: World, family: Family, protocol: int, *, entry: Entry | None = None
    ) -> None:
        """The ways of such packets; what they need of *world* is worked out once and kept with it.

        *entry* is where packets from outside for one address enter the cluster.
        """
        self._world = world
        self._entry = entry
        self._family = family
        self._protocol = protocol
        self.topology = _kept(world, "topology", lambda: Topology(world))
        self._rewrites = Rewrites(world, self.topology, family)
        self.translator = _kept(world, "translator", lambda: Translator(world, self.topology))

    def from_node(self, walk: Walk, node: str, socket: Socket) -> Walk:
        """The way of what a process of *node* sends to *socket*."""
        address = socket.address
        out = self.topology.way_out(node, address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        walk = walk.rewritten(self._box({Field.SRC: out.sources}), Field.SRC)
        if out.pod is None:
            walk = walk.judge(out, Hook.UNTRACKED, Direction.EGRESS)
        translation = self._translation(walk, node, socket)
        if translation is not None:
            if walk.may_be_accepted:
                return self._untranslated_by_sender(walk, out, socket, call=translation.call)
            return self._translated_by_sender(walk, out, translation)
        if is_loopback(address) and self._is_node_port(socket.port):
            return walk.stopped("whether node ports answer on loopback depends on kube-proxy")
        if self.topology.is_unknown_pod(address):
            return walk.left(_unknown_pod(address))
        if out.pod is None:
            walk = self._out_of_host(walk, out)
        return self._sent(walk, out, socket)

    def arrive(self, walk: Walk, link: Link, socket: Socket) -> Walk:
        """The way of what comes in by *link* for *socket*."""
        if link.doubts:
            return walk.stopped(*link.doubts)
        walk = walk.reopened()
        if link.pod is None:
            walk = walk.judge(link, Hook.UNTRACKED, Direction.INGRESS)
        untracked = walk.may_be_accepted
        walk = walk.judge(link, Hook.PRE_DNAT, Direction.INGRESS)
        is_loop = link.interface == LOOPBACK
        translation = None if is_loop else self._translation(walk, link.node, socket)
        if translation is None:
            return self._routed(walk, link, socket, tracking=_Tracking(untracked=untracked))
        if untracked:
            return _untranslated(walk, link, translation)
        return self._translated(walk, link, translation)

    def _translation(self, walk: Walk, node: str, socket: Socket) -> Translation | None:
        if walk.ended:
            return None
        return self.translator.of(walk, node, socket, protocol=self._protocol)

    def _is_node_port(self, port: int | None) -> bool:
        return self.translator.is_node_port(self._family, self._protocol, port)

    def _routed(self, walk: Walk, link: Link, socket: Socket, *, tracking: _Tracking) -> Walk:
        """To a process of the node, or on to where the routes lead."""
        if self.topology.is_local(link.node, socket.address):
            return self._to_host(walk, link)
        walk = walk.judge(link, Hook.FORWARD, Direction.INGRESS)
        if link.pod is not None:
            walk = walk.judge_workload(link.pod, Direction.EGRESS)
        if self.topology.is_unknown_pod(socket.address):
            return walk.left(_unknown_pod(socket.address))
        out = self.topology.way_out(link.node, socket.address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        if out.pod is not None:
            walk = walk.judge_workload(out.pod, Direction.INGRESS)
        walk = walk.reopened().judge(out, Hook.FORWARD, Direction.EGRESS)
        leaves = not tracking.untracked and self._rewrites.leaves_pools(walk, link.node, socket)
        if tracking.masquerades or leaves:
            walk = self._rewrites.masqueraded(walk, out)
        return self._onto_wire(walk, out, socket)

    def _to_host(self, walk: Walk, link: Link) -> Walk:
        """To a process of the host: pods by a hook of their own, and never past a host endpoint."""
        if not walk.ended and self._is_wrapped(walk, link):
            return self._unwrapped(walk, link)
        if link.pod is None:
            return walk.judge(link, Hook.NORMAL, Direction.INGRESS)
        if walk.within(self._neighbour_discovery()):
            return walk
        walk = walk.judge_workload(link.pod, Direction.EGRESS)
        return self._endpoint_to_host(walk, link)

    def _is_wrapped(self, walk: Walk, link: Link) -> bool:
        """Whether Felix takes the packets on *link* for such as carry others."""
        is_programmed = self._world.felix(link.node).programs(self._family)
        return is_programmed and walk.within(self.topology.pools.wrapped(self._family))

    def _unwrapped(self, walk: Walk, link: Link) -> Walk:
        """An outer packet: Felix takes it from other nodes, whatever policy says, and from nobody else."""
        external = addresses_in(self._world.felix(link.node).external_nodes, self._family)
        known = self.topology.calico_addresses(self._family) | external
        is_known = walk.comes_from(known)
        note = "" if is_known else "encapsulated packets come from nodes only"
        verdict = Verdict.ALLOW if is_known else Verdict.DENY
        reason = Reason.ENCAPSULATION.value
        stage = Stage(link.node, Hook.NORMAL, Direction.INGRESS, verdict, reason=reason, note=note)
        return walk.told(stage) if is_known else walk.refused(stage)

    def _endpoint_to_host(self, walk: Walk, link: Link) -> Walk:
        """Felix's ``defaultEndpointToHostAction``; after Return the host's own rules are taken to accept."""
        felix = self._world.felix(link.node)
        if link.pod is None or not felix.programs(self._family):
            return walk
        action = felix.endpoint_to_host_action
        verdict = _TO_HOST.get(action, Verdict.DENY)
        stage = Stage(
            link.node,
            Hook.WORKLOAD,
            Direction.EGRESS,
            verdict,
            endpoint=link.pod.name,
            reason=Reason.DEFAULT_ACTION.value,
            note=f"defaultEndpointToHostAction {action}",
        )
        return walk.refused(stage) if verdict is Verdict.DENY else walk.told(stage)

    def _neighbour_discovery(self) -> HeaderSpace:
        if self._family is Family.V4:
            return HeaderSpace.nothing(self._family)
        return self._box({Field.PROTOCOL: IntervalSet.single(58), Field.ICMP_TYPE: _NEIGHBOURS})

    def _out_of_host(self, walk: Walk, out: Link) -> Walk:
        """Normal egress policy on what a host sends; wrapped packets to other nodes are exempt."""
        if not walk.ended and self._is_wrapped(walk, out):
            nodes = self._box({Field.DST: self.topology.calico_addresses(self._family)})
            if walk.within(nodes):
                reason = Reason.ENCAPSULATION.value
                return walk.told(
                    Stage(out.node, Hook.NORMAL, Direction.EGRESS, Verdict.ALLOW, reason=reason)
                )
        return walk.judge(out, Hook.NORMAL, Direction.EGRESS)

    def _sent(self, walk: Walk, out: Link, socket: Socket) -> Walk:
        """Out by *out*: back in over loopback, into a pod of the node, or onto the wire."""
        if out.pod is not None:
            return walk.told(_into_own_pod(out.node, out.pod.name))
        if self.topology.is_local(out.node, socket.address):
            return self.arrive(walk, out, socket)
        return self._onto_wire(walk, out, socket)

    def _onto_wire(self, walk: Walk, out: Link, socket: Socket) -> Walk:
        """On to the node that has the address, or whose pod has it, perhaps inside of another packet."""
        receiver = self.topology.place(socket.address)
        if out.pod is not None or walk.ended:
            return walk
        if not receiver:
            is_virtual = self.translator.is_virtual(socket.address)
            return self._astray(walk, out, socket) if is_virtual else walk
        if out.tunnel is None:
            return self.arrive(walk, self.topology.way_in(receiver, socket.address), socket)
        walk = walk.behind(self._carrier(walk, out, receiver))
        return self.arrive(walk, self.topology.tunnel(receiver, out.tunnel), socket)

    def _untranslated_by_sender(self, walk: Walk, out: Link, socket: Socket, *, call: str) -> Walk:
        """A packet of a host for a Service that untracked policy accepts: it leaves as it is."""
        if walk.may_be_open:
            return walk.stopped(f"whether the packet is translated for {call}")
        return self._onto_wire(walk, out, socket)

    def _astray(self, walk: Walk, out: Link, socket: Socket) -> Walk:
        """A packet for a Service's address that nobody translates, to wherever routers send it."""
        entry = self._entry
        is_entry = entry is not None and entry.address == socket.address
        receiver = entry.node if entry and is_entry else self.topology.routed(socket.address)
        if not receiver:
            what = f"{socket} is untranslated, an address of a Service"
            return walk.left(f"{what}: where routers send it, no object tells")
        if receiver == out.node:
            note = f"nobody translates {socket}, and routers send it here again"
            return walk.refused(refusal_at(out.node, Direction.EGRESS, note))
        return self.arrive(walk, self.topology.from_routers(receiver, socket.address), socket)

    def _carrier(self, walk: Walk, out: Link, receiver: str) -> Walk:
        """The way of the outer packet, which is one from node to node like any other."""
        tunnel, address = out.tunnel, self.topology.address(receiver, self._family)
        if tunnel is None or address is None:
            return walk.stopped(f"no address of node {receiver} is known to send packets to")
        fields = {
            Field.PROTOCOL: IntervalSet.single(tunnel.protocol),
            Field.DST: IntervalSet.single(address[1]),
            Field.SRC_PORT: self._rewrites.drawn_ports(out.node),
        }
        if tunnel.port is not None:
            fields[Field.DST_PORT] = IntervalSet.single(tunnel.port)
        ways = Paths(self._world, self._family, tunnel.protocol)
        start = walk.carrying(self._box(fields))
        return ways.from_node(start, out.node, Socket(address, tunnel.port))

    def _translated(self, walk: Walk, link: Link, translation: Translation) -> Walk:
        """Translated as it comes in, and on to each group of backends that go the same way."""
        node, direction = link.node, Direction.INGRESS
        if translation.refusal:
            return walk.refused(refusal_at(node, direction, translation.refusal))
        stage = translation_at(node, direction)
        if translation.backends is None:
            walk = self._rewrites.to_unknown(walk, stage, translation)
            walk = walk.judge(link, Hook.FORWARD, direction)
            return walk.left(f"{translation.call} leads to a pod that is not known")
        tracking = _Tracking(masquerades=translation.masquerades)

        def onward(group: tuple[Backend, ...]) -> Walk:
            way = self._rewrites.redirected(walk, group, stage, call=translation.call)
            return self._routed(way, link, group[0].socket, tracking=tracking)

        return self._forked(walk, translation.backends, onward)

    def _translated_by_sender(self, walk: Walk, first: Link, translation: Translation) -> Walk:
        """Translated on its way out; *first* is where it would have gone without."""
        node, direction = first.node, Direction.EGRESS
        if translation.refusal:
            return walk.refused(refusal_at(node, direction, translation.refusal))
        if translation.backends is None:
            return walk.stopped(f"the backends of {translation.call} are not known")

        def onward(group: tuple[Backend, ...]) -> Walk:
            stage = translation_at(node, direction)
            way = self._rewrites.redirected(walk, group, stage, call=translation.call)
            if self.topology.is_unknown_pod(group[0].socket.address):
                return self._out_to_unknown_pod(way, first, group[0])
            return self._out_to_backend(way, first, group[0].socket, translation=translation)

        return self._forked(walk, translation.backends, onward)

    def _out_to_backend(
        self, walk: Walk, first: Link, socket: Socket, *, translation: Translation
    ) -> Walk:
        out = self.topology.way_out(first.node, socket.address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        walk = self._host_egress(walk, first, None if out.pod else out)
        if translation.masquerades and out.pod is None:
            walk = self._rewrites.masqueraded(walk, out)
        return self._sent(walk, out, socket)

    def _out_to_unknown_pod(self, walk: Walk, first: Link, backend: Backend) -> Walk:
        """To a pod of which a slice tells no more than its address and, perhaps, its node."""
        node, address = first.node, backend.socket.address
        if not backend.node:
            return walk.stopped(f"on which node {format_ip(*address)} is, is not known")
        if backend.node == node:
            walk = self._host_egress(walk, first, None)
            return walk.told(_into_own_pod(node))
        out = self.topology.way_out(node, address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        return self._host_egress(walk, first, out).left(_unknown_pod(address))

    def _host_egress(self, walk: Walk, first: Link, out: Link | None) -> Walk:
        """Normal egress policy on a translated packet of a host; *out* is None towards its own pods.

        iptables judges it at the interface by which it leaves. nftables judges it at the interface of
        the first routing already, because Felix compares the whole conntrack status there; if an
        endpoint accepts it there, the second look is skipped.
        """
        dataplane = self._world.felix(first.node).dataplane
        ways = []
        if dataplane is not Dataplane.NFTABLES:
            ways.append(walk.judge(out, Hook.NORMAL, Direction.EGRESS) if out else walk)
        if dataplane in {Dataplane.NFTABLES, Dataplane.AUTO}:
            way = walk.judge(first, Hook.NORMAL, Direction.EGRESS)
            looks_again = out is not None and first.gate.endpoint(self._world, Hook.NORMAL) is None
            ways.append(
                way.judge(out, Hook.NORMAL, Direction.EGRESS) if out and looks_again else way
            )
        if walk.extent is Extent.ONE and len({way.disposition for way in ways}) == 1:
            return ways[-1]
        return walk.joined(
            ways,
            "iptables and nftables differ for a host's calls of Services, and nftablesMode is Auto",
        )

    def _forked(
        self,
        walk: Walk,
        backends: Iterable[Backend],
        onward: Callable[[tuple[Backend, ...]], Walk],
    ) -> Walk:
        """The walk by every group of *backends* that go one way and meet the same policies."""
        if walk.ended:
            return walk
        if sum(stage.verdict is Verdict.TRANSLATED for stage in walk.stages) >= _TRANSLATIONS:
            return walk.stopped("the packet is translated again and again: where that ends")
        groups: dict[object, list[Backend]] = {}
        for backend in backends:
            groups.setdefault(self._likeness(backend), []).append(backend)
        return walk.joined([onward(tuple(group)) for group in groups.values()], BACKEND)

    def _likeness(self, backend: Backend) -> object:
        address = backend.socket.address
        pod = self.topology.pod(address)
        if pod is not None:
            return pod.node, self._world.workload_chain(pod, Direction.INGRESS)
        owner = self.topology.owner(address)
        return owner, "" if owner else backend.node

    def _box(self, fields: dict[Field, IntervalSet]) -> HeaderSpace:
        return HeaderSpace.box(self._family, fields)


_TO_HOST = {"Accept": Verdict.ALLOW, "Return": Verdict.UNDECIDED}


def _untranslated(walk: Walk, link: Link, translation: Translation) -> Walk:
    """A packet for a Service that untracked policy accepts: conntrack, and so NAT, lets it be."""
    if walk.may_be_open:
        return walk.stopped(f"whether the packet is translated for {translation.call}")
    note = f"untracked packets are never translated for {translation.call}: nobody listens there"
    return walk.refused(refusal_at(link.node, Direction.INGRESS, note))


def _into_own_pod(node: str, pod: str = "") -> Stage:
    note = "no policy is between a host and its own pods"
    return Stage(node, Hook.WORKLOAD, Direction.INGRESS, Verdict.SKIPPED, pod, note=note)


def _unknown_pod(address: Address) -> str:
    return f"what pod has {format_ip(*address)} is not known"


def _kept(world: World, name: str, make: Callable[[], T]) -> T:
    key = (__name__, name)
    if key not in world.memo:
        world.memo[key] = make()
    return cast("T", world.memo[key])
