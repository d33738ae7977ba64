"""The calls that rules between pods mean, and whether any of them gets through."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING

from service.checks.rules.fates import written_rules
from service.checks.workload.calls import call, direct_peer
from service.checks.workload.parties import parties
from service.model.rule import Action
from service.net.headerspace import Field
from service.policy.cause import Decision, Direction, Hook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.fates import Written
    from service.checks.workload.calls import Call
    from service.checks.workload.parties import Party
    from service.net.headerspace import Bounds
    from service.policy.convert import Policy
    from service.policy.partition import Partition
    from service.policy.world import World

_PAIRS_LIMIT = 256
"""How many pairs of workloads are tried for one rule, before it counts as one for everybody."""


@dataclass(frozen=True, slots=True)
class Half:
    """A rule that allows calls between pods, of which none surely gets through for want of the other half.

    ``fits`` says that the other side lets something of the same protocol through, only not what the rule means.
    """

    written: Written
    refused: Call
    fits: bool

    @property
    def other(self) -> Direction:
        """The direction of the half that lacks."""
        return _OTHER[self.written.direction]

    @property
    def other_side(self) -> Partition:
        """What the other side makes of the call."""
        return _side(self.refused, self.other)


_OTHER = {Direction.INGRESS: Direction.EGRESS, Direction.EGRESS: Direction.INGRESS}


def lone_halves(world: World) -> Iterator[Half]:
    """The rules none of whose calls gets through, because the other side denies every one of them."""
    for policy in world.policies:
        if policy.hook is Hook.NORMAL:
            for written in written_rules(policy):
                if written.action is Action.ALLOW:
                    half = _lone(world, policy, written)
                    if half is not None:
                        yield half


def _lone(world: World, policy: Policy, written: Written) -> Half | None:
    """The first of the refused calls, if every call is refused; None where one may get through.

    A call that its own side denies is another fault's: that says nothing of the other half.
    """
    if not _peers_are_known(world, written):
        return None
    refused: Half | None = None
    tried = 0
    for one, meant in _calls(world, policy, written):
        tried += 1
        if tried > _PAIRS_LIMIT:
            return None
        own = meant & _side(one, written.direction).bounds(Decision.ALLOW)
        if not own.may:
            continue
        other = _side(one, _OTHER[written.direction]).bounds(Decision.ALLOW)
        if (own & other).may:
            return None
        alike = own.may.forget(Field.SRC_PORT, Field.DST_PORT)
        refused = refused or Half(written, one, fits=bool(other.may & alike))
    return refused


def _peers_are_known(world: World, written: Written) -> bool:
    """Whether there can be no other pods that the rule means and that would let its calls through."""
    everyone = parties(world)
    chosen = (direct_peer(piece, written.direction).positive for piece in written.pieces)
    return all(one is not None and everyone.represent(one) for one in chosen)


def _calls(world: World, policy: Policy, written: Written) -> Iterator[tuple[Call, Bounds]]:
    """The calls between pods that a rule means, each with the packets that it means."""
    everyone = parties(world)
    own = [party for party, sure in everyone.selected(policy.applies_to) if sure]
    for piece in written.pieces:
        selector = direct_peer(piece, written.direction).positive
        peers = (party for party, _ in everyone.selected(selector))
        for mine, peer in islice(product(own, peers), _PAIRS_LIMIT + 1):
            one = _call(world, mine, peer, written.direction)
            meant = one.meant_by(piece)
            if meant.may:
                yield one, meant


def _call(world: World, mine: Party, peer: Party, direction: Direction) -> Call:  # noqa: PLR0917
    if direction is Direction.EGRESS:
        return call(world, mine, peer)
    return call(world, peer, mine)


def _side(one: Call, direction: Direction) -> Partition:
    return one.sent() if direction is Direction.EGRESS else one.received()
