"""Nodes by the gates before their addresses: what policy cannot tell apart is judged once.

Source of a packet's way: felix/rules/static.go; see `service.policy.gates`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, cast

from service.checks.nodeport.guard import policeable
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in
from service.policy.cause import Decision
from service.policy.entries import entries, families, known_addresses
from service.policy.pools import Pools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.checks.settings import CheckSettings
    from service.net.prefixes import Address, Family
    from service.policy.gates import Gate
    from service.policy.partition import Part, Partition
    from service.policy.world import World


_Alike = tuple[frozenset[object], bool]


@dataclass(frozen=True, slots=True)
class Doorway:
    """Addresses of nodes that are behind alike gates; one of *gates* holds, and it is not known which.

    ``is_known`` is false where the addresses are not known: then they are all that may be the nodes'.
    """

    family: Family
    gates: tuple[Gate, ...]
    addresses: IntervalSet
    nodes: tuple[str, ...]
    is_known: bool

    @property
    def is_policed(self) -> bool:
        """Whether a host endpoint stands before the addresses, whichever gate it is."""
        return all(gate.named or gate.wildcard for gate in self.gates)

    def at(self, field: Field) -> Bounds:
        """Every packet with one of the addresses in *field*."""
        return Bounds.exact(HeaderSpace.box(self.family, {field: self.addresses}))


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of packets at a doorway: surely and perhaps denied, and the parts by gate."""

    live: Bounds
    denied: Bounds
    parts: tuple[tuple[Gate, Part], ...]


def doorways(world: World, family: Family) -> tuple[Doorway, ...]:
    """The doorways of every Linux node, once a world. O(nodes)."""
    key = ("doorways", family)
    if key not in world.memo:
        world.memo[key] = tuple(_doorways(world, family))
    return cast("tuple[Doorway, ...]", world.memo[key])


def _doorways(world: World, family: Family) -> Iterable[Doorway]:
    gates_of: dict[_Alike, tuple[Gate, ...]] = {}
    found: defaultdict[_Alike, list[tuple[str, IntervalSet]]] = defaultdict(list)
    for node in world.node_names:
        if not policeable(world, node):
            continue
        ways = entries(world, node, family)
        for addresses, is_known in _own_addresses(world, node, family):
            met = (one.gate for one in ways if one.addresses & addresses)
            gates = tuple(sorted(met, key=_names))
            if gates:
                alike = (frozenset(gate_likeness(world, gate) for gate in gates), is_known)
                # The order in which objects came must not tell which of alike ones is shown.
                gates_of[alike] = min(gates_of.get(alike, gates), gates, key=_all_names)
                found[alike].append((node, addresses))
    for alike, members in found.items():
        yield Doorway(
            family,
            gates_of[alike],
            IntervalSet.union_all(addresses for _, addresses in members),
            tuple(sorted({node for node, _ in members})),
            is_known=alike[1],
        )


def _names(gate: Gate) -> tuple[str, ...]:
    return tuple(hep.meta.ref.name if hep else "" for hep in (gate.named, gate.wildcard))


def _all_names(gates: tuple[Gate, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(map(_names, gates))


def _own_addresses(world: World, node: str, family: Family) -> Iterable[tuple[IntervalSet, bool]]:
    """Each address by which the cluster calls *node*, and whether it is known.

    Where a host endpoint names a node of which nothing is known, any address may be its own.
    """
    listed = [IntervalSet.single(value) for value in host_values(world, node, family)]
    if listed:
        yield from ((one, True) for one in listed)
    elif node not in world.nodes and not families(world, node):
        yield IntervalSet.of((0, family.max_address)), False


def host_values(world: World, node: str, family: Family) -> tuple[int, ...]:
    """The addresses by which the cluster calls *node*: its InternalIPs, else those that are known."""
    known = world.nodes.get(node)
    internal: tuple[Address, ...] = known.internal_ips if known else ()
    every = internal or known_addresses(world, node)
    return tuple(value for one, value in every if one is family)


def owners(world: World, family: Family) -> Mapping[int, str]:
    """The node of every address by which the cluster calls one; once a world."""
    key = ("owners of addresses", family)
    if key not in world.memo:
        world.memo[key] = {
            value: node for node in world.node_names for value in host_values(world, node, family)
        }
    return cast("Mapping[int, str]", world.memo[key])


def nodes_at(world: World, doorway: Doorway, values: IntervalSet) -> tuple[str, ...]:
    """The nodes of *doorway* that have one of *values*; all of them where addresses tell nothing."""
    here = values & doorway.addresses
    if not doorway.is_known or not here:
        return doorway.nodes
    of = owners(world, doorway.family)
    names = {of[value] for lo, hi in here for value in range(lo, hi + 1) if value in of}
    return tuple(sorted(names)) or doorway.nodes


def outsiders(world: World, settings: CheckSettings, family: Family) -> IntervalSet:
    """The addresses of whoever is neither the cluster's nor a friend's by the settings.

    Nodes, their pods, Calico's pools, and the trusted, permitted and operators' networks are no outsiders.
    """
    key = ("outsiders", family, settings.trusted, settings.permitted, settings.operators)
    if key not in world.memo:
        hosts = (value for node in world.node_names for value in _every_value(world, node, family))
        pods = (cidr for node in world.nodes.values() for cidr in node.pod_cidrs)
        friends = (*pods, *settings.trusted, *settings.permitted, *settings.operators)
        inside = IntervalSet.union_all(
            (
                IntervalSet.of(*((value, value) for value in hosts)),
                addresses_in(friends, family),
                Pools(world).addresses(family),
            )
        )
        world.memo[key] = inside.complement(0, family.max_address)
    return cast("IntervalSet", world.memo[key])


def _every_value(world: World, node: str, family: Family) -> Iterable[int]:
    known = world.nodes.get(node)
    own = (*known.internal_ips, *known.external_ips) if known else ()
    return (value for one, value in (*own, *known_addresses(world, node)) if one is family)


def gate_likeness(world: World, gate: Gate) -> object:
    """What gates agree in that judge alike."""
    return tuple(world.likeness(hep) if hep else None for hep in (gate.named, gate.wildcard))


def fate(doorway: Doorway, live: Bounds, judge: Callable[[Gate, Bounds], Partition]) -> Fate:
    """What becomes of *live*: surely denied is what every gate of the doorway surely denies."""
    every = [(gate, judge(gate, live)) for gate in doorway.gates]
    must = reduce(and_, (one.must(Decision.DENY) for _, one in every))
    may = reduce(or_, (one.may(Decision.DENY) for _, one in every))
    parts = tuple((gate, part) for gate, one in every for part in one.of(Decision.DENY))
    return Fate(live, Bounds(must, may), parts)
