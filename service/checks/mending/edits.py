"""Edits of objects as they were written: a copy with one thing changed, ready to be applied."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

from service.checks.nodeport.remedy import whole
from service.model.refs import CALICO_V3

if TYPE_CHECKING:
    from service.checks.verdict import Json, Verdict
    from service.model.refs import ObjectRef
    from service.policy.world import World

Raw = dict[str, "Json"]

_WRITTEN_METADATA = ("name", "namespace", "labels", "annotations")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBERNETES = "networking.k8s.io"


def written(world: World, ref: ObjectRef) -> Raw | None:
    """A copy of the object as a user would write it: without what the API server adds; None for none.

    An object of the stored group keeps its real name and labels in an annotation, which stays.
    """
    decoded = world.snapshot.find(ref)
    if decoded is None or not decoded.raw:
        return None
    raw = cast("Raw", copy.deepcopy({**decoded.raw}))
    raw.pop("status", None)
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict):
        return None
    kept: Raw = {key: metadata[key] for key in _WRITTEN_METADATA if key in metadata}
    annotations = kept.get("annotations")
    if isinstance(annotations, dict):
        annotations.pop(_APPLIED, None)
        if not annotations:
            del kept["annotations"]
    raw["metadata"] = kept
    return raw


def spec(raw: Raw) -> Raw:
    """The spec of *raw*, made where there is none."""
    found = raw.setdefault("spec", {})
    return found if isinstance(found, dict) else {}


def rules(raw: Raw, direction: str) -> list[Json]:
    """The list of rules of one direction, made where there is none."""
    found = spec(raw).setdefault(direction, [])
    return found if isinstance(found, list) else []


def rule_at(verdict: Verdict) -> tuple[str, int]:
    """The direction and index of the rule that a verdict of a single rule is about, by its key."""
    return verdict.key[0], int(verdict.key[1])


def worded(verdict: Verdict) -> tuple[str, int]:
    """The same of a key such as "ingress rule 0"."""
    direction, _, index = verdict.key[0].split(" ")
    return direction, int(index)


def without_rule(world: World, ref: ObjectRef, place: tuple[str, int]) -> Raw | None:
    """The policy less the rule at *place*, a direction and an index."""
    direction, index = place
    raw = written(world, ref)
    if raw is None or not 0 <= index < len(rules(raw, direction)):
        return None
    types = _types(world, ref)
    del rules(raw, direction)[index]
    if types:
        # What is left out is taken from the rules that there are, and one may have been the last.
        spec(raw)[_types_field(ref)] = types
    return raw


def moved_before(world: World, verdict: Verdict, place: int) -> Raw | None:
    """The policy of *verdict* with the rule that it is about put to *place*."""
    raw = written(world, verdict.subject)
    direction, index = rule_at(verdict)
    if raw is None or not 0 <= place < index < len(rules(raw, direction)):
        return None
    listed = rules(raw, direction)
    listed.insert(place, listed.pop(index))
    return raw


def with_order(world: World, ref: ObjectRef, order: float) -> Raw | None:
    """A policy of Calico with another order; None for a kind that has none."""
    raw = written(world, ref)
    if raw is None or ref.group != CALICO_V3:
        return None
    spec(raw)["order"] = whole(order)
    return raw


def _types(world: World, ref: ObjectRef) -> list[Json]:
    policy = world.find_policy(ref)
    directions = policy.directions if policy else ()
    return [*sorted((str(one).capitalize() for one in directions), reverse=True)]


def _types_field(ref: ObjectRef) -> str:
    return "policyTypes" if ref.group == _KUBERNETES else "types"
