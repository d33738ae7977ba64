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
from service.net.prefixes import Family, format_ip
from service.policy.cause import Direction, Hook
from service.policy.entries import LOOPBACK
from service.policy.extent import Extent
from service.policy.ipvs import IPVS, Ipvs
from service.policy.kube_proxy import Socket
from service.policy.local import Local, into_own_pod, unknown_pod
from service.policy.profile import Dataplane
from service.policy.programs import Programs
from service.policy.rewrites import BACKEND, Rewrites, refusal_at, translation_at
from service.policy.stages import Verdict
from service.policy.topology import Topology, is_loopback
from service.policy.translation import Translator

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from service.net.prefixes import Address
    from service.policy.kube_proxy import Backend
    from service.policy.topology import Link
    from service.policy.translation import Translation
    from service.policy.walk import Walk
    from service.policy.world import World

T = TypeVar("T")

_TRANSLATIONS = 2
"""A node port may lead to a node port of another node; more of that would be a circle."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The node at which packets from outside for an address enter the cluster."""

    address: Address
    node: str


@dataclass(frozen=True, slots=True)
class Tracking:
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
        self.protocol = protocol
        self.topology = _kept(world, "topology", lambda: Topology(world))
        self.rewrites = Rewrites(world, self.topology, family)
        self.local = Local(world, self.topology, family)
        self._ipvs = Ipvs(self, world, family)
        self._programs = Programs(self, world, family)
        self.translator = _kept(world, "translator", lambda: Translator(world, self.topology))

    def from_node(self, walk: Walk, node: str, socket: Socket) -> Walk:
        """The way of what a process of *node* sends to *socket*."""
        address = socket.address
        out = self.topology.way_out(node, address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        walk = walk.rewritten(self._box({Field.SRC: out.sources}), Field.SRC)
        if self._runs_programs(node):
            return self._programs.from_node(walk, out, socket)
        if out.pod is None:
            walk = walk.judge(out, Hook.UNTRACKED, Direction.EGRESS)
        translation = self.translation(walk, node, socket)
        if translation is not None:
            if walk.may_be_accepted:
                return self._untranslated_by_sender(walk, out, socket, call=translation.call)
            is_handed_on = translation.by_kube_proxy and not translation.refusal
            if is_handed_on and self._has_ipvs(node):
                return walk.stopped(f"{IPVS}: who judges a host's own call of a Service")
            return self._translated_by_sender(walk, out, translation)
        # Those of IPv6 never do.
        may_answer = self._family is Family.V4 and is_loopback(address)
        if may_answer and self._is_node_port(socket.port):
            return walk.stopped("whether node ports answer on loopback depends on kube-proxy")
        if self.topology.is_unknown_pod(address):
            return walk.left(unknown_pod(address))
        if out.pod is None:
            walk = self.local.send(walk, out)
        return self._sent(walk, out, socket)

    def arrive(self, walk: Walk, link: Link, socket: Socket) -> Walk:
        """The way of what comes in by *link* for *socket*."""
        if link.doubts:
            return walk.stopped(*link.doubts)
        if self._runs_programs(link.node):
            return self._programs.arrive(walk, link, socket)
        walk = walk.reopened()
        if link.pod is None:
            walk = walk.judge(link, Hook.UNTRACKED, Direction.INGRESS)
        untracked = walk.may_be_accepted
        walk = walk.judge(link, Hook.PRE_DNAT, Direction.INGRESS)
        is_loop = link.interface == LOOPBACK
        translation = None if is_loop else self.translation(walk, link.node, socket)
        if translation is None:
            if self._has_ipvs(link.node) and self._ipvs.takes(walk, link, socket):
                return self._ipvs.delivered(walk, link)
            return self.routed(walk, link, socket, tracking=Tracking(untracked=untracked))
        if untracked:
            return _untranslated(walk, link, translation)
        if translation.by_kube_proxy and self._has_ipvs(link.node):
            return self._ipvs.translated(walk, link, translation)
        return self.translated(walk, link, translation)

    def _has_ipvs(self, node: str) -> bool:
        return self._world.felix(node).dataplane is Dataplane.IPVS

    def _runs_programs(self, node: str) -> bool:
        return self._world.felix(node).dataplane is Dataplane.BPF

    def translation(self, walk: Walk, node: str, socket: Socket) -> Translation | None:
        """What *node* makes of the destination; None where it leaves it alone."""
        if walk.ended:
            return None
        return self.translator.of(walk, node, socket, protocol=self.protocol)

    def _is_node_port(self, port: int | None) -> bool:
        return self.translator.is_node_port(self._family, self.protocol, port)

    def routed(self, walk: Walk, link: Link, socket: Socket, *, tracking: Tracking) -> Walk:
        """To a process of the node, or on to where the routes lead."""
        if self.topology.is_local(link.node, socket.address):
            return self.local.receive(walk, link)
        walk = walk.judge(link, Hook.FORWARD, Direction.INGRESS)
        if link.pod is not None:
            walk = walk.judge_workload(link.pod, Direction.EGRESS)
        if self.topology.is_unknown_pod(socket.address):
            return walk.left(unknown_pod(socket.address))
        out = self.topology.way_out(link.node, socket.address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        if out.pod is not None:
            walk = walk.judge_workload(out.pod, Direction.INGRESS)
        walk = walk.reopened().judge(out, Hook.FORWARD, Direction.EGRESS)
        leaves = not tracking.untracked and self.rewrites.leaves_pools(walk, link.node, socket)
        if tracking.masquerades or leaves:
            by_felix = None if tracking.masquerades else self._world.felix(link.node).nat_ports
            walk = self.rewrites.masqueraded(walk, out, by_felix)
        return self.onto_wire(walk, out, socket)

    def _sent(self, walk: Walk, out: Link, socket: Socket) -> Walk:
        """Out by *out*: back in over loopback, into a pod of the node, or onto the wire."""
        if out.pod is not None:
            return walk.told(into_own_pod(out.node, out.pod.name))
        if self.topology.is_local(out.node, socket.address):
            return self.arrive(walk, out, socket)
        return self.onto_wire(walk, out, socket)

    def onto_wire(self, walk: Walk, out: Link, socket: Socket) -> Walk:
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
        return self.onto_wire(walk, out, socket)

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
            Field.SRC_PORT: self.rewrites.drawn_ports(out.node),
        }
        if tunnel.port is not None:
            fields[Field.DST_PORT] = IntervalSet.single(tunnel.port)
        ways = Paths(self._world, self._family, tunnel.protocol)
        start = walk.carrying(self._box(fields))
        return ways.from_node(start, out.node, Socket(address, tunnel.port))

    def translated(self, walk: Walk, link: Link, translation: Translation) -> Walk:
        """Translated as it comes in, and on to each group of backends that go the same way."""
        node, direction = link.node, Direction.INGRESS
        if translation.refusal:
            return walk.refused(refusal_at(node, direction, translation.refusal))
        stage = translation_at(node, direction)
        if translation.backends is None:
            walk = self.rewrites.to_unknown(walk, stage, translation)
            walk = walk.judge(link, Hook.FORWARD, direction)
            return walk.left(f"{translation.call} leads to a pod that is not known")
        back = self._back_to_sender(walk, link, translation)

        def onward(group: tuple[Backend, ...]) -> Walk:
            way = self.rewrites.redirected(walk, group, stage, call=translation.call)
            tracking = Tracking(masquerades=translation.masquerades or group[0] in back)
            return self.routed(way, link, group[0].socket, tracking=tracking)

        return self.forked(walk, translation.backends, onward, apart=back)

    def _back_to_sender(
        self, walk: Walk, link: Link, translation: Translation
    ) -> frozenset[Backend]:
        """The backends that sent the packet themselves: kube-proxy masquerades what goes back to them.

        On the node of the sender that comes after every hook, so that it counts on others alone.
        Source: Kubernetes pkg/proxy/iptables/proxier.go (the first rule of KUBE-SEP). Raises: as
        `Walk.comes_from`.
        """
        if translation.masquerades or link.pod is not None:
            return frozenset()
        return frozenset(
            one
            for one in translation.backends or ()
            if walk.comes_from(IntervalSet.single(one.socket.address[1]))
        )

    def _translated_by_sender(self, walk: Walk, first: Link, translation: Translation) -> Walk:
        """Translated on its way out; *first* is where it would have gone without."""
        node, direction = first.node, Direction.EGRESS
        if translation.refusal:
            return walk.refused(refusal_at(node, direction, translation.refusal))
        if translation.backends is None:
            return walk.stopped(f"the backends of {translation.call} are not known")

        def onward(group: tuple[Backend, ...]) -> Walk:
            stage = translation_at(node, direction)
            way = self.rewrites.redirected(walk, group, stage, call=translation.call)
            if self.topology.is_unknown_pod(group[0].socket.address):
                return self._out_to_unknown_pod(way, first, group[0])
            return self._out_to_backend(way, first, group[0].socket, translation=translation)

        return self.forked(walk, translation.backends, onward)

    def _out_to_backend(
        self, walk: Walk, first: Link, socket: Socket, *, translation: Translation
    ) -> Walk:
        out = self.topology.way_out(first.node, socket.address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        walk = self._host_egress(walk, first, None if out.pod else out)
        if translation.masquerades and out.pod is None:
            walk = self.rewrites.masqueraded(walk, out)
        return self._sent(walk, out, socket)

    def _out_to_unknown_pod(self, walk: Walk, first: Link, backend: Backend) -> Walk:
        """To a pod of which a slice tells no more than its address and, perhaps, its node."""
        node, address = first.node, backend.socket.address
        if not backend.node:
            return walk.stopped(f"on which node {format_ip(*address)} is, is not known")
        if backend.node == node:
            walk = self._host_egress(walk, first, None)
            return walk.told(into_own_pod(node))
        out = self.topology.way_out(node, address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        return self._host_egress(walk, first, out).left(unknown_pod(address))

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

    def forked(
        self,
        walk: Walk,
        backends: Iterable[Backend],
        onward: Callable[[tuple[Backend, ...]], Walk],
        *,
        apart: Container[Backend] = (),
    ) -> Walk:
        """The walk by every group of *backends* that go one way and meet the same policies.

        Those in *apart* are never together with others.
        """
        if walk.ended:
            return walk
        if sum(stage.verdict is Verdict.TRANSLATED for stage in walk.stages) >= _TRANSLATIONS:
            return walk.stopped("the packet is translated again and again: where that ends")
        groups: dict[object, list[Backend]] = {}
        for backend in backends:
            key = self._likeness(backend), backend in apart
            groups.setdefault(key, []).append(backend)
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


def _untranslated(walk: Walk, link: Link, translation: Translation) -> Walk:
    """A packet for a Service that untracked policy accepts: conntrack, and so NAT, lets it be."""
    if walk.may_be_open:
        return walk.stopped(f"whether the packet is translated for {translation.call}")
    note = f"untracked packets are never translated for {translation.call}: nobody listens there"
    return walk.refused(refusal_at(link.node, Direction.INGRESS, note))


def _kept(world: World, name: str, make: Callable[[], T]) -> T:
    key = (__name__, name)
    if key not in world.memo:
        world.memo[key] = make()
    return cast("T", world.memo[key])
