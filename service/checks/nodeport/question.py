"""What is asked of an opening, and the remarks that openings with the same answers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.nodeport.openings import ranges_text
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import outside_packet

if TYPE_CHECKING:
    from service.checks.nodeport.guard import Guarding
    from service.checks.nodeport.openings import Opening
    from service.checks.verdict import Json
    from service.net.headerspace import Bounds, HeaderSpace
    from service.net.prefixes import Family
    from service.policy.cause import Cause
    from service.policy.entries import Entry

ID = "nodeport-unguarded"
OPENING = "{opening}"
"""Stands in a piece of advice for the port and protocol that it is about."""
_NODES_SHOWN = 5
_SEVERITIES = {Result.WARN: Severity.MEDIUM, Result.PASS: Severity.INFO}


@dataclass(frozen=True, slots=True)
class Exposed:
    """One way in on some nodes that are alike; ``fresh`` is the part of its harm that counts as new."""

    nodes: tuple[str, ...]
    guarding: Guarding
    fresh: Bounds

    def within(self, packets: Bounds) -> Exposed:
        """The exposure of *packets* alone."""
        return Exposed(self.nodes, self.guarding.within(packets), self.fresh & packets)


@dataclass(frozen=True, slots=True)
class Question:
    """One opening in one family: is it guarded?"""

    opening: Opening
    family: Family
    was_open: Bounds | None = None
    """The packets that the Service's openings took up before a change; None where there is none."""

    @property
    def is_new(self) -> bool:
        """Whether the opening takes up packets that it did not before."""
        return self.was_open is None or bool(self.packets.may - self.was_open.may)

    @property
    def packets(self) -> Bounds:
        """The packets that the question is about."""
        return self.opening.packets(self.family)

    @property
    def subject(self) -> str:
        """The opening in words."""
        ref = self.opening.service.meta.ref
        what = "health-check port" if self.opening.health else "node port"
        return f"{what} {self.opening.label} (IPv{self.family}) of {ref}"


@dataclass(frozen=True, slots=True)
class Shown:
    """Packets of which one is to prove a remark, and the entry by which they come in."""

    packets: HeaderSpace
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What there is to say of an opening, in words that hold for all openings with the same answers.

    ``said`` follows the opening's name; ``space`` and ``shown`` may be about more packets than it has.
    """

    reason: str
    result: Result
    said: str
    details: dict[str, Json]
    severity: Severity | None = None
    advice: str = ""
    key: str = ""
    causes: tuple[Cause, ...] = ()
    unknown: tuple[str, ...] = ()
    shown: Shown | None = None
    space: Bounds | None = None

    def verdict(self, question: Question) -> Verdict:
        """The remark on one opening."""
        opening, packets, shown = question.opening, question.packets, self.shown
        label = opening.label
        named: dict[str, Json] = {
            "port": opening.name,
            "nodePort": ranges_text(opening.ports),
            "protocol": label.split(" ", 1)[0],
            "family": int(question.family),
        }
        return Verdict(
            check=ID,
            subject=opening.service.meta.ref,
            result=self.result,
            severity=self.severity or _SEVERITIES.get(self.result, Severity.HIGH),
            reason=self.reason,
            message=f"{question.subject}{self.said}",
            advice=self.advice.replace(OPENING, label),
            location=opening.service.meta.location,
            key=(label, f"IPv{question.family}", *((self.key,) if self.key else ())),
            witness=outside_packet(shown.packets & packets.may, shown.entry) if shown else None,
            causes=self.causes,
            unknown=self.unknown,
            details=named | self.details,
            space=self.space & packets if self.space else None,
        )


def nodes_text(nodes: tuple[str, ...]) -> str:
    """The first few of *nodes*, and how many more there are."""
    shown = ", ".join(nodes[:_NODES_SHOWN])
    more = len(nodes) - _NODES_SHOWN
    return f"{shown} and {more} more nodes" if more > 0 else shown or "no node"


def some(names: list[str]) -> str:
    """As `nodes_text`, of anything."""
    more = len(names) - _NODES_SHOWN
    return ", ".join(names[:_NODES_SHOWN]) + (f" and {more} more" if more > 0 else "")
