"""What a run has found: numbers by hook and verdict, and every disagreement in words."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.kernel.trial import Outcome


@dataclass(slots=True)
class Tally:
    """Counts over all worlds of a run."""

    worlds: int = 0
    dispositions: Counter[str] = field(default_factory=Counter)
    hooks: dict[str, Counter[str]] = field(default_factory=dict)
    protocols: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    denials: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)

    def add(self, world: str, outcomes: Iterable[Outcome]) -> None:
        """Count the outcomes of one world."""
        self.worlds += 1
        for one in outcomes:
            self.dispositions[one.expected] += 1
            self.protocols[str(one.flow["protocol"])] += 1
            self.families["IPv6" if ":" in one.flow["to"]["ip"] else "IPv4"] += 1
            if not one.agrees:
                self.differing.append(_told(world, one))
            elif one.expected == "unknown":
                self.unknown[one.trace.unknown[0]] += 1
            else:
                self._add_agreed(one)

    def _add_agreed(self, one: Outcome) -> None:
        if one.expected == "denied":
            self.denials[one.denial] += 1
        for stage in one.trace.stages:
            name = f"{stage.hook.value} {stage.direction.value}"
            self.hooks.setdefault(name, Counter())[stage.verdict.value] += 1

    def to_json(self) -> dict[str, object]:
        """The numbers, and the disagreements."""
        return {
            "worlds": self.worlds,
            "packets": self.dispositions.total(),
            "allowed": self.dispositions["allowed"],
            "denied": self.dispositions["denied"],
            "unknown": self.dispositions["unknown"],
            "disagreements": len(self.differing),
            "by_hook": {
                name: dict(sorted(self.hooks[name].items())) for name in sorted(self.hooks)
            },
            "by_protocol": dict(sorted(self.protocols.items())),
            "by_family": dict(sorted(self.families.items())),
            "denied_by": dict(sorted(self.denials.items())),
            "unknown_because": dict(sorted(self.unknown.items())),
            "differing": self.differing,
        }


def _told(world: str, one: Outcome) -> str:
    fate = "allowed, received by" if one.delivered else "denied by"
    where = one.place or "nothing that was seen"
    return f"{world}: {json.dumps(one.flow)}\nkernel: {fate} {where}\n{one.trace.to_text()}"
