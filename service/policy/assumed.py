"""The defaults that a trace rests on: what nobody wrote, and the API server or Calico fills in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.refs import CALICO_V3, ObjectRef
from service.policy.cause import Hook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.model.meta import Default
    from service.policy.hooks import TierPolicies
    from service.policy.stages import Stage
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class Assumed:
    """A default of one object."""

    ref: ObjectRef
    default: Default

    def to_json(self) -> dict[str, str]:
        """The default as JSON; ``value`` is JSON text itself."""
        return {
            "object": str(self.ref),
            "pointer": self.default.pointer,
            "value": self.default.value,
            "source": self.default.source,
        }

    def __str__(self) -> str:
        return f"{self.ref} {self.default.pointer} = {self.default.value} ({self.default.source})"


def assumed(world: World, stages: Iterable[Stage]) -> tuple[Assumed, ...]:
    """The defaults of the endpoints that *stages* name and of every policy and tier that governs them."""
    refs = dict.fromkeys(ref for stage in stages for ref in _refs(world, stage))
    found = ((ref, world.snapshot.find(ref)) for ref in sorted(refs))
    return tuple(
        Assumed(ref, default) for ref, decoded in found if decoded for default in decoded.defaults
    )


def _refs(world: World, stage: Stage) -> Iterator[ObjectRef]:
    if not stage.endpoint or not isinstance(stage.hook, Hook):
        return
    endpoint, tiers = _governed(world, stage, stage.hook)
    yield endpoint
    for tier in tiers:
        yield ObjectRef(CALICO_V3, "Tier", "", tier.tier.name)
        yield from (policy.meta.ref for policy in tier.policies)


def _governed(world: World, stage: Stage, hook: Hook) -> tuple[ObjectRef, tuple[TierPolicies, ...]]:
    """The endpoint that a stage names, and the tiers that govern it there."""
    if hook is Hook.WORKLOAD:
        namespace, _, name = stage.endpoint.partition("/")
        ref = ObjectRef("", "Pod", namespace, name)
        pod = world.workloads.get(ref)
        return ref, world.workload_chain(pod, stage.direction).tiers if pod else ()
    ref = ObjectRef(CALICO_V3, "HostEndpoint", "", stage.endpoint)
    hep = next((one for one in world.endpoints(stage.node).active if one.meta.ref == ref), None)
    return ref, world.resolve(hep, hook, stage.direction) if hep else ()
