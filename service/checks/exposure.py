"""Who reaches which node port, node class by node class: a table of facts, without judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.finding import rule_json, witness_json
from service.checks.nodeport.by_failsafe import MAY_PASS, passed_by
from service.checks.nodeport.judge import Judge
from service.checks.nodeport.openings import all_openings, openings, ranges_text
from service.checks.nodeport_unguarded import opening_families
from service.checks.witness import outside_packet
from service.net.flow import protocol_name
from service.net.headerspace import Field, HeaderSpace
from service.net.prefixes import cidrs
from service.policy.cause import Decision
from service.policy.stalls import stalled, stalls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.nodeport.openings import Opening
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json
    from service.model.kinds.k8s_service import Service
    from service.policy.cause import Cause
    from service.policy.entries import Entry
    from service.policy.partition import Part, Partition
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class Exposure:
    """What untracked and preDNAT policy make of packets to an opening at one entry of alike nodes.

    ``stalls`` say why what is written may not be in force on one of them, or be passed by: then nothing is sure.
    """

    opening: Opening
    nodes: tuple[str, ...]
    entry: Entry
    partition: Partition
    stalls: tuple[str, ...] = ()

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What decided, each once, in the order of the parts."""
        return tuple(dict.fromkeys(part.cause for part in self.partition.parts))

    def sources(self, decision: Decision) -> list[str]:
        """The sources of which some packet surely has *decision*, as CIDRs."""
        return [] if self.stalls else _cidrs(self.partition.must(decision))

    def unknown_sources(self) -> list[str]:
        """The sources of which some packet's fate is not known, as CIDRs."""
        known = () if self.stalls else Decision
        sure = (self.partition.must(decision) for decision in known)
        family = self.entry.family
        return _cidrs(self.partition.live.may - HeaderSpace.union_all(family, sure))

    def to_json(self) -> dict[str, Json]:
        """The row of ``GET /v1/exposures``."""
        ref = self.opening.service.meta.ref
        return {
            "service": f"{ref.namespace}/{ref.name}",
            "port": self.opening.name,
            "node_port": ranges_text(self.opening.ports),
            "protocol": protocol_name(self.opening.protocol),
            "family": int(self.entry.family),
            "nodes": [*self.nodes],
            "interface": self.entry.interface,
            "denied": [*self.sources(Decision.DENY)],
            "allowed": [*self.sources(Decision.ALLOW)],
            "undecided": [*self.sources(Decision.UNDECIDED)],
            "unknown_sources": [*self.unknown_sources()],
            "unknown": [*self.stalls, *self.partition.unknown()],
            "rules": [rule_json(cause) for cause in self.causes],
            "parts": [self._part_json(part) for part in self.partition.parts],
        }

    def _part_json(self, part: Part) -> dict[str, Json]:
        """What one cause decides: the sources, and a packet that shows it."""
        witness = outside_packet(part.space.must or part.space.may, self.entry)
        return {
            "decision": part.decision.value,
            "rule": rule_json(part.cause),
            "sources": [*_cidrs(part.space.may)],
            "certain": part.space.is_exact and not self.stalls,
            "witness": witness_json(witness),
        }


def _cidrs(space: HeaderSpace) -> list[str]:
    return cidrs(space.family, space.project(Field.SRC))


def exposures(
    world: World, settings: CheckSettings, only: Service | None = None
) -> Iterator[Exposure]:
    """Every opening, or those of one Service, at every entry, one for nodes that are alike.

    In order of Service and port.
    """
    judge = Judge(world, settings)
    for opening in all_openings(world, settings) if only is None else openings(only, settings):
        for family in opening_families(judge, opening):
            for one in judge.classes(family):
                for entry in one.entries:
                    guarding = judge.guarding(entry, opening.packets(family), opening.served)
                    doubts = [MAY_PASS] if passed_by(world, one.nodes, opening) else []
                    why = tuple(dict.fromkeys((*_stalls(world, one.nodes), *doubts)))
                    yield Exposure(opening, one.nodes, entry, guarding.partition, why)


def _stalls(world: World, nodes: tuple[str, ...]) -> Iterator[str]:
    if stalls(world):
        yield from (why for node in nodes for why in stalled(world, node))
