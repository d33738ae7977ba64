"""The answer of reach: parts of a question's flows, as values, as JSON and as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.net.flow import protocol_name
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import cidrs
from service.policy.cause import Reason
from service.policy.stages import Disposition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.net.prefixes import Family
    from service.policy.cause import Cause
    from service.policy.flow_query import FlowQuery, Via
    from service.policy.question import Question
    from service.policy.senders import SenderKind

_NAMES = {
    Field.SRC: "from",
    Field.SRC_PORT: "src_port",
    Field.DST: "to",
    Field.DST_PORT: "port",
    Field.ICMP_TYPE: "icmp_type",
    Field.ICMP_CODE: "icmp_code",
}
_ADDRESSES = frozenset({Field.SRC, Field.DST})
_MANY = 6
"""So many values of a field are told to people; JSON has all of them."""

Box = dict[str, list[str]]
"""Values by field: every combination of them is meant, and a field that is not there may have any that
the question leaves open."""


@dataclass(frozen=True, slots=True)
class Origin:
    """From where packets come: ``vias`` are where those from outside enter, () where they are sent to.

    ``nodes`` are those whose processes send, () where the source address tells.
    """

    kind: SenderKind
    vias: tuple[Via, ...] = ()
    nodes: tuple[str, ...] = ()
    doubt: str = ""

    def to_json(self) -> dict[str, object]:
        """The origin as JSON: lists are there only where they tell something."""
        told: dict[str, object] = {"kind": self.kind.value}
        if self.vias:
            told["via"] = [
                {"node": via.node, **({"interface": via.interface} if via.interface else {})}
                for via in self.vias
            ]
        if self.nodes:
            told["nodes"] = list(self.nodes)
        return told

    def __str__(self) -> str:
        vias = ", ".join(f"{via.node} {via.interface}".rstrip() for via in self.vias)
        nodes = ", ".join(self.nodes)
        return " ".join(filter(None, (self.kind.value, f"via {vias}" if vias else "", nodes)))


@dataclass(frozen=True, slots=True)
class ReachPart:
    """Flows of one origin that have one fate for one cause, and one of them that a trace can follow.

    ``asked`` are all flows of that origin in the question. ``causes`` are what decides: several where
    nobody knows which. ``unknown`` says what is not known.
    """

    origin: Origin
    disposition: Disposition
    space: HeaderSpace
    asked: HeaderSpace
    causes: tuple[Cause, ...]
    unknown: tuple[str, ...] = ()
    witness: FlowQuery | None = None

    def boxes(self) -> list[Box]:
        """The flows as disjoint boxes, in which a field is left out that is as open as in the question."""
        return list(boxes(self.space, self.asked))

    def to_json(self) -> dict[str, object]:
        """The part as JSON."""
        return {
            "disposition": self.disposition.value,
            "family": int(self.space.family),
            "origin": self.origin.to_json(),
            "flows": self.boxes(),
            "causes": [cause_json(cause) for cause in self.causes],
            "unknown": list(self.unknown),
            "witness": self.witness.to_json() if self.witness else None,
        }

    def to_text(self) -> str:
        """The part on a few lines: what decides, the flows, and what is not known."""
        why = " or ".join(map(cause_text, self.causes)) or "nothing that is known"
        head = f"{self.disposition}, IPv{self.space.family.value} from {self.origin}: {why}"
        flows = (f"    {one}" for one in boxes_text(self.space, self.asked))
        return "\n".join((head, *flows, *(f"    unknown: {one}" for one in self.unknown)))


@dataclass(frozen=True, slots=True)
class Reach:
    """The answer to a question. The parts are disjoint among those of one origin, and all of its packets.

    ``unresolved`` are things that the question means and that have no address that is known: they are
    neither allowed nor denied.
    """

    question: Question
    parts: tuple[ReachPart, ...]
    unresolved: tuple[str, ...] = ()

    def space(self, family: Family, *dispositions: Disposition) -> HeaderSpace:
        """The flows of *family* that have one of *dispositions*, be it from one origin only."""
        spaces = (
            part.space
            for part in self.parts
            if part.space.family is family and part.disposition in dispositions
        )
        return HeaderSpace.union_all(family, spaces)

    def permitted(self, family: Family) -> Bounds:
        """The bounds of the flows of *family* that get through, each from some origin."""
        must = self.space(family, Disposition.ALLOWED)
        return Bounds(must, must | self.space(family, Disposition.UNKNOWN))

    def to_json(self) -> dict[str, object]:
        """The answer as JSON."""
        return {
            "question": dict(self.question.raw),
            "parts": [part.to_json() for part in self.parts],
            "unresolved": list(self.unresolved),
        }

    def to_text(self) -> str:
        """The answer for people."""
        return "\n".join(
            (
                *(part.to_text() for part in self.parts),
                *(f"unknown: {why}" for why in self.unresolved),
            )
        )


def cause_json(cause: Cause) -> dict[str, object]:
    """What decided, as JSON."""
    return {
        "reason": cause.reason.value,
        "hook": cause.hook.value,
        "direction": cause.direction.value,
        "tier": cause.tier,
        "policy": str(cause.policy) if cause.policy else "",
        "rule": cause.rule,
        "location": str(cause.location) if cause.location else "",
        "note": cause.note,
    }


def cause_text(cause: Cause) -> str:
    """What decided, and at which hook."""
    at = f"{cause.hook} {cause.direction}"
    if cause.reason in {Reason.RULE, Reason.END_OF_TIER}:
        return f"{cause} at {at}"
    return f"{cause.note or cause} at {at}"


def boxes(space: HeaderSpace, asked: HeaderSpace) -> Iterator[Box]:
    """*space* as disjoint boxes that name only what they ask beyond *asked*.

    Those that differ in nothing but their protocols are one.
    """
    merged: dict[tuple[tuple[Field, IntervalSet], ...], list[IntervalSet]] = {}
    everything = IntervalSet.of((0, Field.PROTOCOL.top(space.family)))
    for box in space.boxes():
        protocols = box.get(Field.PROTOCOL, everything) & asked.project(Field.PROTOCOL)
        meant = asked.restrict(Field.PROTOCOL, protocols)
        rest: tuple[tuple[Field, IntervalSet], ...] = tuple(
            (field, values & meant.project(field))
            for field, values in sorted(box.items())
            if field is not Field.PROTOCOL and not meant.project(field) <= values
        )
        merged.setdefault(rest, []).append(protocols)
    for rest, sets in merged.items():
        protocols = IntervalSet.union_all(sets)
        told: Box = {}
        if protocols != asked.project(Field.PROTOCOL):
            told["protocol"] = list(_protocols(protocols))
        for field, values in rest:
            told[_NAMES[field]] = _values(space.family, field, values)
        yield told


def boxes_text(space: HeaderSpace, asked: HeaderSpace) -> Iterator[str]:
    """As `boxes`, each on a line for people."""
    return (box_text(box, _ends(box)) for box in boxes(space, asked))


def _values(family: Family, field: Field, values: IntervalSet) -> list[str]:
    if field in _ADDRESSES:
        return [text.removesuffix(f"/{family.bits}") for text in cidrs(family, values)]
    return [str(lo) if lo == hi else f"{lo}-{hi}" for lo, hi in values]


def _protocols(values: IntervalSet) -> Iterator[str]:
    """Protocols by name, where they stand alone."""
    for lo, hi in values:
        if hi - lo < _MANY:
            yield from (protocol_name(number) for number in range(lo, hi + 1))
        else:
            yield f"{lo}-{hi}"


def box_text(box: Box, ends: str = "") -> str:
    """A box on a line for people; *ends* stands between its protocols and the rest."""
    words = [_listed(box, "protocol") or "any", ends]
    for name, word in (
        ("port", "port"),
        ("src_port", "source port"),
        ("icmp_type", "ICMP type"),
        ("icmp_code", "ICMP code"),
    ):
        if name in box:
            words.append(f"{word} {_listed(box, name)}")
    return " ".join(filter(None, words))


def _ends(box: Box) -> str:
    return f"{_listed(box, 'from') or 'any'} -> {_listed(box, 'to') or 'any'}"


def _listed(box: Box, name: str) -> str:
    values = box.get(name, [])
    more = f" and {len(values) - _MANY} more" if len(values) > _MANY else ""
    return ", ".join(values[:_MANY]) + more
