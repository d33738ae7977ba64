"""What a run found: flows by disposition, disagreements in words, and which rules came to decide."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.policy.trace import Trace
    from tests.reference.policies import Raw

Cell = tuple[str, str, str]
"""A hook with its direction, an action, and a criterion of a rule."""
HOOKS = (
    "untracked ingress",
    "untracked egress",
    "preDNAT ingress",
    "forward ingress",
    "forward egress",
    "normal ingress",
    "normal egress",
    "workload ingress",
    "workload egress",
)
_NAMED = (
    (re.compile(r"\S+ port \d+"), "an address"),
    (re.compile(r"Service \S+/\S+"), "a Service"),
)
"""What reasons name of a world, and what stands for it where they are counted."""
ACTIONS = ("Allow", "Deny", "Pass", "Log")
_OF_RULE = ("ipVersion", "protocol", "notProtocol", "icmp", "notICMP")
_OF_SIDE = (
    "nets",
    "notNets",
    "selector",
    "notSelector",
    "namespaceSelector",
    "serviceAccounts",
    "ports",
    "notPorts",
    "services",
)
FIELDS = (
    "none",
    *_OF_RULE,
    *(f"{side}.{name}" for side, name in product(("source", "destination"), _OF_SIDE)),
)


IMPOSSIBLE = {
    **{
        (hook, f"{near}.services"): "the API server refuses services on the near side of a rule"
        for hook in HOOKS
        for near in ["destination" if hook.endswith("ingress") else "source"]
    },
    ("normal ingress", "destination.serviceAccounts"): "the host's own address is no pod's",
    ("normal egress", "source.serviceAccounts"): "a host's process sends from no pod's address",
    ("untracked egress", "source.serviceAccounts"): "a host's process sends from no pod's address",
}
"""Hook and criterion of which no rule can match, with any action, and why."""


def cells() -> Iterator[Cell]:
    """Every cell that can be."""
    for hook, action, name in product(HOOKS, ACTIONS, FIELDS):
        if (hook, name) not in IMPOSSIBLE:
            yield hook, action, name


def criteria(rule: Raw) -> list[str]:
    """The criteria of a rule, or "none"."""
    found = [name for name in _OF_RULE if name in rule]
    found += [
        f"{side}.{name}"
        for side in ("source", "destination")
        for name in _OF_SIDE
        if name in (rule.get(side) or {})
    ]
    return found or ["none"]


def _general(why: str) -> str:
    for pattern, words in _NAMED:
        why = pattern.sub(words, why)
    return why


@dataclass(slots=True)
class Tally:
    """Counts over the worlds of a run."""

    worlds: int = 0
    dispositions: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    hooks: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    """Why the trace says that it does not know, of flows of which the model does."""
    cells: Counter[Cell] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)
    """Each begins with the number of its world."""
    mended: list[int] = field(default_factory=list)
    """Worlds that differed when an earlier part of the run tried them, and do not any more."""

    def count(self, flow: Raw, answer: Trace, expected: str) -> None:
        """Count one flow, the hooks that it met, and whether the model knows what becomes of it."""
        self.dispositions[answer.disposition.value] += 1
        self.families["IPv6" if ":" in flow["to"]["ip"] else "IPv4"] += 1
        why = [_general(one) for one in answer.unknown[:1]]
        self.unknown.update(why)
        if expected != "unknown":
            self.withheld.update(why)
        self.hooks.update(
            f"{one.hook.value} {one.direction.value} {one.verdict.value}" for one in answer.stages
        )

    def add(self, other: Tally) -> None:
        """Count what another run found, too."""
        self.worlds += other.worlds
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            mine.update(theirs)
        self.differing += other.differing
        self.mended += other.mended

    def _counters(self) -> tuple[Counter[str] | Counter[Cell], ...]:
        return self.dispositions, self.families, self.hooks, self.unknown, self.withheld, self.cells

    @classmethod
    def from_json(cls, found: Raw) -> Tally:
        """The counts of an earlier run, as it wrote them."""
        cells: Counter[Cell] = Counter()
        for text, number in found["matches"].items():
            hook, action, name = text.split(" / ")
            cells[hook, action, name] = number
        names = ("dispositions", "families", "hooks", "unknown", "withheld")
        counted = {name: Counter[str](found[name]) for name in names}
        told = {name: list(found.get(name, ())) for name in ("differing", "mended")}
        return cls(found["worlds"], **counted, cells=cells, **told)

    def holes(self) -> list[Cell]:
        """The cells in which no rule matched."""
        return [cell for cell in cells() if not self.cells[cell]]

    def to_json(self) -> dict[str, object]:
        """The numbers, the holes and the disagreements."""
        possible = list(cells())
        return {
            "worlds": self.worlds,
            "flows": self.dispositions.total(),
            "dispositions": dict(sorted(self.dispositions.items())),
            "families": dict(sorted(self.families.items())),
            "hooks": dict(sorted(self.hooks.items())),
            "unknown": dict(sorted(self.unknown.items())),
            "withheld": dict(sorted(self.withheld.items())),
            "cells": {"possible": len(possible), "met": len(possible) - len(self.holes())},
            "matches": {
                " / ".join(cell): self.cells[cell] for cell in possible if self.cells[cell]
            },
            "holes": [" / ".join(cell) for cell in self.holes()],
            "disagreements": len(self.differing),
            "differing": self.differing[:50],
            "mended": self.mended,
        }
