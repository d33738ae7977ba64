"""Fixes that are shown only after every check has judged the cluster with them applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, cast

import yaml

from service.checks.verdict import Fix, Result
from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Change, Operation
from service.policy.cause import Direction, Hook
from service.policy.endpoints import DEFAULT_ALLOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.checks.contract import Check
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json, Verdict
    from service.policy.world import World

Objects: TypeAlias = "Iterable[Mapping[str, Json]]"
Judge: TypeAlias = "Callable[[Check, World], Iterable[Verdict]]"

_MAKERS = frozenset({"HostEndpoint", "KubeControllersConfiguration"})
"""The kinds of objects that bring host endpoints."""
_PLACE = SourceLocation(file="suggested fix")


def with_fix(
    verdict: Verdict,
    check: Check,
    world: World,
    *,
    settings: CheckSettings,
    checks: tuple[Check, ...],
    judge: Judge,
) -> Verdict:
    """*verdict* with the smallest of its check's remedies that holds, or as it is where none does.

    A remedy holds if each of its objects is in effect, the finding is gone once all are there, and none of
    *checks* finds anything that it did not find before.
    """
    if check.remedies is None or not is_mendable(verdict):
        return verdict
    for objects in check.remedies(world, settings, verdict):
        known = known_before(world, objects, settings, every=lambda w: _all(checks, w, judge))
        ordered = (check, *(one for one in checks if one is not check))
        left = known - {verdict.fingerprint}
        key = ("findings after", settings, text(objects))
        if key not in world.memo:
            after = applied(world, objects)
            found = None if after is None else _found_within(after, ordered, judge, known=left)
            if found is None:
                continue
            # One remedy may be that of many findings: what is left after it is worked out once.
            world.memo[key] = found
        if cast("frozenset[str]", world.memo[key]) <= left:
            return replace(verdict, fix=Fix(summary(world, objects), text(objects)))
    return verdict


def is_mendable(verdict: Verdict) -> bool:
    """Whether a fix may be looked for: of a failure, and of a warning that rests on no doubt."""
    is_sure = verdict.result is Result.WARN and not verdict.unknown
    return verdict.result is Result.FAIL or is_sure


def applied(world: World, objects: Objects) -> World | None:
    """*world* with *objects* created, or put in the place of those of their names.

    None where somebody would refuse one, drop a part of it or act on it in no way.
    """
    for raw in objects:
        decoded = decode_object(raw, _PLACE)
        if not isinstance(decoded, Decoded) or not decoded.in_effect:
            return None
        before = world.snapshot.find(decoded.ref)
        known = {one.message for one in before.problems} if before else set()
        if any(one.message not in known for one in decoded.problems):
            return None
        operation = Operation.UPDATE if before else Operation.CREATE
        world = world.with_change(Change(operation, before, decoded))
    return world


def findings(verdicts: Iterable[Verdict]) -> frozenset[str]:
    """The fingerprints of those of *verdicts* that are no pass."""
    return frozenset(one.fingerprint for one in verdicts if one.result is not Result.PASS)


def known_before(
    world: World,
    objects: Objects,
    settings: CheckSettings,
    *,
    every: Callable[[World], Iterable[Verdict]],
) -> frozenset[str]:
    """The findings of *every* check that *objects* do not bring: those of *world*, worked out once.

    A host endpoint that allows everything and that no policy selects changes no packet's fate. What the
    checks then tell of its node was so before, and is no new harm of whatever comes with it.
    """
    key = ("findings", settings)
    if key not in world.memo:
        world.memo[key] = findings(every(world))
    known = cast("frozenset[str]", world.memo[key])
    makers = [raw for raw in objects if raw["kind"] in _MAKERS]
    there = applied(world, makers) if makers else None
    if there is None or not _are_silent(world, there):
        return known
    return known | findings(every(there))


def _are_silent(world: World, there: World) -> bool:
    """Whether the host endpoints that *there* has beyond *world* change nothing."""
    standing = {hep.meta.ref for hep in world.heps}
    new = [hep for hep in there.heps if hep.meta.ref not in standing]
    return all(
        hep.profiles == (DEFAULT_ALLOW,)
        and not any(there.resolve(hep, hook, way) for hook in Hook for way in Direction)
        for hep in new
    )


def _all(checks: Iterable[Check], world: World, judge: Judge) -> Iterable[Verdict]:
    return (verdict for check in checks for verdict in judge(check, world))


def _found_within(
    after: World, checks: Iterable[Check], judge: Judge, *, known: frozenset[str]
) -> frozenset[str] | None:
    """All findings of *after*; None where one is not *known*, which the first of them ends."""
    found: frozenset[str] = frozenset()
    for check in checks:
        found |= findings(judge(check, after))
        if not found <= known:
            return None
    return found


def summary(world: World, objects: Objects) -> str:
    """As in "create HostEndpoint w1-nodeward; change GlobalNetworkPolicy guard"."""
    created: list[str] = []
    changed: list[str] = []
    for raw in objects:
        decoded = decode_object(raw, _PLACE)
        ref = decoded.ref if isinstance(decoded, Decoded) else None
        is_there = ref is not None and world.snapshot.find(ref) is not None
        (changed if is_there else created).append(str(ref))
    told = (("create", created), ("change", changed))
    return "; ".join(f"{verb} {', '.join(names)}" for verb, names in told if names)


def text(objects: Objects) -> str:
    """*objects* as a manifest of several documents."""
    return str(yaml.safe_dump_all(objects, sort_keys=False, explicit_start=True))
