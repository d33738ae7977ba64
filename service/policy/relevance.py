"""Which rules of a chain can meet packets of a protocol and ports: nearly all name others.

A rule that no packet meets changes nothing, so a walk may leave it out. The same index tells which ports
no rule tells apart: what is worked out for one of them holds for all.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from service.model.rule import port_numbers
from service.net.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.net.headerspace import HeaderSpace
    from service.policy.cause import Direction
    from service.policy.convert import Policy, PolicyRule
    from service.policy.hooks import TierPolicies
    from service.policy.profile import TierView

_TOP = 65535
_MEMO_LIMIT = 4096
_SCOPES_KEPT = 16_384
ALL_PORTS = IntervalSet.of((0, _TOP))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A tier's rules that some packets can meet, each behind its policy; ``last`` is its last policy."""

    tier: TierView
    last: Policy
    lines: tuple[tuple[Policy, PolicyRule], ...]


def whole_tiers(tiers: Iterable[TierPolicies], direction: Direction) -> tuple[Stretch, ...]:
    """All rules of *tiers* in *direction*."""
    return tuple(
        Stretch(
            one.tier,
            one.policies[-1],
            tuple((policy, rule) for policy in one.policies for rule in policy.rules(direction)),
        )
        for one in tiers
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule asks of protocol and destination port; None for no bound.

    ``told_apart`` are the sets of ports that it tells from others, None where that takes more than the
    rule to know: named ports, and the ports of a Service.
    """

    protocol: int | None
    ports: IntervalSet | None
    told_apart: tuple[IntervalSet, ...] | None


@lru_cache(maxsize=_SCOPES_KEPT)
def scope(rule: PolicyRule) -> Scope:
    """The protocol and ports of *rule*, as far as they stand in it; a chain is indexed anew with each policy more."""
    side = rule.rule.destination
    is_named = any(one.name for one in (*side.ports, *side.not_ports))
    is_open = is_named or not side.ports
    lists = [port_numbers(one) for one in (side.ports, side.not_ports) if one]
    return Scope(
        rule.rule.protocol,
        None if is_open else lists[0],
        None if is_named or side.services is not None else tuple(lists),
    )


class RuleIndex:
    """The rules of a chain by what they ask of protocol and port.

    ``tests_destination`` says whether any of them asks where a packet goes.
    """

    def __init__(self, tiers: Iterable[TierPolicies], direction: Direction) -> None:
        """The index of *tiers*; O(rules)."""
        self.whole = whole_tiers(tiers, direction)
        self._scopes = tuple(
            tuple(scope(rule) for _, rule in stretch.lines) for stretch in self.whole
        )
        self.tests_destination = any(
            rule.tests_destination for stretch in self.whole for _, rule in stretch.lines
        )
        self._atoms: dict[int, _Atoms] = {}
        self._narrowed: dict[tuple[int, IntervalSet], tuple[Stretch, ...]] = {}

    def meeting(self, packets: HeaderSpace) -> tuple[Stretch, ...]:
        """The tiers with the rules that some of *packets* can meet; none is left out that does."""
        protocols, ports = packets.protocols_and_ports()
        if len(protocols.ranges) != 1 or protocols.ranges[0][0] != protocols.ranges[0][1]:
            return self.whole
        key = (protocols.ranges[0][0], ports)
        known = self._narrowed.get(key)
        if known is None:
            if len(self._narrowed) >= _MEMO_LIMIT:
                self._narrowed.clear()
            known = self._narrowed[key] = tuple(self._narrow(*key))
        return known

    def _narrow(self, protocol: int, ports: IntervalSet) -> Iterator[Stretch]:
        for stretch, scopes in zip(self.whole, self._scopes, strict=True):
            lines = tuple(
                line
                for line, one in zip(stretch.lines, scopes, strict=True)
                if one.protocol in {None, protocol}
                and (one.ports is None or one.ports.meets(ports))
            )
            yield Stretch(stretch.tier, stretch.last, lines)

    def alike(self, protocol: int, port: int) -> IntervalSet:
        """The ports, *port* among them, that no rule of the chain tells apart in packets of *protocol*.

        One object for ports that are alike.
        """
        known = self._atoms.get(protocol)
        if known is None:
            known = self._atoms[protocol] = self._atoms_of(protocol)
        return known.of(port)

    def _atoms_of(self, protocol: int) -> _Atoms:
        every = [
            one for scopes in self._scopes for one in scopes if one.protocol in {None, protocol}
        ]
        if any(one.told_apart is None for one in every):
            return _Atoms((), singly=True)
        return _Atoms(ports for one in every for ports in one.told_apart or ())


class _Atoms:
    """The coarsest partition of all ports of which each given set is a union; or each port *singly*."""

    def __init__(self, sets: Iterable[IntervalSet], *, singly: bool = False) -> None:
        self._singles: dict[int, IntervalSet] | None = {} if singly else None
        changes: dict[int, set[int]] = {0: set()}
        for index, ports in enumerate(dict.fromkeys(sets)):
            for lo, hi in ports:
                changes.setdefault(lo, set()).add(index)
                changes.setdefault(hi + 1, set()).add(index)
        self._starts = sorted(changes)
        covering: frozenset[int] = frozenset()
        by_cover: dict[frozenset[int], list[tuple[int, int]]] = {}
        self._covers = []
        ends = [start - 1 for start in self._starts[1:]]
        for start, end in zip(self._starts, [*ends, max(_TOP, *self._starts)], strict=True):
            covering ^= changes[start]
            self._covers.append(covering)
            by_cover.setdefault(covering, []).append((start, end))
        self._atoms = {
            cover: IntervalSet.of(*ranges) & ALL_PORTS for cover, ranges in by_cover.items()
        }

    def of(self, port: int) -> IntervalSet:
        if self._singles is not None:
            return self._singles.setdefault(port, IntervalSet.single(port))
        return self._atoms[self._covers[bisect_right(self._starts, port) - 1]]
