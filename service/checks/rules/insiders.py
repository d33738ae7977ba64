"""Who belongs to the cluster: nodes and pods, and the networks that hold any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.net.intervals import IntervalSet
from service.net.prefixes import addresses_in
from service.policy.entries import known_addresses
from service.policy.pools import Pools

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.net.prefixes import Address, Family
    from service.policy.world import World


def outsiders(world: World, addresses: IntervalSet, family: Family) -> IntervalSet:
    """The ranges of *addresses* in which no node and no pod is known to be."""
    cluster = _hosts(world, family) | _pods(world, family)
    return IntervalSet.of(*(one for one in addresses if not IntervalSet.of(one) & cluster))


def knows_insiders(world: World, family: Family) -> bool:
    """Whether the addresses of nodes are known, and those that pods have or will have."""
    return bool(world.nodes) and bool(_pods(world, family))


def _hosts(world: World, family: Family) -> IntervalSet:
    known = (one for node in world.node_names for one in known_addresses(world, node))
    return _singles(known, family)


def _pods(world: World, family: Family) -> IntervalSet:
    """The addresses of pods, and those that pods will have, as far as they are known."""
    nets = tuple(net for node in world.nodes.values() for net in node.pod_cidrs)
    known = (one for pod in world.workloads.values() for one in pod.addresses)
    planned = addresses_in(nets, family) | Pools(world).addresses(family)
    return planned | _singles(known, family)


def _singles(addresses: Iterable[Address], family: Family) -> IntervalSet:
    return IntervalSet.of(*((one[1], one[1]) for one in addresses if one[0] is family))
