"""What a change does to the openings of all Services: asked on the nodes that it touches, once per kind of port."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from service.checks.nodeport.question import Exposed
from service.net.headerspace import Bounds
from service.policy.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.checks.nodeport.guard import Guarding
    from service.checks.nodeport.judge import Answer, Judge
    from service.checks.nodeport.question import Question
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
    """A way in on some nodes, all new harm by it, and what is not known of that."""

    nodes: tuple[str, ...]
    entry: Entry
    fresh: Bounds
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Harm:
    """What becomes worse at the new entries of some nodes, and whether anything was as bad before."""

    fresh: tuple[Bounds, ...]
    is_worse: bool
    is_old_fault: bool


_NO_HARM = _Harm((), is_worse=False, is_old_fault=False)


class Comparison:
    """The new world against the old one, in one family."""

    def __init__(self, old: Judge, new: Judge, family: Family) -> None:
        self._old = old
        self._new = new
        self._family = family
        self.touched = tuple(
            Touched(nodes, old.ways_in(nodes[0], family), new.ways_in(nodes[0], family))
            for nodes in touched_nodes(old, new, family)
        )
        """The nodes on which something may differ."""
        self._known: dict[tuple[int, ...], _Harm] = {}

    def found(self, question: Question) -> tuple[bool, bool]:
        """Whether some packet is harmed that was not before, and whether one, where the change acts, that was."""
        is_worse = is_old_fault = False
        for one in self.touched:
            harm = self._harm(one, question)
            is_worse = is_worse or harm.is_worse
            is_old_fault = is_old_fault or harm.is_old_fault
        return is_worse, is_old_fault

    def exposed(self, question: Question) -> Iterator[Exposed]:
        """The harm on each way in, with what of it is new."""
        for one in self.touched:
            harm = self._harm(one, question)
            if harm.is_worse or harm.is_old_fault:
                answers = (self._new.answer(entry, question.opening) for entry in one.after)
                for answer, fresh in zip(answers, harm.fresh, strict=True):
                    found = Exposed(one.nodes, answer.guarding, fresh).within(question.packets)
                    if found.guarding.harm.may:
                        yield found

    def worst(self, questions: tuple[Question, ...]) -> Worst:
        """The first way in by which the packets of some of *questions* are newly harmed, and all of that.

        Raises: ValueError where none is answered worse than before.
        """
        for one in self.touched:
            kinds: defaultdict[tuple[int, ...], list[Question]] = defaultdict(list)
            for question in questions:
                if self._harm(one, question).is_worse:
                    kinds[self._key(one, question)].append(question)
            for at, entry in enumerate(one.after):
                found = [self._together(one, at, alike) for alike in kinds.values()]
                fresh = Bounds.union_all(self._family, (bounds for bounds, _ in found))
                if fresh.may:
                    unknown = (why for _, answer in found for why in answer.partition.unknown())
                    return Worst(one.nodes, entry, fresh, tuple(dict.fromkeys(unknown)))
        raise ValueError("none of the questions is answered worse than before")

    def _together(self, one: Touched, at: int, alike: list[Question]) -> tuple[Bounds, Guarding]:
        """The new harm to all of *alike*, which have one answer, by the entry at a place; and its guards."""
        packets = Bounds.union_all(self._family, (question.packets for question in alike))
        fresh = self._harm(one, alike[0]).fresh[at] & packets
        return fresh, self._new.answer(one.after[at], alike[0].opening).guarding

    def _key(self, one: Touched, question: Question) -> tuple[int, ...]:
        before, after = (
            [judge.answer(entry, question.opening) for entry in entries]
            for judge, entries in ((self._old, one.before), (self._new, one.after))
        )
        return _key(before, after)

    def _harm(self, one: Touched, question: Question) -> _Harm:
        """The same for all questions that are answered the same before and after."""
        after = [self._new.answer(entry, question.opening) for entry in one.after]
        if all(answer.quiet for answer in after):
            return _NO_HARM
        before = [self._old.answer(entry, question.opening) for entry in one.before]
        key = _key(before, after)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._compared(before, after, question)
        return known

    def _compared(self, before: list[Answer], after: list[Answer], question: Question) -> _Harm:
        was_open = Bounds.union_all(self._family, (one.guarding.harm for one in before))
        harms = [one.guarding.harm for one in after]
        here = [harm & question.packets for harm in harms]
        fresh = [harm - was_open for harm in here]
        return _Harm(
            tuple(harm - was_open for harm in harms),
            is_worse=any(one.may for one in fresh),
            is_old_fault=any((harm.may - new.may) for harm, new in zip(here, fresh, strict=True)),
        )


def _key(before: list[Answer], after: list[Answer]) -> tuple[int, ...]:
    return (len(before), *map(id, before), *map(id, after))


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
