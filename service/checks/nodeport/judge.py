"""The guards of a cluster's nodes, asked once per class of nodes and per class of ports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, TypeVar, cast

from service.checks.nodeport.guard import Guarding, Served, guarding, policeable
from service.checks.nodeport.intent import intents
from service.model.selector import parse
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in
from service.policy.cause import Direction, Hook
from service.policy.entries import Entry, entries, families
from service.policy.facts import Facts
from service.policy.relevance import ALL_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.checks.nodeport.openings import Opening
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json
    from service.net.prefixes import Family
    from service.policy.hooks import Chain
    from service.policy.relevance import RuleIndex
    from service.policy.world import World

T = TypeVar("T")

_HOOKS = (Hook.UNTRACKED, Hook.PRE_DNAT)
_SEEN_BY = {Served.BEHIND_DNAT: _HOOKS, Served.BY_HOST: (*_HOOKS, Hook.NORMAL)}

_KEPT_ANSWERS = 5_000
"""Answers outlive changes of policy; at so many they are worked out anew, so that they do not fill the memory."""


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
class Everywhere:
    """All nodes of all classes of a family, in order; ``assumed`` are those with an assumed entry."""

    nodes: tuple[str, ...]
    assumed: tuple[str, ...]
    listed: list[Json]
    """The nodes again, as the details of verdicts have them: one list for all, which nobody changes."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the guards of one entry make of the packets to ports that no rule tells apart.

    ``quiet`` says that there is nothing to tell of any of these ports: no harm, no remark. Compared by
    identity: worlds in which the same rules can be met share one.
    """

    guarding: Guarding
    quiet: bool


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

    def everywhere(self, family: Family) -> Everywhere:
        """The nodes of all classes of *family*; worked out once."""
        return self._kept(Facts.POLICY, ("everywhere", family), lambda: self._everywhere(family))

    def _everywhere(self, family: Family) -> Everywhere:
        classes = self.classes(family)
        assumed = (one for one in classes if any(entry.assumed for entry in one.entries))
        nodes = sorted(node for one in classes if one.entries for node in one.nodes)
        listed: list[Json] = [*nodes]
        return Everywhere(
            tuple(nodes), tuple(sorted(node for one in assumed for node in one.nodes)), listed
        )

    def classes(self, family: Family) -> tuple[NodeClass, ...]:
        """The exposed nodes that have *family*, in classes, each in order of name.

        Once per policies and setting: O(kinds of nodes), and O(nodes) where a chain tests addresses.
        """
        return self._kept(Facts.POLICY, ("node classes", family), lambda: self._classes(family))

    def _classes(self, family: Family) -> tuple[NodeClass, ...]:
        members: dict[object, list[tuple[str, ...]]] = {}
        for nodes, likeness in self.likenesses(family).items():
            members.setdefault(likeness, []).append(nodes)
        return tuple(
            NodeClass(family, _merged(groups), self.ways_in(groups[0][0], family), likeness)
            for likeness, groups in members.items()
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
        return tuple(tuple(sorted(nodes)) for nodes in groups.values())

    def _kept(self, kind: Facts, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """A fact of the world by the settings that choose entries, worked out once."""
        store = self.world.facts(kind)
        whole = (*key, self.settings.nodes_exposed, self.settings.node_port_addresses)
        if whole not in store:
            store[whole] = make()
        return cast("T", store[whole])

    def ways_in(self, node: str, family: Family) -> tuple[Entry, ...]:
        """The entries of a node at which node ports answer: the same ones whatever policies there are."""
        return self._kept(
            Facts.LIKENESS, ("ways in", node, family), lambda: self._ways_in(node, family)
        )

    def _ways_in(self, node: str, family: Family) -> tuple[Entry, ...]:
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
        asks = any(chain and self.world.index(chain).tests_destination for chain in chains)
        addresses = entry.addresses if asks else None
        return chains, entry.assumed, is_open, addresses

    def _asks_for_addresses(self, node: str, family: Family) -> bool:
        """Whether any rule asks where the packet goes, so that alike nodes may differ."""
        chains = (
            _chain(self.world, entry, hook)
            for entry in self.ways_in(node, family)
            for hook in _HOOKS
        )
        return any(chain and self.world.index(chain).tests_destination for chain in chains)

    def guarding(self, entry: Entry, live: Bounds, served: Served = Served.BEHIND_DNAT) -> Guarding:
        """What the guards of *entry* make of *live* packets, of those that are sent to its addresses."""
        return guarding(self.world, entry, live, served=served, trusted=self.settings.trusted)

    def answers(self, opening: Opening, family: Family) -> list[tuple[tuple[str, ...], Answer]]:
        """What each way in makes of packets to *opening*, each behind the nodes that have it."""
        ways = self._kept(Facts.POLICY, ("ways", family), lambda: self._ways(family))
        return [(nodes, self.answer(entry, opening)) for nodes, entry in ways]

    def _ways(self, family: Family) -> tuple[tuple[tuple[str, ...], Entry], ...]:
        return tuple((one.nodes, entry) for one in self.classes(family) for entry in one.entries)

    def answer(self, entry: Entry, opening: Opening) -> Answer:
        """What the guards of *entry* make of packets to *opening*, and to ports like it."""
        known = self.memo(Facts.POLICY)
        key = (id(entry), opening.health, opening.protocol)
        asked = known.get(key)
        if asked is None:
            # The memo of entries outlives this one, so that they keep their identity.
            asked = known[key] = self._asked(entry, opening)
        return cast("_Asked", asked).answer(self, opening)

    def _asked(self, entry: Entry, opening: Opening) -> _Asked:
        chains = tuple(
            chain
            for hook in _SEEN_BY[opening.served]
            if (chain := _chain(self.world, entry, hook)) is not None
        )
        listed = self.world.felix(entry.node).failsafe_inbound if chains else ()
        failsafes = IntervalSet.of(
            *((one.port, one.port) for one in listed if one.protocol == opening.protocol)
        )
        indexes = tuple(map(self.world.index, chains))
        felix_ports = IntervalSet.of(*self.world.felix(entry.node).node_port_ranges)
        return _Asked(entry, chains, indexes=indexes, failsafes=failsafes, felix_ports=felix_ports)

    def kept_answer(
        self, entry: Entry, opening: Opening, chains: tuple[Chain, ...], *, ports: IntervalSet
    ) -> Answer:
        """The answer for *ports*, kept for all worlds in which the packets meet the same rules of *chains*."""
        fields = {Field.PROTOCOL: IntervalSet.single(opening.protocol), Field.DST_PORT: ports}
        live = HeaderSpace.box(entry.family, fields)
        contents = tuple(self.world.content(one, live) for one in chains)
        known = self.memo(Facts.FATES)
        key = (id(entry), opening.served, live, *map(id, contents))
        if key not in known:
            if len(known) >= _KEPT_ANSWERS:
                known.clear()
            found = self.guarding(entry, Bounds.exact(live), opening.served)
            quiet = not found.harm.may and next(intents(self, found, opening), None) is None
            # What the key names by identity is kept beside the answer.
            known[key] = (Answer(found, quiet), contents, entry)
        return cast("tuple[Answer, object, object]", known[key])[0]

    def memo(self, kind: Facts) -> dict[object, object]:
        """A store of what rests on facts of *kind* and on all settings, which are kept for their identity."""
        store = self.world.facts(kind)
        key = ("answers", id(self.settings))
        known = store.get(key)
        if known is None:
            known = store[key] = (self.settings, {})
        return cast("tuple[CheckSettings, dict[object, object]]", known)[1]


class _Asked:
    """One entry, asked about the ports of one protocol."""

    def __init__(
        self,
        entry: Entry,
        chains: tuple[Chain, ...],
        *,
        indexes: tuple[RuleIndex, ...],
        failsafes: IntervalSet,
        felix_ports: IntervalSet,
    ) -> None:
        self._entry = entry
        self._chains = chains
        self._indexes = indexes
        self._failsafes = failsafes
        self._felix_ports = felix_ports
        self._by_ports: dict[IntervalSet, Answer] = {}
        self._by_likeness: dict[tuple[int, ...], Answer] = {}

    def answer(self, judge: Judge, opening: Opening) -> Answer:
        """The answer for ports that neither rules nor failsafes tell apart from that of *opening*."""
        ports = opening.ports
        port, last = ports.ranges[0][0], ports.ranges[-1][1]
        if port != last or port in self._failsafes:
            known = self._by_ports.get(ports)
            if known is None:
                known = self._by_ports[ports] = self._kept(judge, opening, ports)
            return known
        alike = [one.alike(opening.protocol, port) for one in self._indexes]
        # Under IPVS, Felix takes a port beyond its own node ports for one of the host's.
        side = self._felix_ports if port in self._felix_ports else ALL_PORTS - self._felix_ports
        key = (
            port in self._felix_ports,
            *map(id, alike),
        )  # the indexes keep one object for all alike
        known = self._by_likeness.get(key)
        if known is None:
            all_ports = reduce(and_, alike, side - self._failsafes)
            known = self._by_likeness[key] = self._kept(judge, opening, all_ports)
        return known

    def _kept(self, judge: Judge, opening: Opening, ports: IntervalSet) -> Answer:
        return judge.kept_answer(self._entry, opening, self._chains, ports=ports)


def _merged(groups: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The nodes of *groups* in order; the very tuple of one that is alone."""
    if len(groups) == 1:
        return groups[0]
    return tuple(sorted(node for nodes in groups for node in nodes))


def _chain(world: World, entry: Entry, hook: Hook) -> Chain | None:
    endpoint = entry.gate.endpoint(world, hook)
    return None if endpoint is None else world.chain(endpoint, hook, Direction.INGRESS)


def _gate_likeness(world: World, entry: Entry) -> object:
    ends = (entry.gate.named, entry.gate.wildcard)
    return entry.assumed, tuple(world.likeness(hep) if hep else None for hep in ends)
