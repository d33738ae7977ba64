"""Which flows get through: the exact sets of those that are allowed, denied and not known.

A question is cut into senders and targets whose packets start alike and go one way; the packets of each
are then walked together, by the walk that a trace is of one packet. Where they part on the way, they are
walked apart from the start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.errors import InputError
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.destinations import Destinations
from service.policy.entries import LOOPBACK
from service.policy.extent import Extent
from service.policy.flow_query import Via
from service.policy.ledger import Outcome
from service.policy.parting import walked
from service.policy.paths import Entry, Paths
from service.policy.reached import Origin, Reach, ReachPart
from service.policy.senders import Sender, SenderKind, Senders
from service.policy.stages import Connection, Disposition
from service.policy.targets import targets
from service.policy.topology import is_loopback
from service.policy.walk import Walk
from service.policy.witness import witness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.net.prefixes import Family
    from service.policy.question import Question
    from service.policy.targets import Target
    from service.policy.world import World


class TooOpenError(InputError):
    """A question that leaves so much open that the answer would take too long."""

    code = "question-too-open"
    title = "The question leaves too much open"


def reach(
    world: World,
    question: Question,
    within: Mapping[Family, HeaderSpace] | None = None,
    *,
    limit: int | None = None,
) -> Reach:
    """Which of the flows that *question* leaves open get through in *world*; only those *within*, if given.

    Raises: TooOpenError where more than *limit* pairs of senders and targets are meant.
    """
    found: list[ReachPart] = []
    unresolved: dict[str, None] = {}
    for family in question.families:
        one = _Reach(world, question, family)
        asked = one.asked(within[family] if within else None)
        if limit is not None and one.pairs(asked) > limit:
            raise TooOpenError(one.excess(asked, limit))
        found += one.parts(asked)
        unresolved |= dict.fromkeys(one.unresolved)
    return Reach(question, tuple(found), tuple(unresolved))


@dataclass(frozen=True, slots=True)
class _Start:
    """Packets that start alike and go one way; those that stay do not even leave their pod."""

    origin: Origin
    sender: Sender
    target: Target
    packets: HeaderSpace
    via: Via | None = None
    stays: bool = False


class _Reach:
    """The answer for one family."""

    def __init__(self, world: World, question: Question, family: Family) -> None:
        self._world = world
        self._question = question
        self._family = family
        paths = Paths(world, family, 0)
        self._topology = paths.topology
        self._targets = targets(world, paths.topology, paths.translator, family=family)
        self._senders = Senders(world, paths.topology, family)
        self._destinations = Destinations(world, paths.topology, family)
        self.unresolved: list[str] = []

    def asked(self, within: HeaderSpace | None) -> tuple[Target, ...]:
        """The targets of the question, of which only the packets *within* count, if they are given."""
        asked, unresolved = self._destinations.of(self._question)
        self.unresolved += unresolved
        return tuple(self._targets.cut(asked if within is None else asked & within))

    def pairs(self, cut: tuple[Target, ...]) -> int:
        """How many pairs of senders and targets are meant."""
        entries = sum(1 for _ in self._vias())
        ways = sum(1 if one.place or self._question.via else entries for one in cut)
        kinds = [one.kind for one in self._senders.of(self._question)]
        outside = kinds.count(SenderKind.OUTSIDE)
        return outside * ways + (len(kinds) - outside) * len(cut)

    def excess(self, cut: tuple[Target, ...], limit: int) -> str:
        """That more than *limit* pairs are meant: of how many on either side, and what would leave less."""
        senders = sum(1 for _ in self._senders.of(self._question))
        places = len({one.socket.address for one in cut})
        advice = [
            'name the senders in "from"' if senders > 1 else "",
            'name the destinations in "to"' if places > 1 else "",
            'bind "protocol" and "port"' if len(cut) > places else "",
            'say in "via" where packets come in'
            if not self._question.via and self.pairs(cut) > senders * len(cut)
            else "",
        ]
        return (
            f"{self.pairs(cut):,} pairs are meant, of {senders:,} senders (nodes, the pods of a node, the"
            f" outside) and {len(cut):,} targets (ways to addresses and translated ports), more than"
            f" {limit:,}: {', or '.join(filter(None, advice))}"
        )

    def parts(self, cut: tuple[Target, ...]) -> list[ReachPart]:
        """The parts, those together that differ in nothing but their packets."""
        asked_of: dict[Origin, list[HeaderSpace]] = {}
        alike: dict[object, list[tuple[Outcome, _Start]]] = {}
        for sender in self._senders.of(self._question):
            for start in self._starts(sender, cut):
                if not start.packets:
                    continue
                asked_of.setdefault(start.origin, []).append(start.packets)
                for outcome in self._outcomes(start):
                    key = (start.origin, outcome.disposition, outcome.causes, outcome.unknown)
                    alike.setdefault(key, []).append((outcome, start))
        everything = {
            origin: HeaderSpace.union_all(self._family, spaces)
            for origin, spaces in asked_of.items()
        }
        return [self._part(group, everything[group[0][1].origin]) for group in alike.values()]

    def _starts(self, sender: Sender, cut: Iterable[Target]) -> Iterator[_Start]:
        """How the packets of *sender* start, for each target."""
        for target in cut:
            packets = target.packets
            if sender.sources is not None:
                packets = packets.restrict(Field.SRC, sender.sources)
            if sender.doubt:
                origin = Origin(sender.kind, doubt=sender.doubt)
                yield _Start(origin, sender, target, packets)
            elif sender.kind is SenderKind.OUTSIDE:
                yield from self._entries(sender, target, packets)
            elif sender.kind is SenderKind.NODE:
                yield self._from_node(sender, target, packets)
            elif not is_loopback(target.socket.address):
                yield from self._from_pods(sender, target, packets)

    def _from_pods(self, sender: Sender, target: Target, packets: HeaderSpace) -> Iterator[_Start]:
        """From pods: what one sends to itself never leaves it, everything else meets its node."""
        origin = Origin(SenderKind.POD)
        if self._topology.pod(target.socket.address):
            both = packets.project(Field.SRC) & packets.project(Field.DST)
            values = (value for lo, hi in both for value in range(lo, hi + 1))
            kept = packets & HeaderSpace.union_all(self._family, map(self._to_itself, values))
            if kept:
                yield _Start(origin, sender, target, kept, stays=True)
                packets = packets - kept
        yield _Start(origin, sender, target, packets)

    def _to_itself(self, address: int) -> HeaderSpace:
        fields = dict.fromkeys((Field.SRC, Field.DST), IntervalSet.single(address))
        return HeaderSpace.box(self._family, fields)

    def _entries(self, sender: Sender, target: Target, packets: HeaderSpace) -> Iterator[_Start]:
        """From outside: where the question says, at the node that is called, or, for others, anywhere."""
        kind, via = SenderKind.OUTSIDE, self._question.via
        if via is not None:
            yield _Start(Origin(kind, (via,)), sender, target, packets, via=via)
        elif target.place:
            yield _Start(Origin(kind), sender, target, packets, via=Via(target.place))
        elif not is_loopback(target.socket.address):
            for via in self._vias():
                yield _Start(Origin(kind, (via,)), sender, target, packets, via=via)

    def _vias(self) -> Iterator[Via]:
        """Every interface by which packets may come in from outside; a node's, where none is known."""
        for node in self._world.node_names:
            known = self._world.nodes.get(node)
            if known is None or known.interfaces is None:
                yield Via(node)
            else:
                for interface in known.interfaces:
                    if interface.name != LOOPBACK:
                        yield Via(node, interface.name)

    def _from_node(self, sender: Sender, target: Target, packets: HeaderSpace) -> _Start:
        """A process's packets have the source that the route gives them, unless the question says."""
        node, kind = sender.node, SenderKind.NODE
        out = self._topology.way_out(node, target.socket.address)
        if sender.sources is None and not out.doubts and out.sources:
            packets = packets.restrict(Field.SRC, out.sources)
            if out.sources <= self._topology.owned(node, self._family):
                return _Start(Origin(kind), sender, target, packets)
        return _Start(Origin(kind, nodes=(node,)), sender, target, packets)

    def _outcomes(self, start: _Start) -> Iterator[Outcome]:
        """What becomes of the packets, which are walked apart where they part."""
        if start.sender.doubt:
            if start.packets:
                doubt = (start.sender.doubt,)
                yield Outcome(Disposition.UNKNOWN, start.packets, (), doubt)
            return
        yield from walked(start.packets, lambda packets: self._walked(start, packets))

    def _walked(self, start: _Start, packets: HeaderSpace) -> Walk:
        sender, socket = start.sender, start.target.socket
        entry = Entry(socket.address, start.via.node) if start.via else None
        paths = Paths(self._world, self._family, start.target.protocol, entry=entry)
        established = self._question.established
        walk = replace(
            Walk.start(self._world, packets, Extent.MANY),
            connection=Connection.ESTABLISHED if established else Connection.NEW,
        )
        if start.stays:
            return walk
        if sender.kind is SenderKind.NODE:
            return paths.from_node(walk, sender.node, socket)
        if sender.pod is not None:
            return paths.arrive(walk, paths.topology.behind(sender.pod), socket)
        via = start.via or Via("")
        link = paths.topology.way_in(via.node, socket.address, via.interface)
        return paths.arrive(walk, link, socket)

    def _part(self, group: list[tuple[Outcome, _Start]], asked: HeaderSpace) -> ReachPart:
        first, start = group[0]
        space = HeaderSpace.union_all(self._family, (outcome.space for outcome, _ in group))
        established = self._question.established
        return ReachPart(
            origin=start.origin,
            disposition=first.disposition,
            space=space,
            asked=asked,
            causes=first.causes,
            unknown=first.unknown,
            witness=witness(self._world, start.origin, space, established=established),
        )
