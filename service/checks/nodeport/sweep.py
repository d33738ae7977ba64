"""The harm to all openings at once, by each way in that a change touches.

Ports that no rule tells apart are asked one by one elsewhere (`Judge.answer`); a change that touches every
node is asked of all ports together, and of those packets only whose fate the changed rules can turn.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from service.checks.nodeport.intent import remarkable
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.cause import Direction, Hook
from service.policy.facts import Facts
from service.policy.profile import Dataplane

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from service.checks.nodeport.guard import Guarding
    from service.checks.nodeport.judge import Judge
    from service.checks.nodeport.question import Question
    from service.model.refs import ObjectRef
    from service.net.prefixes import Family
    from service.policy.convert import Policy, PolicyRule
    from service.policy.entries import Entry

_HOOKS = (Hook.UNTRACKED, Hook.PRE_DNAT)
Ports = dict[int, IntervalSet]
"""By protocol."""


@dataclass(frozen=True, slots=True)
class Swept:
    """The harm by one way in, to all openings that were asked about: ``fresh`` is what was none before."""

    entry: Entry
    harm: Bounds
    fresh: Bounds


class Sweep:
    """Asks what *new* makes worse than *old* of the packets to the openings of *asked*, one family.

    *ref* is the one object that differs.
    """

    def __init__(
        self, old: Judge, new: Judge, asked: Sequence[Question], *, ref: ObjectRef, family: Family
    ) -> None:
        """Nothing is worked out yet."""
        self._old, self._new, self._ref, self._family = old, new, ref, family
        self._live = _kept_packets(new, asked, family)

    def swept(self, before: tuple[Entry, ...], after: tuple[Entry, ...]) -> tuple[Swept, ...]:
        """The harm by each of the ways *after*, which were those *before*."""
        olds = [self._guarding(self._old, entry, self._live).harm for entry in before]
        was_open = Bounds.union_all(self._family, olds)
        found = []
        for at, entry in enumerate(after):
            if len(before) == len(after) and self._keeps_endpoints(before[at], entry):
                harm = self._changed(olds[at], entry)
            else:
                harm = self._guarding(self._new, entry, self._live).harm
            found.append(Swept(entry, harm, harm - was_open))
        return tuple(found)

    def loud(self, before: tuple[Entry, ...], after: tuple[Entry, ...]) -> HeaderSpace:
        """The packets of which there may be something to tell now, if there was nothing before.

        Asked by each of the ways *after*, which were those *before*.
        """
        spaces = []
        for at, entry in enumerate(after):
            is_kept = len(before) == len(after) and self._keeps_endpoints(before[at], entry)
            live = self._live & Bounds.exact(self._turned) if is_kept else self._live
            if live.may:
                found = self._guarding(self._new, entry, live)
                spaces += [found.harm.may, remarkable(self._new, found)]
        return HeaderSpace.union_all(self._family, spaces)

    def _changed(self, before: Bounds, entry: Entry) -> Bounds:
        """The harm by *entry*, of which *before* was its harm: only packets of the change are asked about."""
        turned = Bounds.exact(self._turned)
        live = self._live & turned
        if not live.may:
            return before
        return (before - turned) | self._guarding(self._new, entry, live).harm

    @cached_property
    def _turned(self) -> HeaderSpace:
        """The packets whose fate the change can turn, by hosts' rules before DNAT."""
        old, new = (one.world.find_policy(self._ref) for one in (self._old, self._new))
        matcher, family = self._new.world.matcher, self._family
        if (old is None and new is None) or matcher is not self._old.world.matcher:
            return self._live.may
        spaces = []
        for rule in _differing(old, new):
            spaces.append(matcher.match(rule, family).space.may)
            spared = matcher.exceptions(rule, family)
            if spared is not None:
                spaces.append(spared)
        return HeaderSpace.union_all(family, spaces)

    def _keeps_endpoints(self, before: Entry, after: Entry) -> bool:
        """Whether the same host endpoints judge, by these hooks alone: a policy more may call another one in."""
        if self._new.world.felix(after.node).dataplane is Dataplane.IPVS:
            return False
        return before.addresses == after.addresses and all(
            before.gate.endpoint(self._old.world, hook)
            is after.gate.endpoint(self._new.world, hook)
            for hook in _HOOKS
        )

    def _guarding(self, judge: Judge, entry: Entry, live: Bounds) -> Guarding:
        known = judge.memo(Facts.POLICY)
        key = ("swept", id(entry), live.may)
        if key not in known:
            # What the key names by identity is kept beside the answer.
            known[key] = (judge.guarding(entry, live), entry)
        return cast("tuple[Guarding, Entry]", known[key])[0]


def ports_of(space: HeaderSpace, protocols: Iterable[int]) -> Ports:
    """The ports to which *space* has packets, by protocol."""
    found = {
        protocol: space.restrict(Field.PROTOCOL, IntervalSet.single(protocol)).project(
            Field.DST_PORT
        )
        for protocol in protocols
    }
    return {protocol: ports for protocol, ports in found.items() if ports}


def _kept_packets(judge: Judge, asked: Sequence[Question], family: Family) -> Bounds:
    """As `packets_of`; worked out once for the questions of a world, a tuple that many policies share."""
    if not isinstance(asked, tuple):
        return packets_of(asked, family)
    known = judge.world.facts(Facts.OPENINGS)
    key = ("packets", family, id(asked))
    if key not in known:
        # What the key names by identity is kept beside the packets.
        known[key] = (packets_of(asked, family), asked)
    return cast("tuple[Bounds, object]", known[key])[0]


def packets_of(asked: Iterable[Question], family: Family) -> Bounds:
    """All packets to the openings of *asked*."""
    ports: defaultdict[int, list[IntervalSet]] = defaultdict(list)
    for question in asked:
        ports[question.opening.protocol].append(question.opening.ports)
    boxes = (
        HeaderSpace.box(
            family,
            {
                Field.PROTOCOL: IntervalSet.single(protocol),
                Field.DST_PORT: IntervalSet.union_all(listed),
            },
        )
        for protocol, listed in ports.items()
    )
    return Bounds.exact(HeaderSpace.union_all(family, boxes))


def _differing(old: Policy | None, new: Policy | None) -> list[PolicyRule]:
    """The rules of which some packet may meet another one, or none, than before."""
    before, after = (one.rules(Direction.INGRESS) if one else () for one in (old, new))
    if old is None or new is None or _place(old) != _place(new):
        return [*before, *after]
    start = 0
    while start < min(len(before), len(after)) and before[start].rule == after[start].rule:
        start += 1
    end = 0
    while (
        len(before) == len(after)
        and end < len(before) - start
        and before[-1 - end].rule == after[-1 - end].rule
    ):
        end += 1
    return [*before[start : len(before) - end], *after[start : len(after) - end]]


def _place(policy: Policy) -> Mapping[str, object]:
    """What a policy says besides its rules; the selector is told apart by what is done with it."""
    return {
        "kind": policy.kind,
        "tier": policy.tier,
        "order": policy.order,
        "selector": policy.applies_to and policy.applies_to.canonical(),
        "hook": policy.hook,
        "directions": policy.directions,
    }
