"""What a policy does to hosts, with a packet that shows it, and names in messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.verdict import Witness
from service.net.flow import PROTOCOL_NUMBERS, Flow
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.prefixes import Family
from service.policy.cause import Decision
from service.policy.hooks import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.model.kinds.host_endpoint import HostEndpoint
    from service.policy.cause import Cause
    from service.policy.convert import Policy
    from service.policy.world import World

_SHOWN = 5
_PREFERRED: dict[Field, Sequence[int]] = {
    Field.PROTOCOL: (PROTOCOL_NUMBERS["TCP"],),
    Field.DST_PORT: (10250, 443),
    Field.SRC_PORT: (40_000,),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """Packets with one fate at one host endpoint: one of them, what decides them, and all of them."""

    witness: Witness
    causes: tuple[Cause, ...]
    space: Bounds


def denials(world: World, hosts: Iterable[HostEndpoint], policy: Policy) -> Proof | None:
    """Packets that *policy* surely denies at the first of *hosts* where it denies any; None for none.

    Its rules count, and the end of a tier that it alone brings about.
    """
    told: set[object] = set()
    for hep in hosts:
        alike = world.likeness(hep)
        if alike in told:
            continue
        told.add(alike)
        for direction in sorted(policy.directions):
            for family in Family:
                everything = Bounds.exact(HeaderSpace.everything(family))
                chain = world.chain(hep, policy.hook, direction)
                partition = evaluate(
                    chain, everything, matcher=world.matcher, namespaces=world.namespaces
                )
                for part in partition.of(Decision.DENY):
                    if part.cause.policy == policy.meta.ref and part.space.must:
                        flow = Flow.from_sample(family, part.space.must.sample(_PREFERRED))
                        witness = Witness(flow, hep.node, dst_known=False)
                        return Proof(witness, (part.cause,), part.space)
    return None


def some(names: Sequence[str]) -> str:
    """The first of *names*, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
