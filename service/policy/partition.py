"""What a hook makes of a set of packets: parts, each with its decision and its cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.net.headerspace import Bounds, HeaderSpace
from service.policy.cause import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from service.policy.cause import Cause


@dataclass(frozen=True, slots=True)
class Part:
    """The packets that one cause decides: surely those of ``space.must``, at most those of ``may``.

    ``unknown`` says what would have to be known for the two to be one.
    """

    decision: Decision
    cause: Cause
    space: Bounds
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Partition:
    """The decisions over the packets that arrive (``live``). Every packet of ``live`` is in some part."""

    live: Bounds
    parts: tuple[Part, ...]
    spared: tuple[Part, ...] = ()
    """Packets that reached a Deny rule and are in its source's exceptions; another part has their fate."""

    def of(self, *decisions: Decision) -> Iterator[Part]:
        """The parts with one of *decisions*."""
        return (part for part in self.parts if part.decision in decisions)

    def may(self, *decisions: Decision) -> HeaderSpace:
        """The packets that may end with one of *decisions*."""
        return HeaderSpace.union_all(
            self.live.may.family, (part.space.may for part in self.of(*decisions))
        )

    def must(self, *decisions: Decision) -> HeaderSpace:
        """The packets that arrive and can end with none but one of *decisions*, whichever part it is."""
        others = tuple(decision for decision in Decision if decision not in decisions)
        return self.live.must - self.may(*others)

    def bounds(self, *decisions: Decision) -> Bounds:
        """Both bounds of the packets that end with one of *decisions*."""
        if all(part.space.is_exact for part in self.parts):
            return Bounds.exact(self.may(*decisions))
        return Bounds(self.must(*decisions), self.may(*decisions))

    def unknown(self) -> tuple[str, ...]:
        """Everything that was unknown in any part, each once, in order."""
        return tuple(dict.fromkeys(why for part in self.parts for why in part.unknown))

    def then(self, onward: Callable[[Bounds], Partition]) -> Partition:
        """This hook followed by another for what it leaves undecided."""
        undecided = self.bounds(Decision.UNDECIDED)
        decided = tuple(self.of(Decision.ALLOW, Decision.DENY))
        if not undecided.may:
            return Partition(self.live, decided, self.spared)
        doubts = tuple(
            dict.fromkeys(why for part in self.of(Decision.UNDECIDED) for why in part.unknown)
        )
        after = onward(undecided)
        rest = (_doubted(part, doubts) for part in after.parts)
        return Partition(self.live, (*decided, *rest), (*self.spared, *after.spared))


def _doubted(part: Part, doubts: tuple[str, ...]) -> Part:
    """*part*, which is reached only if *doubts* fall that way."""
    if not doubts:
        return part
    unknown = tuple(dict.fromkeys((*doubts, *part.unknown)))
    return Part(part.decision, part.cause, part.space, unknown)


def whole(live: Bounds, decision: Decision, cause: Cause) -> Partition:
    """The partition of one part: everything that arrives has one fate."""
    return Partition(live, (Part(decision, cause, live),))


def undetermined(live: Bounds, cause: Cause, reasons: Iterable[str]) -> Partition:
    """The partition of which nothing is known but *reasons*: any decision is possible for any packet."""
    nothing = HeaderSpace.nothing(live.may.family)
    space = Bounds(nothing, live.may)
    why = tuple(reasons)
    return Partition(live, tuple(Part(decision, cause, space, why) for decision in Decision))
