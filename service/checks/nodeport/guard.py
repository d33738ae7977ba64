"""Which packets to a node port nobody decides: asked once per class of nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, TypeVar, cast

from service.model.rule import port_numbers
from service.model.selector import parse
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in
from service.policy.cause import Decision, Direction, Hook, Reason
from service.policy.entries import Entry, entries, families
from service.policy.facts import Facts
from service.policy.partition import Part, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.checks.settings import CheckSettings
    from service.net.prefixes import Family
    from service.policy.cause import Cause
    from service.policy.convert import PolicyRule
    from service.policy.hooks import Chain
    from service.policy.world import World

T = TypeVar("T")

_HOOKS = (Hook.UNTRACKED, Hook.PRE_DNAT)
_ALL_PORTS = IntervalSet.of((1, 65535))


class Served(Enum):
    """Who answers at a port, and so which policy sees its packets."""

    BEHIND_DNAT = "behind DNAT"
    """A Service's backends: untracked and preDNAT policy only."""
    BY_HOST = "by the host"
    """A process of the host, such as kube-proxy's health check: normal policy as well."""


@dataclass(frozen=True, slots=True)
class NodeClass:
    """Nodes on which a question about node ports has one answer, and the entries of the first of them.

    ``likeness`` is what they agree in: where it is equal in two worlds of the same addresses, so is the
    answer.
    """

    family: Family
    nodes: tuple[str, ...]
    entries: tuple[Entry, ...]
    likeness: object


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


@dataclass(frozen=True, slots=True)
class Judge:
    """The guards of one world's nodes, by the owner's settings."""

    world: World
    settings: CheckSettings

    def nodes(self) -> tuple[str, ...]:
        """The nodes that the setting ``nodes.exposed`` names; one without Node object always counts."""
        if not self.settings.nodes_exposed:
            return self.world.node_names
        selector = parse(self.settings.nodes_exposed)
        return tuple(
            name
            for name in self.world.node_names
            if name not in self.world.nodes or selector.matches(self.world.nodes[name].meta.labels)
        )

    def classes(self, family: Family) -> tuple[NodeClass, ...]:
        """The exposed nodes that have *family*, in classes, each in order of name.

        Once per policies and setting: O(kinds of nodes), and O(nodes) where a chain tests addresses.
        """
        return self._kept(Facts.POLICY, ("node classes", family), lambda: self._classes(family))

    def _classes(self, family: Family) -> tuple[NodeClass, ...]:
        members: dict[object, list[str]] = {}
        for nodes, likeness in self.likenesses(family).items():
            members.setdefault(likeness, []).extend(nodes)
        return tuple(
            NodeClass(family, tuple(sorted(nodes)), self.ways_in(nodes[0], family), likeness)
            for likeness, nodes in members.items()
        )

    def likenesses(self, family: Family) -> Mapping[tuple[str, ...], object]:
        """The likeness of each group of exposed nodes, as small as what tells the groups apart."""
        return self._kept(Facts.POLICY, ("likenesses", family), lambda: self._likenesses(family))

    def _likenesses(self, family: Family) -> dict[tuple[str, ...], object]:
        found: dict[tuple[str, ...], object] = {}
        for nodes in self._kinds(family):
            if self._asks_for_addresses(nodes[0], family):
                found |= {(node,): self._likeness(node, family) for node in nodes}
            else:
                found[nodes] = self._likeness(nodes[0], family)
        return found

    def _kinds(self, family: Family) -> tuple[tuple[str, ...], ...]:
        """The exposed nodes that have *family*, grouped by all that policy can tell apart but addresses."""
        key = ("kinds of nodes", family, self.world.labels_that_matter)
        return self._kept(Facts.LIKENESS, key, lambda: self._group(family))

    def _group(self, family: Family) -> tuple[tuple[str, ...], ...]:
        groups: dict[object, list[str]] = {}
        for node in self.nodes():
            known = families(self.world, node)
            if not known or family in known:
                ways = (_gate_likeness(self.world, one) for one in self.ways_in(node, family))
                groups.setdefault((policeable(self.world, node), *ways), []).append(node)
        return tuple(map(tuple, groups.values()))

    def _kept(self, kind: Facts, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """A fact of the world by the settings that choose entries, worked out once."""
        store = self.world.facts(kind)
        whole = (*key, self.settings.nodes_exposed, self.settings.node_port_addresses)
        if whole not in store:
            store[whole] = make()
        return cast("T", store[whole])

    def ways_in(self, node: str, family: Family) -> tuple[Entry, ...]:
        """The entries of a node at which node ports answer."""
        found = entries(self.world, node, family)
        if not self.settings.node_port_addresses:
            return found
        answering = addresses_in(self.settings.node_port_addresses, family)
        opened = (replace(entry, addresses=entry.addresses & answering) for entry in found)
        return tuple(entry for entry in opened if entry.addresses)

    def _likeness(self, node: str, family: Family) -> object:
        ways = self.ways_in(node, family)
        return (policeable(self.world, node), *(self._entry_likeness(entry) for entry in ways))

    def _entry_likeness(self, entry: Entry) -> object:
        """What entries must agree in to be judged alike: chains, and addresses where rules ask for them."""
        chains = tuple(_chain(self.world, entry, hook) for hook in _HOOKS)
        is_open = entry.gate.named is None and entry.gate.wildcard is None
        addresses = entry.addresses if any(map(_tests_destination, chains)) else None
        return chains, entry.assumed, is_open, addresses

    def _asks_for_addresses(self, node: str, family: Family) -> bool:
        return any(
            _tests_destination(_chain(self.world, entry, hook))
            for entry in self.ways_in(node, family)
            for hook in _HOOKS
        )

    def guarding(self, entry: Entry, live: Bounds, served: Served = Served.BEHIND_DNAT) -> Guarding:
        """What the guards of *entry* make of *live* packets, of those that are sent to its addresses."""
        judge = entry.gate.to_host if served is Served.BY_HOST else entry.gate.guard
        here = Bounds.exact(HeaderSpace.box(entry.family, {Field.DST: entry.addresses}))
        partition = _within(judge(self.world, live), here)
        family = entry.family
        allow_all = tuple(
            part for part in partition.of(Decision.ALLOW) if not is_decision(self.world, part.cause)
        )
        decided = (part for part in partition.of(Decision.ALLOW) if part not in allow_all)
        undecided = _as_undecided(partition, allow_all).bounds(Decision.UNDECIDED)
        spared = Bounds.union_all(family, (part.space for part in partition.spared))
        ranges = addresses_in(self.settings.trusted, family)
        trusted = Bounds.exact(HeaderSpace.box(family, {Field.SRC: ranges}))
        return Guarding(
            entry,
            partition,
            harm=undecided - spared - trusted,
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


def _chain(world: World, entry: Entry, hook: Hook) -> Chain | None:
    endpoint = entry.gate.endpoint(world, hook)
    return None if endpoint is None else world.chain(endpoint, hook, Direction.INGRESS)


def _gate_likeness(world: World, entry: Entry) -> object:
    ends = (entry.gate.named, entry.gate.wildcard)
    return entry.assumed, tuple(world.likeness(hep) if hep else None for hep in ends)


def _tests_destination(chain: Chain | None) -> bool:
    """Whether any rule of the chain asks where the packet goes, so that alike nodes may differ."""
    return chain is not None and any(
        rule.tests_destination
        for tier in chain.tiers
        for policy in tier.policies
        for rule in policy.rules(chain.direction)
    )


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
