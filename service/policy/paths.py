"""The ways of a packet into, through and out of nodes, hook by hook in the order of Felix's chains.

Nothing is evaluated here: every verdict is `World.evaluate` of the packet as it is at that hook.
Source: felix/rules/static.go, felix/rules/dispatch.go, felix/dataplane/linux/endpoint_mgr.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import format_ip
from service.policy.cause import Direction, Hook, Reason
from service.policy.entries import LOOPBACK
from service.policy.flow_query import CLIENT_PORTS, Access
from service.policy.kube_proxy import ServiceTable
from service.policy.stages import Passage, Stage, Verdict
from service.policy.topology import Topology, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from service.net.prefixes import Family
    from service.policy.kube_proxy import Backend, Call, Socket
    from service.policy.stages import Walk
    from service.policy.topology import Link
    from service.policy.world import World

T = TypeVar("T")

PODS = "pods are not modelled yet"
_BACKEND = "which backend kube-proxy picks"
_TRANSLATIONS = 2
"""A node port may lead to a node port of another node; more of that would be a circle."""
_SOCKET = (Field.DST, Field.DST_PORT)


@dataclass(frozen=True, slots=True)
class _To:
    """Where, and on what way, a packet is translated for a call."""

    node: str
    direction: Direction
    call: Call


class Paths:
    """The ways through one world for packets of one family and protocol."""

    def __init__(self, world: World, family: Family, protocol: int) -> None:
        """The ways of such packets; what they need of *world* is worked out once and kept with it."""
        self._world = world
        self._family = family
        self._protocol = protocol
        self.topology = _kept(world, "topology", lambda: Topology(world))
        self.services = _kept(world, "services", lambda: ServiceTable(world.snapshot))

    def from_node(self, walk: Walk, node: str, socket: Socket) -> Walk:
        """The way of what a process of *node* sends to *socket*."""
        address = socket.address
        out = self.topology.way_out(node, address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        walk = walk.rewritten(self._box({Field.SRC: out.sources}), Field.SRC)
        walk = walk.judge(out, Hook.UNTRACKED, Direction.EGRESS)
        call = self._call(node, socket)
        if call is not None:
            if walk.accepted.may:
                return walk.stopped(f"where an untracked packet for {call} goes")
            return self._call_from_node(walk, out, call)
        if is_loopback(address) and self._is_node_port(socket.port):
            return walk.stopped("whether node ports answer on loopback depends on kube-proxy")
        pod = self.topology.pod(address)
        if pod is not None:
            return walk.left(f"{PODS}: {format_ip(*address)} is a pod's")
        walk = walk.judge(out, Hook.NORMAL, Direction.EGRESS)
        return self._sent(walk, out, socket)

    def arrive(self, walk: Walk, link: Link, socket: Socket) -> Walk:
        """The way of what comes in by *link* for *socket*."""
        if link.doubts:
            return walk.stopped(*link.doubts)
        walk = walk.reopened().judge(link, Hook.UNTRACKED, Direction.INGRESS)
        untracked = walk.accepted
        walk = walk.judge(link, Hook.PRE_DNAT, Direction.INGRESS)
        call = None if link.interface == LOOPBACK else self._call(link.node, socket)
        if call is None:
            return self._routed(walk, link, socket)
        if untracked.may:
            return self._untranslated(walk, link, call)
        return self._call_from_outside(walk, link, call)

    def _call(self, node: str, socket: Socket) -> Call | None:
        """The Service that *node* takes a packet for *socket* to be meant for; None for none."""
        if self.topology.owner(socket.address) == node:
            return self.services.node_port(self._family, self._protocol, socket.port)
        return self.services.virtual(socket, self._protocol)

    def _is_node_port(self, port: int | None) -> bool:
        return self.services.node_port(self._family, self._protocol, port) is not None

    def _routed(self, walk: Walk, link: Link, socket: Socket) -> Walk:
        """What no Service is meant by: to a process of the node, or on to where the routes lead."""
        node, address = link.node, socket.address
        if self.topology.is_local(node, address):
            return walk.judge(link, Hook.NORMAL, Direction.INGRESS)
        walk = walk.judge(link, Hook.FORWARD, Direction.INGRESS)
        if self.topology.pod(address) is not None:
            return walk.left(f"{PODS}: {format_ip(*address)} is a pod's")
        out = self.topology.way_out(node, address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        walk = walk.reopened().judge(out, Hook.FORWARD, Direction.EGRESS)
        return self._to_owner(walk, socket)

    def _sent(self, walk: Walk, out: Link, socket: Socket) -> Walk:
        """Out by *out*: back in over loopback, in at the node that has the address, or away."""
        if self.topology.is_local(out.node, socket.address):
            return self.arrive(walk, out, socket)
        return self._to_owner(walk, socket)

    def _to_owner(self, walk: Walk, socket: Socket) -> Walk:
        owner = self.topology.owner(socket.address)
        if not owner or walk.ended:
            return walk
        return self.arrive(walk, self.topology.way_in(owner, socket.address), socket)

    def _untranslated(self, walk: Walk, link: Link, call: Call) -> Walk:
        """A packet for a Service that untracked policy accepts: conntrack, and so NAT, lets it be."""
        if walk.open.may:
            return walk.stopped(f"whether the packet is translated for {call}")
        note = f"untracked packets are never translated for {call}: nobody listens there"
        return walk.refused(_refusal(link.node, Direction.INGRESS, note))

    def _call_from_outside(self, walk: Walk, link: Link, call: Call) -> Walk:
        """Translated as it comes in, and on to each group of backends that go the same way."""
        node = link.node
        refusal = self._source_ranges(walk, call)
        if refusal:
            return walk.refused(_refusal(node, Direction.INGRESS, refusal))
        backends = self._eligible(call, only_on=node if call.keeps_local else "")
        if backends is None:
            return self._to_unknown_backends(walk, link, call)
        if not backends:
            return walk.refused(_refusal(node, Direction.INGRESS, _none_of(call)))

        def onward(group: tuple[Backend, ...]) -> Walk:
            way = self._translated(walk, group, _To(node, Direction.INGRESS, call))
            address = group[0].socket.address
            if self.topology.is_local(node, address):
                return way.judge(link, Hook.NORMAL, Direction.INGRESS)
            way = way.judge(link, Hook.FORWARD, Direction.INGRESS)
            if not self.topology.owner(address):
                return way.left(f"{PODS}: {call} leads to one")
            out = self.topology.way_out(node, address)
            if out.doubts:
                return way.stopped(*out.doubts)
            way = way.reopened().judge(out, Hook.FORWARD, Direction.EGRESS)
            if call.is_external and not call.keeps_local:
                way = self._masqueraded(way, out)
            return self._to_owner(way, group[0].socket)

        return self._forked(walk, backends, onward)

    def _call_from_node(self, walk: Walk, first: Link, call: Call) -> Walk:
        """Translated on its way out; *first* is where it would have gone without."""
        node = first.node
        if self._source_ranges(walk, call):
            return walk.stopped(f"whether {call} heeds its source ranges for its own nodes")
        only_on = node if call.keeps_local and not call.is_external else ""
        backends = self._eligible(call, only_on=only_on)
        if backends is None:
            return walk.stopped(f"the backends of {call} are not known")
        if not backends:
            return walk.refused(_refusal(node, Direction.EGRESS, _none_of(call)))

        def onward(group: tuple[Backend, ...]) -> Walk:
            way = self._translated(walk, group, _To(node, Direction.EGRESS, call))
            return self._out_to_backend(way, first, group)

        return self._forked(walk, backends, onward)

    def _out_to_backend(self, walk: Walk, first: Link, group: tuple[Backend, ...]) -> Walk:
        node, address = first.node, group[0].socket.address
        owned = bool(self.topology.owner(address))
        if not owned and not group[0].node:
            return walk.stopped(f"{PODS}: on which node {format_ip(*address)} is")
        if not owned and group[0].node == node:
            walk = self._host_egress(walk, first, None)
            note = "no policy is between a host and its own pods"
            return walk.told(
                Stage(node, Passage.WORKLOAD, Direction.INGRESS, Verdict.SKIPPED, note=note)
            )
        out = self.topology.way_out(node, address)
        if out.doubts:
            return walk.stopped(*out.doubts)
        walk = self._host_egress(walk, first, out)
        if not owned:
            return walk.left(f"{PODS}: {format_ip(*address)} is a pod's, on {group[0].node}")
        return self._sent(self._masqueraded(walk, out), out, group[0].socket)

    def _host_egress(self, walk: Walk, first: Link, out: Link | None) -> Walk:
        """Normal egress policy on a translated packet of a host; *out* is None towards its own pods.

        iptables judges it at the interface by which it leaves. nftables judges it at the interface of
        the first routing already, because Felix compares the whole conntrack status there; if an
        endpoint accepts it there, the second look is skipped.
        """
        mode = self._world.felix(first.node).nftables_mode
        ways = []
        if mode != "Enabled":
            ways.append(walk.judge(out, Hook.NORMAL, Direction.EGRESS) if out else walk)
        if mode != "Disabled":
            way = walk.judge(first, Hook.NORMAL, Direction.EGRESS)
            looks_again = out is not None and first.gate.endpoint(self._world, Hook.NORMAL) is None
            ways.append(
                way.judge(out, Hook.NORMAL, Direction.EGRESS) if out and looks_again else way
            )
        if len({way.disposition for way in ways}) == 1:
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
        """The walk by every group of *backends* that share their node."""
        if walk.ended:
            return walk
        if sum(stage.verdict is Verdict.TRANSLATED for stage in walk.stages) >= _TRANSLATIONS:
            return walk.stopped("the packet is translated again and again: where that ends")
        groups: dict[tuple[str, str], list[Backend]] = {}
        for backend in backends:
            owner = self.topology.owner(backend.socket.address)
            groups.setdefault((owner, "" if owner else backend.node), []).append(backend)
        return walk.joined([onward(tuple(group)) for group in groups.values()], _BACKEND)

    def _translated(self, walk: Walk, group: tuple[Backend, ...], to: _To) -> Walk:
        sockets = HeaderSpace.union_all(self._family, (self._at(one.socket) for one in group))
        first = str(group[0].socket)
        others = f" or one of {len(group) - 1} others" if len(group) > 1 else ""
        note = f"{to.call}: to {first}{others}"
        walk = walk.told(_translation(to, note))
        return walk.rewritten(sockets, *_SOCKET, varies=_BACKEND if others else "")

    def _to_unknown_backends(self, walk: Walk, link: Link, call: Call) -> Walk:
        """Without any slice of the Service: its target port, where that is a number, on any pod."""
        target = call.port.target_port
        port = {Field.DST_PORT: IntervalSet.single(target)} if isinstance(target, int) else {}
        note = f"{call}: its endpoints are not known; taken to be pods"
        walk = walk.told(_translation(_To(link.node, Direction.INGRESS, call), note))
        walk = walk.rewritten(self._box(port), *_SOCKET, varies=_BACKEND)
        walk = walk.judge(link, Hook.FORWARD, Direction.INGRESS)
        return walk.left(f"{PODS}: {call} leads to one")

    def _eligible(self, call: Call, *, only_on: str) -> tuple[Backend, ...] | None:
        return self.services.backends(call, self._family, only_on=only_on)

    def _source_ranges(self, walk: Walk, call: Call) -> str:
        """Why kube-proxy drops the packet by the Service's source ranges; "" where it does not."""
        ranges = [
            one for one in call.service.load_balancer_source_ranges if one.family is self._family
        ]
        if call.access is not Access.LOAD_BALANCER or not ranges:
            return ""
        allowed = IntervalSet.of(*((one.lo, one.hi) for one in ranges))
        if walk.live.may.project(Field.SRC) <= allowed:
            return ""
        return f"{call}: the source is in none of its loadBalancerSourceRanges"

    def _masqueraded(self, walk: Walk, out: Link) -> Walk:
        """The packet with an address of the node that it leaves, and a source port drawn at random.

        Source: Kubernetes pkg/proxy (MASQUERADE --random-fully).
        """
        source = out.sources
        if self.topology.is_local(out.node, (self._family, source.ranges[0][0])):
            known = self.topology.address(out.node, self._family)
            source = source if known is None else source | IntervalSet.single(known[1])
        fields = self._box({Field.SRC: source, Field.SRC_PORT: CLIENT_PORTS})
        varies = "the source that masquerade picks"
        return walk.rewritten(fields, Field.SRC, Field.SRC_PORT, varies=varies)

    def _at(self, socket: Socket) -> HeaderSpace:
        port = CLIENT_PORTS if socket.port is None else IntervalSet.single(socket.port)
        address = IntervalSet.single(socket.address[1])
        return self._box({Field.DST: address, Field.DST_PORT: port})

    def _box(self, fields: dict[Field, IntervalSet]) -> HeaderSpace:
        return HeaderSpace.box(self._family, fields)


def _translation(to: _To, note: str) -> Stage:
    return Stage(to.node, Passage.DNAT, to.direction, verdict=Verdict.TRANSLATED, note=note)


def _refusal(node: str, direction: Direction, note: str) -> Stage:
    reason = Reason.DEFAULT_ACTION.value
    return Stage(node, Passage.DNAT, direction, verdict=Verdict.DENY, reason=reason, note=note)


def _none_of(call: Call) -> str:
    where = " on this node" if call.keeps_local else ""
    return f"{call}: kube-proxy drops it, no endpoint is eligible{where}"


def _kept(world: World, name: str, make: Callable[[], T]) -> T:
    key = (__name__, name)
    if key not in world.memo:
        world.memo[key] = make()
    return cast("T", world.memo[key])
