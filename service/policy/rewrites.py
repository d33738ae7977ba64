"""What the nat table does to packets on their way: other destinations, other sources."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.cause import Passage, Reason
from service.policy.entries import LOOPBACK
from service.policy.flow_query import CLIENT_PORTS
from service.policy.stages import Stage, Verdict

if TYPE_CHECKING:
    from service.net.prefixes import Family
    from service.policy.cause import Direction
    from service.policy.kube_proxy import Backend, Socket
    from service.policy.topology import Link, Topology
    from service.policy.translation import Translation
    from service.policy.walk import Walk
    from service.policy.world import World

BACKEND = "which backend kube-proxy picks"
_SOCKET = (Field.DST, Field.DST_PORT)
_SPARES_HOSTS = "IPPoolsAndHostIPs"


class Rewrites:
    """The rewriting of one family's packets in one world."""

    def __init__(self, world: World, topology: Topology, family: Family) -> None:
        """The rewriting of such packets."""
        self._world = world
        self._topology = topology
        self._family = family

    def redirected(
        self, walk: Walk, group: tuple[Backend, ...], stage: Stage, *, call: str
    ) -> Walk:
        """The walk to one of *group*; *stage* is where that happens, *call* what was called."""
        others = f" or one of {len(group) - 1} others" if len(group) > 1 else ""
        note = f"{call}: to {group[0].socket}{others}"
        sockets = HeaderSpace.union_all(self._family, (self._at(one.socket) for one in group))
        walk = walk.told(replace(stage, note=note))
        return walk.rewritten(sockets, *_SOCKET, varies=BACKEND if others else "")

    def to_unknown(self, walk: Walk, stage: Stage, translation: Translation) -> Walk:
        """The walk to backends that nobody knows: the target port, where it is a number, of any pod."""
        port = translation.port
        fields = {} if port is None else {Field.DST_PORT: IntervalSet.single(port)}
        note = f"{translation.call}: its endpoints are not known; taken to be pods"
        walk = walk.told(replace(stage, note=note))
        return walk.rewritten(HeaderSpace.box(self._family, fields), *_SOCKET, varies=BACKEND)

    def masqueraded(self, walk: Walk, out: Link, ports: tuple[int, int] | None = None) -> Walk:
        """The packet with an address of the node that it leaves, and a source port drawn at random.

        *ports* bound the draw, where Felix makes the masquerade (``natPortRange``).
        Source: Kubernetes pkg/proxy (MASQUERADE --random-fully); felix/rules/nat.go.
        """
        source = out.sources
        if not source:
            return walk
        if out.interface == LOOPBACK:
            known = self._topology.address(out.node, self._family)
            source = source if known is None else source | IntervalSet.single(known[1])
        drawn = IntervalSet.of(ports) if ports else self.drawn_ports(out.node)
        fields = HeaderSpace.box(self._family, {Field.SRC: source, Field.SRC_PORT: drawn})
        varies = "the source that masquerade picks"
        return walk.rewritten(fields, Field.SRC, Field.SRC_PORT, varies=varies)

    def drawn_ports(self, node: str) -> IntervalSet:
        """The source ports that the kernel of *node* draws from, for packets that it makes or masquerades.

        A failsafe port, which one draw in ten thousand gives, is not reckoned with: untracked policy would
        take the packet for the reply of such a service.
        """
        felix = self._world.felix(node)
        failsafes = (one.port for one in (*felix.failsafe_inbound, *felix.failsafe_outbound))
        return CLIENT_PORTS - IntervalSet.of(*((port, port) for port in failsafes))

    def leaves_pools(self, walk: Walk, node: str, socket: Socket) -> bool:
        """Whether ``natOutgoing`` masquerades the packet: from a pool that has it, to no pool at all."""
        pools = self._topology.pools
        if walk.ended or not walk.comes_from(pools.natted(self._family)):
            return False
        if socket.address[1] in pools.addresses(self._family):
            return False
        spares = self._world.felix(node).nat_outgoing_exclusions == _SPARES_HOSTS
        return not (spares and socket.address[1] in self._topology.calico_addresses(self._family))

    def _at(self, socket: Socket) -> HeaderSpace:
        port = CLIENT_PORTS if socket.port is None else IntervalSet.single(socket.port)
        address = IntervalSet.single(socket.address[1])
        return HeaderSpace.box(self._family, {Field.DST: address, Field.DST_PORT: port})


def translation_at(node: str, direction: Direction) -> Stage:
    """The stage of a translation."""
    return Stage(node, Passage.DNAT, direction, verdict=Verdict.TRANSLATED)


def refusal_at(node: str, direction: Direction, note: str) -> Stage:
    """The stage of a packet that is dropped instead of being translated."""
    reason = Reason.DEFAULT_ACTION.value
    return Stage(node, Passage.DNAT, direction, verdict=Verdict.DENY, reason=reason, note=note)
