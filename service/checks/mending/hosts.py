"""Remedies for hosts: the endpoint that a node lacks, a tier, a selector that asks for pods first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.mending.edits import spec, written
from service.checks.nodeport.remedy import host_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.mending.edits import Raw
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Verdict
    from service.policy.world import World

Remedy = tuple["Raw", ...]

_NAME = "has(projectcalico.org/name)"
_AFTER_ALL = 20_000_000


def with_endpoint(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """A host endpoint for the addresses of the node that none has."""
    del settings
    yield (host_endpoint(world, verdict.subject.name),)


def with_tier(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The tier that lacks, such that its policies mean what they mean without it: last, ending in a deny."""
    del settings, world
    yield (
        {
            "apiVersion": "projectcalico.org/v3",
            "kind": "Tier",
            "metadata": {"name": str(verdict.details["tier"])},
            "spec": {"order": _AFTER_ALL, "defaultAction": "Deny"},
        },
    )


def for_pods_only(world: World, settings: CheckSettings, verdict: Verdict) -> Iterator[Remedy]:
    """The policy with selectors that ask for pods first."""
    del settings
    raw = written(world, verdict.subject)
    if raw is None:
        return
    for field in ("namespaceSelector", "serviceAccountSelector"):
        text = spec(raw).get(field)
        if isinstance(text, str) and text:
            spec(raw)[field] = f"{_NAME} && ({text})"
    yield (raw,)
