"""The legs of needed flows: their packets, and what becomes of them where they leave and arrive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.checks.cutoff.catalogue import CATALOGUE, Who
from service.checks.cutoff.ends import Ends
from service.checks.hosts.untracked import unanswered
from service.checks.hosts.ways import Doorway, doorways, fate, gate_likeness
from service.net.flow import PORT_PROTOCOLS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, addresses_in, parse_cidr
from service.policy.cause import Decision, Direction, Hook
from service.policy.felix import BPF_DOUBT
from service.policy.gates import Gate
from service.policy.partition import Part
from service.policy.profile import Dataplane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from service.checks.cutoff.catalogue import NeededFlow
    from service.checks.settings import CheckSettings
    from service.policy.partition import Partition
    from service.policy.world import World

_LOOPBACK = IntervalSet.single(0x7F000001)
_LINK_LOCAL = addresses_in((parse_cidr("fe80::/10"),), Family.V6)
_SOLICITED = addresses_in((parse_cidr("ff02::1:ff00:0/104"),), Family.V6)
_SOLICITATION = 135
_DIAGONAL_LIMIT = 256
_UNSETTLED = frozenset({"ipip", "neighbours"})
"""The flows of which it is not known what eBPF programs let by before policy."""
_EPHEMERAL = IntervalSet.of((32768, 60999))
"""The source ports that Linux gives out (``net.ipv4.ip_local_port_range``)."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One end of a flow at alike nodes. All *packets* must pass, or some for each value of ``each``."""

    flow: NeededFlow
    doorway: Doorway
    direction: Direction
    packets: HeaderSpace
    each: Field | None = None

    def harm(self, world: World) -> Harm:
        """What of the packets is cut off."""
        found = fate(self.doorway, Bounds.exact(self.packets), self._judge(world))
        mute = [*self._mute(world)]
        denied = found.denied | Bounds.union_all(
            self.doorway.family, (part.space for _, part in mute)
        )
        if self.each is not None:
            denied = self._starved(denied, self.each)
        parts = (*found.parts, *mute)
        if self.flow.id in _UNSETTLED and self._meets_programs(world) and denied.must:
            denied = Bounds(HeaderSpace.nothing(self.doorway.family), denied.may)
            parts = tuple((gate, replace(part, unknown=(BPF_DOUBT,))) for gate, part in parts)
        return Harm(self, denied, parts)

    def _meets_programs(self, world: World) -> bool:
        return _runs_programs(world, self.doorway.nodes[0])

    def _mute(self, world: World) -> Iterator[tuple[Gate, Part]]:
        """The packets that untracked policy accepts, and not their answers; by a gate that surely holds."""
        gate = self.doorway.gates[0]
        if len(self.doorway.gates) > 1 or gate.named is None:
            return
        live = Bounds.exact(self.packets)
        for one in unanswered(world, gate.named, live, direction=self.direction):
            cause = replace(one.cause, note=f"{one.cause}, and nothing the untracked answers")
            yield gate, Part(Decision.DENY, cause, one.packets)

    def _starved(self, denied: Bounds, field: Field) -> Bounds:
        """The packets of each value of *field* of which none passes."""
        passes = self.packets - denied.must, self.packets - denied.may
        values = self.packets.project(field)
        may, must = (
            self.packets.restrict(field, values - one.project(field)) for one in reversed(passes)
        )
        return Bounds(must, may)

    def _judge(self, world: World) -> Callable[[Gate, Bounds], Partition]:
        """Packets that carry others are met by untracked policy, and before chains by preDNAT policy, too."""
        comes_in = self.direction is Direction.INGRESS
        if not self.flow.wrapped:
            return lambda gate, live: (gate.to_host if comes_in else gate.from_host)(world, live)
        if comes_in and (self.flow.id in _UNSETTLED or not self._meets_programs(world)):
            return lambda gate, live: gate.guard(world, live)
        return lambda gate, live: world.evaluate(
            gate.named, live, hook=Hook.UNTRACKED, direction=self.direction
        )


def _runs_programs(world: World, node: str) -> bool:
    return world.felix(node).dataplane is Dataplane.BPF


@dataclass(frozen=True, slots=True)
class Harm:
    """The packets of a leg that are cut off, and the parts that deny some of them, by gate."""

    leg: Leg
    denied: Bounds
    parts: tuple[tuple[Gate, Part], ...]


def legs(world: World, settings: CheckSettings) -> Iterator[Leg]:
    """Every leg of every flow that the cluster is known to need, at nodes that are policed."""
    for family in Family:
        ends = Ends(world, settings, family)
        policed = [one for one in doorways(world, family) if one.is_policed]
        primary = [one for one in policed if ends.is_primary(one)]
        for flow in CATALOGUE if policed else ():
            if family in flow.families and ends.uses(flow.use):
                yield from _legs(ends, flow, primary if flow.primary else policed)


def _legs(ends: Ends, flow: NeededFlow, policed: Sequence[Doorway]) -> Iterator[Leg]:
    if flow.receiver is Who.ELSEWHERE:
        return _outward(ends, flow, policed)
    if flow.receiver is Who.ITSELF:
        return _over_loopback(ends, flow, policed)
    if flow.sender is Who.ELSEWHERE:
        return _inward(ends, flow, policed)
    if flow.sender is Who.NEIGHBOUR:
        return _on_link(ends, flow, policed)
    return _between(ends, flow, [one for one in policed if one.is_known])


