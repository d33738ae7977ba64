"""Which packets to a node port nobody decides: asked once per class of nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, cast

from service.model.selector import parse
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in
from service.policy.cause import Decision, Direction, Hook, Reason
from service.policy.entries import Entry, entries, families
from service.policy.partition import Part, Partition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.checks.settings import CheckSettings
    from service.net.prefixes import Family
    from service.policy.cause import Cause
    from service.policy.convert import PolicyRule
    from service.policy.hooks import Chain
    from service.policy.world import World

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

        O(nodes), once per world and setting.
        """
        exposed, answering = self.settings.nodes_exposed, self.settings.node_port_addresses
        key = ("node classes", exposed, answering, family)
        if key not in self.world.memo:
            self.world.memo[key] = self._classes(family)
        return cast("tuple[NodeClass, ...]", self.world.memo[key])

    def _classes(self, family: Family) -> tuple[NodeClass, ...]:
        members: dict[object, list[str]] = {}
        for node in self.nodes():
            known = families(self.world, node)
            if not known or family in known:
                members.setdefault(self._likeness(node, family), []).append(node)
        return tuple(
            NodeClass(family, tuple(nodes), self.ways_in(nodes[0], family), likeness)
            for likeness, nodes in members.items()
        )

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
        asks = any(chain is not None and _tests_destination(chain) for chain in chains)
        return (
            tuple(id(chain) for chain in chains),
            entry.assumed,
            entry.gate.named is None and entry.gate.wildcard is None,
            entry.addresses if asks else None,
        )

    def guarding(self, entry: Entry, live: Bounds, served: Served = Served.BEHIND_DNAT) -> Guarding:
        """What the guards of *entry* make of *live* packets, of those that are sent to its addresses."""
        judge = entry.gate.to_host if served is Served.BY_HOST else entry.gate.guard
        partition = _restricted(judge(self.world, live), entry.addresses)
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


def _tests_destination(chain: Chain) -> bool:
    """Whether any rule of the chain asks where the packet goes, so that alike nodes may differ."""
    return any(
        rule.tests_destination
        for tier in chain.tiers
        for policy in tier.policies
        for rule in policy.rules(chain.direction)
    )


def _restricted(partition: Partition, addresses: IntervalSet) -> Partition:
    """*partition* for the packets that are sent to *addresses* only."""
    family = partition.live.may.family
    here = Bounds.exact(HeaderSpace.box(family, {Field.DST: addresses}))

    def narrowed(parts: Iterable[Part]) -> tuple[Part, ...]:
        cut = (Part(part.decision, part.cause, part.space & here, part.unknown) for part in parts)
        return tuple(part for part in cut if part.space.may)

    return Partition(partition.live & here, narrowed(partition.parts), narrowed(partition.spared))


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
    bounded = IntervalSet.of(*((port.lo, port.hi) for port in ports))
    return bool(_ALL_PORTS - bounded)
