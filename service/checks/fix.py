"""Fixes that are shown only after the engine has judged the cluster with them applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from service.checks.contract import Transition
from service.checks.verdict import Fix, Result
from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Change, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.checks.contract import Check, Review
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json, Verdict
    from service.policy.world import World


_PLACE = SourceLocation(file="suggested fix")


def with_fix(
    verdict: Verdict, check: Check, world: World, *, settings: CheckSettings, review: Review
) -> Verdict:
    """*verdict* with the smallest of its check's remedies that holds, or as it is where none does.

    A remedy holds if each of its objects is new and in effect, if none of them does new harm by
    *review*, and if the finding is gone once all are there.
    """
    ask = check.review
    if check.remedies is None or ask is None or verdict.result is not Result.FAIL:
        return verdict
    for objects in check.remedies(world, settings, verdict):
        after = _applied(world, objects, settings=settings, review=review)
        if after is not None and _is_gone(verdict, after, lambda change: ask(change, settings)):
            return replace(verdict, fix=Fix(_summary(objects), _text(objects)))
    return verdict


def _applied(
    world: World, objects: Iterable[Mapping[str, Json]], *, settings: CheckSettings, review: Review
) -> World | None:
    for raw in objects:
        decoded = decode_object(raw, _PLACE)
        if not isinstance(decoded, Decoded) or decoded.problems:
            return None
        if world.snapshot.find(decoded.ref) is not None:
            return None
        change = Change(Operation.CREATE, None, decoded)
        after = world.with_change(change)
        transition = Transition(world, after, change)
        if any(one.result is Result.FAIL for one in review(transition, settings)):
            return None
        world = after
    return world


def _is_gone(
    verdict: Verdict, after: World, answers: Callable[[Transition], Iterable[Verdict]]
) -> bool:
    """Whether the subject, were it created in the mended cluster, would no longer fail on this key."""
    subject = after.snapshot.find(verdict.subject)
    if subject is None:
        return False
    without = after.with_change(Change(Operation.DELETE, subject, None))
    arrival = Transition(without, after, Change(Operation.CREATE, None, subject))
    return not any(one.result is Result.FAIL and one.key == verdict.key for one in answers(arrival))


def _summary(objects: Iterable[Mapping[str, Json]]) -> str:
    names = []
    for raw in objects:
        metadata = raw["metadata"]
        name = metadata["name"] if isinstance(metadata, dict) else ""
        names.append(f"{raw['kind']} {name}")
    return f"create {', '.join(names)}"


def _text(objects: Iterable[Mapping[str, Json]]) -> str:
    return str(yaml.safe_dump_all(objects, sort_keys=False, explicit_start=True))