def _between(ends: Ends, flow: NeededFlow, policed: Sequence[Doorway]) -> Iterator[Leg]:
    """From nodes to nodes: every sender to every receiver but itself, judged at both ends."""
    for sender in ends.sockets(flow.sender):
        for receiver in ends.sockets(flow.receiver):
            fields = {Field.SRC: sender.addresses, Field.DST: receiver.addresses}
            ports = receiver.ports or flow.ports
            for doorway in policed:
                for direction, field in (
                    (Direction.EGRESS, Field.SRC),
                    (Direction.INGRESS, Field.DST),
                ):
                    here = fields[field] & doorway.addresses
                    packets = _to_others(_packets(ends, flow, {**fields, field: here}, ports=ports))
                    if packets:
                        yield Leg(flow, doorway, direction, packets)


def _outward(ends: Ends, flow: NeededFlow, policed: Sequence[Doorway]) -> Iterator[Leg]:
    """To some address: which server it is, is not known, so that one will do."""
    for doorway in policed:
        fields = {Field.SRC: doorway.addresses}
        each = Field.SRC if doorway.is_known else Field.PROTOCOL
        packets = _packets(ends, flow, fields, ports=flow.ports)
        yield Leg(flow, doorway, Direction.EGRESS, packets, each=each)


def _inward(ends: Ends, flow: NeededFlow, policed: Sequence[Doorway]) -> Iterator[Leg]:
    """From some address beyond the nodes' own networks, to each port of each node."""
    elsewhere = ends.strangers()
    for doorway in policed:
        for port in ends.health_checks():
            fields = {Field.SRC: elsewhere, Field.DST: doorway.addresses}
            packets = _packets(ends, flow, fields, ports=(port,))
            each = Field.DST if doorway.is_known else Field.PROTOCOL
            yield Leg(flow, doorway, Direction.INGRESS, packets, each=each)


def _over_loopback(ends: Ends, flow: NeededFlow, policed: Sequence[Doorway]) -> Iterator[Leg]:
    """Of a node to itself: ``lo`` is governed by the ``*`` endpoint alone, out and in."""
    concerned = set(ends.nodes(flow.sender))
    packets = _packets(ends, flow, {Field.SRC: _LOOPBACK, Field.DST: _LOOPBACK}, ports=flow.ports)
    told: set[object] = set()
    for doorway in policed:
        nodes = tuple(
            node
            for node in doorway.nodes
            if node in concerned and not _runs_programs(ends.world, node)
        )
        gate = Gate(wildcard=doorway.gates[0].wildcard)
        alike = gate_likeness(ends.world, gate)
        if gate.wildcard is not None and nodes and (alike, nodes) not in told:
            told.add((alike, nodes))
            own = Doorway(ends.family, (gate,), _LOOPBACK, nodes, is_known=True)
            for direction in (Direction.EGRESS, Direction.INGRESS):
                yield Leg(flow, own, direction, packets)


def _on_link(ends: Ends, flow: NeededFlow, policed: Sequence[Doorway]) -> Iterator[Leg]:
    """Solicitations to the group of an address, and answers, by link-local addresses (RFC 4861)."""
    for doorway in policed:
        for direction in (Direction.INGRESS, Direction.EGRESS):
            spaces = [
                _packets(
                    ends,
                    flow,
                    {
                        Field.ICMP_TYPE: IntervalSet.single(kind),
                        Field.SRC: _LINK_LOCAL,
                        Field.DST: _SOLICITED if kind == _SOLICITATION else _LINK_LOCAL,
                    },
                    ports=(),
                )
                for kind in flow.icmp_types
            ]
            yield Leg(flow, doorway, direction, HeaderSpace.union_all(ends.family, spaces))


def _packets(
    ends: Ends, flow: NeededFlow, fields: dict[Field, IntervalSet], *, ports: Sequence[int]
) -> HeaderSpace:
    own = {**fields, Field.PROTOCOL: IntervalSet.single(flow.protocol)}
    if flow.protocol in PORT_PROTOCOLS:
        own[Field.SRC_PORT] = _EPHEMERAL
    if ports:
        own[Field.DST_PORT] = IntervalSet.of(*((port, port) for port in ports))
    return HeaderSpace.box(ends.family, own)


def _to_others(packets: HeaderSpace) -> HeaderSpace:
    """*packets* but those that a node sends to itself, which do not leave it.

    Among many nodes they are kept: no rule tells the few apart that are sent so from all the others.
    """
    both = packets.project(Field.SRC) & packets.project(Field.DST) if packets else IntervalSet.EMPTY
    if not both or both.size() > _DIAGONAL_LIMIT:
        return packets
    values = [value for lo, hi in both for value in range(lo, hi + 1)]
    own = (
        HeaderSpace.box(
            packets.family,
            {Field.SRC: IntervalSet.single(value), Field.DST: IntervalSet.single(value)},
        )
        for value in values
    )
    return packets - HeaderSpace.union_all(packets.family, own)
