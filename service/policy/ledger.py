"""What became of the packets of a question, told of them as they were when they were sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain
from operator import and_
from typing import TYPE_CHECKING, Generic, TypeVar

from service.net.headerspace import HeaderSpace
from service.policy.cause import Cause, Decision, Reason
from service.policy.stages import Disposition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from service.net.headerspace import Field
    from service.policy.partition import Part, Partition

L = TypeVar("L")


@dataclass(frozen=True, slots=True)
class Change:
    """A rewriting: the packets *before* took the fields *names* from *fields*, in every combination."""

    before: HeaderSpace
    fields: HeaderSpace
    names: tuple[Field, ...]

    def undone(self, after: HeaderSpace) -> HeaderSpace:
        """The packets before that may have become one of *after*."""
        if not after:
            return after
        return self.before & (after & self.fields).forget(*self.names)


@dataclass(frozen=True, slots=True)
class Share(Generic[L]):
    """The packets, as they were sent, of which *label* may be said."""

    label: L
    space: HeaderSpace


Doubts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Packets of one disposition, with all that may have decided it; ``unknown`` says what is not known."""

    disposition: Disposition
    space: HeaderSpace
    causes: tuple[Cause, ...]
    unknown: Doubts = ()


@dataclass(frozen=True, slots=True)
class Ledger:
    """What hooks made of packets so far. All shares are upper bounds, which is enough: a packet is
    surely allowed if nothing may deny it, and surely denied if nothing of it may be left.

    ``changes`` lead from the packets at the present hook back to those that were sent. ``lost`` is what
    may be denied, by what. ``kept`` is what hooks accepted, one entry for each hook in their order, and
    ``passed`` what the last hook left undecided. ``doubts`` are packets of which nobody can tell.
    """

    changes: tuple[Change, ...] = ()
    lost: tuple[Share[Cause], ...] = ()
    kept: tuple[tuple[Share[Cause], ...], ...] = ()
    passed: tuple[Share[Cause], ...] = ()
    doubts: tuple[Share[Doubts], ...] = ()

    def sent(self, packets: HeaderSpace, since: int = 0) -> HeaderSpace:
        """What *packets* of the present hook may have been before the changes from *since* on."""
        return reduce(
            lambda after, change: change.undone(after), reversed(self.changes[since:]), packets
        )

    def changed(self, change: Change) -> Ledger:
        """The ledger after *change*."""
        return replace(self, changes=(*self.changes, change))

    def judged(self, partition: Partition, doubts: Callable[[], Doubts], *, beside: bool) -> Ledger:
        """The ledger after a hook; *doubts* says why a packet may have one fate there or another.

        *beside* says that hooks of the same node may have accepted the packet before this one.
        """
        shares = [
            (part, Share(part.cause, self.sent(part.space.may)))
            for part in partition.parts
            if part.space.may
        ]
        lost = tuple(share for part, share in shares if part.decision is Decision.DENY)
        kept = tuple(share for part, share in shares if _accepts(part))
        passed = tuple(
            share
            for part, share in shares
            if part.decision is not Decision.DENY and not _accepts(part)
        )
        is_certain = not self.changes and all(part.space.is_exact for part in partition.parts)
        told = self
        if lost and (kept or passed) and not is_certain:
            family = partition.live.may.family
            gone = HeaderSpace.union_all(family, (one.space for one in lost))
            rest = HeaderSpace.union_all(family, (one.space for one in (*kept, *passed)))
            told = self.doubted(gone & rest, doubts())
        return replace(
            told,
            lost=(*self.lost, *lost),
            kept=self._kept_with(kept, beside=beside) if kept else self.kept,
            passed=passed or self.passed,
        )

    def _kept_with(
        self, shares: tuple[Share[Cause], ...], *, beside: bool
    ) -> tuple[tuple[Share[Cause], ...], ...]:
        """``kept`` with what one more hook accepts.

        After a rewriting that nobody can foretell, the same packet as it was sent may be accepted by this
        hook or by one before: then either may have decided.
        """
        if beside and self.changes and self.kept:
            return (*self.kept[:-1], (*self.kept[-1], *shares))
        return (*self.kept, shares)

    def refused(self, packets: HeaderSpace, cause: Cause) -> Ledger:
        """The ledger after all of *packets* were dropped."""
        return replace(self, lost=(*self.lost, Share(cause, self.sent(packets))))

    def accepted(self, packets: HeaderSpace, cause: Cause, *, beside: bool = False) -> Ledger:
        """The ledger after all of *packets* were accepted; *beside* is as in `judged`."""
        share = Share(cause, self.sent(packets))
        return replace(self, kept=self._kept_with((share,), beside=beside))

    def left_alone(self, packets: HeaderSpace, cause: Cause) -> Ledger:
        """The ledger after nothing was decided of *packets*."""
        return replace(self, passed=(Share(cause, self.sent(packets)),))

    def behind(self, packets: HeaderSpace, carrier: Ledger) -> Ledger:
        """The ledger after *packets* shared the fate of the one packet that *carrier* tells of."""
        sent = self.sent(packets)

        def shared(shares: Iterable[Share[Cause]]) -> tuple[Share[Cause], ...]:
            return tuple(Share(cause, sent) for cause in dict.fromkeys(one.label for one in shares))

        if carrier.lost:
            return replace(self, lost=(*self.lost, *shared(carrier.lost)))
        return replace(self, kept=(*self.kept, *map(shared, carrier.kept[-1:])))

    def doubted(self, sent: HeaderSpace, reasons: Doubts) -> Ledger:
        """The ledger after it turned out that nobody can tell of the packets *sent*."""
        if not sent or not reasons:
            return self
        return replace(self, doubts=(*self.doubts, Share(reasons, sent)))

    def fates(self, sent: HeaderSpace, live: HeaderSpace) -> tuple[HeaderSpace, ...]:
        """Those of *sent* that are surely allowed, surely denied, and neither; *live* may be left."""
        left = self.sent(live) & sent
        family = sent.family
        risky = HeaderSpace.union_all(
            family,
            (one.space for one in chain[Share[Cause] | Share[Doubts]](self.lost, self.doubts)),
        )
        unknown = left & risky
        return left - unknown, sent - left, unknown

    def outcomes(self, sent: HeaderSpace, live: HeaderSpace) -> Iterator[Outcome]:
        """What became of *sent*, of which *live* may be left at the end: disjoint, and all of it."""
        allowed, denied, unknown = self.fates(sent, live)
        for space, causes in self._deciders(allowed):
            yield Outcome(Disposition.ALLOWED, space, causes)
        for space, causes in cells(denied, self.lost):
            yield Outcome(Disposition.DENIED, space, causes)
        for space, reasons in cells(unknown, self.doubts):
            why = tuple(dict.fromkeys(chain.from_iterable(reasons)))
            for part, causes in cells(space, self.lost):
                yield Outcome(Disposition.UNKNOWN, part, causes, why)

    def accepters(self, allowed: HeaderSpace) -> Iterator[Share[Cause]]:
        """What decided last that *allowed* may pass: the last hook that accepts, else the last at all."""
        for space, causes in self._deciders(allowed):
            yield from (Share(cause, space) for cause in causes)

    def joined(
        self, live: HeaderSpace, ways: Sequence[tuple[Ledger, HeaderSpace]], doubt: str
    ) -> Ledger:
        """The ledger after *live* packets went one of *ways*, nobody knows which: *doubt* says what decides.

        Each way is its ledger and what may be left of the packets there.
        """
        sent = self.sent(live)
        fates = [ledger.fates(sent, left) for ledger, left in ways]
        alike = HeaderSpace.union_all(
            sent.family, (reduce(and_, spaces) for spaces in zip(*fates, strict=True))
        )
        ledgers = [ledger for ledger, _ in ways]
        deciders = tuple(
            share for ledger, left in ways for share in ledger.accepters(ledger.sent(left))
        )
        accepts = any(len(one.kept) > len(self.kept) for one in ledgers)
        lost = chain.from_iterable(one.lost[len(self.lost) :] for one in ledgers)
        doubts = chain.from_iterable(one.doubts[len(self.doubts) :] for one in ledgers)
        joined = replace(
            self,
            lost=(*self.lost, *lost),
            kept=(*self.kept, deciders) if accepts else self.kept,
            passed=self.passed if accepts else deciders,
            doubts=(*self.doubts, *doubts),
        )
        return joined.doubted(sent - alike, (doubt,))

    def _deciders(self, allowed: HeaderSpace) -> Iterator[tuple[HeaderSpace, tuple[Cause, ...]]]:
        rest = allowed
        for shares in reversed(self.kept):
            if not rest:
                return
            taken = rest & HeaderSpace.union_all(rest.family, (one.space for one in shares))
            yield from cells(taken, shares)
            rest = rest - taken
        yield from cells(rest, self.passed)


