"""What a change does to the openings of all Services: asked on the nodes that it touches, of all ports at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from service.checks.nodeport.question import Exposed
from service.checks.nodeport.sweep import Sweep, packets_of, ports_of
from service.net.headerspace import Bounds, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.checks.nodeport.judge import Judge
    from service.checks.nodeport.question import Question
    from service.model.refs import ObjectRef
    from service.net.prefixes import Family
    from service.policy.entries import Entry


@dataclass(frozen=True, slots=True)
class Touched:
    """Nodes that are alike in both worlds and judged otherwise in the new one; entries are of the first."""

    nodes: tuple[str, ...]
    before: tuple[Entry, ...]
    after: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Worst:
    """A way in on some nodes, all new harm by it, and what is not known of that where none of it is sure."""

    nodes: tuple[str, ...]
    entry: Entry
    fresh: Bounds
    unknown: tuple[str, ...]


class Comparison:
    """The new world against the old one, which differ in *ref*, for the openings of *asked* in one family."""

    def __init__(
        self,
        old: Judge,
        new: Judge,
        asked: tuple[Question, ...],
        *,
        ref: ObjectRef,
        family: Family,
    ) -> None:
        """Ask about *asked* on the nodes on which something may differ."""
        self._new, self._asked, self._family = new, asked, family
        sweep = Sweep(old, new, asked, ref=ref, family=family)
        self._swept = [
            (one, sweep.swept(one.before, one.after)) for one in touched(old, new, family)
        ]

    def found(self) -> Iterator[tuple[Question, bool, bool]]:
        """The openings of which some packet is harmed on these nodes.

        With each, whether one is that was not before, and whether one is that was.
        """
        protocols = {question.opening.protocol for question in self._asked}
        every = [swept for _, found in self._swept for swept in found if swept.harm.may]
        worse, old = (
            ports_of(HeaderSpace.union_all(self._family, spaces), protocols)
            for spaces in (
                [one.fresh.may for one in every],
                [one.harm.may - one.fresh.may for one in every],
            )
        )
        for question in self._asked if every else ():
            protocol, ports = question.opening.protocol, question.opening.ports
            is_worse = bool(worse.get(protocol, IntervalSet.EMPTY) & ports)
            is_old_fault = bool(old.get(protocol, IntervalSet.EMPTY) & ports)
            if is_worse or is_old_fault:
                yield question, is_worse, is_old_fault

    def exposed(self, question: Question) -> Iterator[Exposed]:
        """The harm on each way in, with what of it is new."""
        for one, swept in self._swept:
            for way in swept:
                if (way.harm & question.packets).may:
                    guarding = self._new.answer(way.entry, question.opening).guarding
                    found = Exposed(one.nodes, guarding, way.fresh).within(question.packets)
                    if found.guarding.harm.may:
                        yield found

    def worst(self, questions: tuple[Question, ...]) -> Worst:
        """The first way in by which the packets of some of *questions* are newly harmed, and all of that.

        Raises: ValueError where none is answered worse than before.
        """
        packets = packets_of(questions, self._family)
        for one, swept in self._swept:
            for way in swept:
                fresh = way.fresh & packets
                if fresh.may:
                    unknown = () if fresh.must else self._unknown(way.entry, fresh)
                    return Worst(one.nodes, way.entry, fresh, unknown)
        raise ValueError("none of the questions is answered worse than before")

    def _unknown(self, entry: Entry, packets: Bounds) -> tuple[str, ...]:
        return self._new.guarding(entry, packets).partition.unknown()


def touched(old: Judge, new: Judge, family: Family) -> tuple[Touched, ...]:
    """The nodes on which something may differ."""
    return tuple(
        Touched(nodes, old.ways_in(nodes[0], family), new.ways_in(nodes[0], family))
        for nodes in touched_nodes(old, new, family)
    )


def touched_nodes(old: Judge, new: Judge, family: Family) -> Iterator[tuple[str, ...]]:
    """The nodes that *new* judges otherwise than *old*, in groups that are alike in both.

    O(kinds of nodes) where a change leaves the kinds as they are.
    """
    same_addresses = old.world.matcher is new.world.matcher
    before = old.likenesses(family)
    groups: defaultdict[tuple[object, object], list[str]] = defaultdict(list)
    alone: dict[tuple[object, object], tuple[str, ...]] = {}
    for nodes, likeness in new.likenesses(family).items():
        if nodes in before:
            if before[nodes] != likeness or not same_addresses:
                alone.setdefault((before[nodes], likeness), nodes)
                groups[before[nodes], likeness] += nodes
        else:
            singly = _by_node(old, family)
            for node in nodes:
                groups[singly.get(node), likeness].append(node)
    for key, alike in groups.items():
        was, likeness = key
        if was != likeness or not same_addresses:
            single = alone.get(key)
            yield single if single and len(single) == len(alike) else tuple(sorted(alike))


def _by_node(judge: Judge, family: Family) -> Mapping[str, object]:
    known = judge.world.facts(Facts.POLICY)
    key = (
        "likeness by node",
        judge.settings.nodes_exposed,
        judge.settings.node_port_addresses,
        family,
    )
    if key not in known:
        known[key] = {
            node: likeness for nodes, likeness in judge.likenesses(family).items() for node in nodes
        }
    return cast("Mapping[str, object]", known[key])
