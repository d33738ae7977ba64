"""Which packets to a node port nobody decides, at one entry of a node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from service.model.rule import port_numbers
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in
from service.policy.cause import Decision, Reason
from service.policy.partition import Part, Partition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.net.prefixes import Prefix
    from service.policy.cause import Cause
    from service.policy.convert import PolicyRule
    from service.policy.entries import Entry
    from service.policy.world import World

_ALL_PORTS = IntervalSet.of((1, 65535))


class Served(Enum):
    """Who answers at a port, and so which policy sees its packets."""

    BEHIND_DNAT = "behind DNAT"
    """A Service's backends: untracked and preDNAT policy only."""
    BY_HOST = "by the host"
    """A process of the host, such as kube-proxy's health check: normal policy as well."""


@dataclass(frozen=True, slots=True)
class Guarding:
    """What the guards of one entry make of packets to an opening.

    ``harm`` are those that no rule decides, ``let_through`` those that a rule lets pass on purpose.
    ``allow_all`` are the parts of Allow rules that bound nothing: their packets count as harm.
    """

    entry: Entry
    partition: Partition
    harm: Bounds
    let_through: Bounds
    allow_all: tuple[Part, ...] = ()

    def within(self, packets: Bounds) -> Guarding:
        """What the guards make of *packets* alone, without asking them again."""
        return replace(
            self,
            partition=_within(self.partition, packets),
            harm=self.harm & packets,
            let_through=self.let_through & packets,
            allow_all=_cut(self.allow_all, packets),
        )


def guarding(
    world: World, entry: Entry, live: Bounds, *, served: Served, trusted: tuple[Prefix, ...]
) -> Guarding:
    """What the guards of *entry* make of *live* packets, of those that are sent to its addresses."""
    judge = entry.gate.to_host if served is Served.BY_HOST else entry.gate.guard
    here = Bounds.exact(HeaderSpace.box(entry.family, {Field.DST: entry.addresses}))
    partition = _within(judge(world, live), here)
    family = entry.family
    allow_all = tuple(
        part for part in partition.of(Decision.ALLOW) if not is_decision(world, part.cause)
    )
    decided = (part for part in partition.of(Decision.ALLOW) if part not in allow_all)
    undecided = _as_undecided(partition, allow_all).bounds(Decision.UNDECIDED)
    spared = Bounds.union_all(family, (part.space for part in partition.spared))
    ranges = addresses_in(trusted, family)
    harmless = Bounds.exact(HeaderSpace.box(family, {Field.SRC: ranges}))
    return Guarding(
        entry,
        partition,
        harm=undecided - spared - harmless,
        let_through=Bounds.union_all(family, (part.space for part in decided))
        | (undecided & spared),
        allow_all=allow_all,
    )


def _as_undecided(partition: Partition, parts: tuple[Part, ...]) -> Partition:
    """*partition* with *parts* of it counted as undecided."""
    counted = (
        replace(part, decision=Decision.UNDECIDED) if part in parts else part
        for part in partition.parts
    )
    return replace(partition, parts=tuple(counted))


def policeable(world: World, node: str) -> bool:
    """Whether Calico can police the node at all: Windows knows no host endpoints."""
    known = world.nodes.get(node)
    return known is None or known.os != "windows"


def _within(partition: Partition, packets: Bounds) -> Partition:
    """*partition* for the packets that are in *packets* too."""
    return Partition(
        partition.live & packets,
        _cut(partition.parts, packets),
        _cut(partition.spared, packets),
    )


def _cut(parts: Iterable[Part], packets: Bounds) -> tuple[Part, ...]:
    """The *parts* that have some of *packets*, with those alone."""
    spaces = ((part, part.space & packets) for part in parts)
    return tuple(
        replace(part, space=space, unknown=() if space.is_exact else part.unknown)
        for part, space in spaces
        if space.may
    )


def rule_of(world: World, cause: Cause) -> PolicyRule | None:
    """The rule that a cause names; None where no rule decided."""
    if cause.reason is not Reason.RULE or cause.policy is None or cause.rule is None:
        return None
    return world.policy(cause.policy).rules(cause.direction)[cause.rule]


def is_decision(world: World, cause: Cause) -> bool:
    """Whether an Allow is one that somebody made: its rule bounds the source, or protocol and port.

    What a profile or a default lets pass is nobody's decision; a failsafe port neither.
    """
    rule = rule_of(world, cause)
    return rule is not None and (bounds_source(rule) or bounds_port(rule))


def bounds_source(rule: PolicyRule) -> bool:
    """Whether a rule says whose packets it means; a /0 says nothing."""
    entity = rule.rule.source
    if entity.nets and all(net.length == 0 for net in entity.nets):
        return bool(entity.not_nets) or rule.source.positive is not None
    return bool(
        entity.nets
        or entity.not_nets
        or entity.services
        or rule.source.positive is not None
        or rule.source.negative is not None
    )


def bounds_port(rule: PolicyRule) -> bool:
    """Whether a rule says which protocol and which destination ports it means."""
    ports = rule.rule.destination.ports
    if rule.rule.protocol is None or not ports:
        return False
    if any(port.name for port in ports):
        return True
    bounded = port_numbers(ports)
    return bool(_ALL_PORTS - bounded)