def _accepts(part: Part) -> bool:
    """Whether something accepts: more than that nothing denies."""
    return part.decision is Decision.ALLOW and part.cause.reason is not Reason.DEFAULT_ACTION


BLANK = Ledger()
"""The ledger of packets that have met nothing yet."""


def cells(
    space: HeaderSpace, shares: Sequence[Share[L]]
) -> Iterator[tuple[HeaderSpace, tuple[L, ...]]]:
    """*space* cut where shares end: each cell with the labels of all shares that it is in.

    O(shares) where they do not overlap.
    """
    if not space:
        return
    found: list[tuple[HeaderSpace, tuple[L, ...]]] = []
    rest = space
    for label, whole in _by_label(space, shares):
        fresh = whole & rest
        shared = whole - fresh
        if shared:
            found = list(_split(found, label, shared))
        if fresh:
            found.append((fresh, (label,)))
            rest = rest - fresh
    yield from found
    if rest:
        yield rest, ()


def _by_label(space: HeaderSpace, shares: Iterable[Share[L]]) -> Iterator[tuple[L, HeaderSpace]]:
    """The part of *space* that each label has, without those that have none."""
    by_label: dict[L, list[HeaderSpace]] = {}
    for share in shares:
        by_label.setdefault(share.label, []).append(share.space)
    for label, spaces in by_label.items():
        part = HeaderSpace.union_all(space.family, spaces) & space
        if part:
            yield label, part


def _split(
    found: Iterable[tuple[HeaderSpace, tuple[L, ...]]], label: L, shared: HeaderSpace
) -> Iterator[tuple[HeaderSpace, tuple[L, ...]]]:
    for space, labels in found:
        inside, outside = space & shared, space - shared
        if inside:
            yield inside, (*labels, label)
        if outside:
            yield outside, labels
