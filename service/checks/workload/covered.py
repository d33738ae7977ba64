"""Which workloads any policy is about, in which direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from service.checks.workload.parties import parties
from service.policy.cause import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.checks.workload.parties import Party
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class Cover:
    """The directions in which policy surely governs a party; ``doubts`` say where that is not known."""

    directions: frozenset[Direction]
    doubts: tuple[str, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether surely no policy is about it."""
        return not self.directions and not self.doubts


def covers(world: World) -> Mapping[Party, Cover]:
    """The cover of each party, worked out once."""
    if "covers" not in world.memo:
        world.memo["covers"] = {one: _cover(world, one) for one in parties(world).every}
    return cast("Mapping[Party, Cover]", world.memo["covers"])


def _cover(world: World, party: Party) -> Cover:
    chains = {one: world.workload_chain(party.endpoint, one) for one in Direction}
    return Cover(
        frozenset(one for one, chain in chains.items() if chain.tiers),
        tuple(dict.fromkeys(why for chain in chains.values() for why in chain.doubts)),
    )
