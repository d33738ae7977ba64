"""What would have to be applied first, so that a refused request passes: tried out before it is told.

Judged as reviews are, and not by audits: an answer at admission has to come soon, in any cluster.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from service.checks.contract import Transition
from service.checks.fix import summary, text
from service.checks.nodeport.remedy import NODES_LIMIT, nodes_of
from service.checks.run import checks, review
from service.checks.verdict import Fix, Result
from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Change, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.admission.decide import Decision
    from service.admission.terms import Terms
    from service.checks.verdict import Json, Verdict
    from service.policy.world import World

CANDIDATES: Final = 3
"""So many sets of objects are tried out."""
TOLD_CHARACTERS: Final = 3000
"""A longer fix is not spelled out to the caller of a refused request."""

_PLACE: Final = SourceLocation(file="suggested fix")


def mended(decision: Decision, world: World, terms: Terms) -> Decision:
    """*decision*, made in *world*, with the smallest fix of its first finding that lets the request pass.

    As it is where it does not refuse, or none is found. A fix holds if none of its objects does new harm by
    any review, and if the request, judged after them, is not refused for that finding any more.
    """
    change = decision.change
    refused = [one for one in decision.verdicts if one.result is Result.FAIL]
    refused.sort(key=lambda one: -one.severity.score)
    if change is None or decision.allowed or not refused:
        return decision
    after = world.with_change(_standing(world, change))
    for verdict in refused[:1]:
        fix = _fix(verdict, world, after, change=change, terms=terms)
        if fix is not None:
            return _told(decision, verdict, replace(verdict, fix=fix))
    return decision


def _fix(
    verdict: Verdict, world: World, after: World, *, change: Change, terms: Terms
) -> Fix | None:
    check = next(one for one in checks() if one.id == verdict.check)
    # Each try judges all nodes again while the API server waits; the audit tells a fix for many.
    if check.remedies is None or len(nodes_of(verdict)) > NODES_LIMIT:
        return None
    for objects in islice(check.remedies(after, terms.checks, verdict), CANDIDATES):
        mended_world = _applied(world, objects, terms)
        if mended_world is not None and _passes(verdict, mended_world, change, terms=terms):
            return Fix(summary(world, objects), text(objects))
    return None


def _applied(world: World, objects: tuple[Mapping[str, Json], ...], terms: Terms) -> World | None:
    """*world* with *objects*; None where one is not in effect, or does new harm."""
    for raw in objects:
        decoded = decode_object(raw, _PLACE)
        if not isinstance(decoded, Decoded) or not decoded.in_effect:
            return None
        change = _standing(world, Change(Operation.CREATE, None, decoded))
        after = world.with_change(change)
        found = review(Transition(world, after, change), terms.checks)
        if any(one.result is Result.FAIL for one in found):
            return None
        world = after
    return world


def _passes(verdict: Verdict, world: World, change: Change, *, terms: Terms) -> bool:
    asked = _standing(world, change)
    found = review(Transition(world, world.with_change(asked), asked), terms.checks)
    return all(one.result is not Result.FAIL or one.check != verdict.check for one in found)


def _standing(world: World, change: Change) -> Change:
    """*change* as it is to *world*: an update of what is there, the creation of what is not."""
    before = world.snapshot.find(change.ref)
    if change.after is None:
        return Change(Operation.DELETE, before or change.before, None)
    return Change(Operation.UPDATE if before else Operation.CREATE, before, change.after)


def _told(decision: Decision, verdict: Verdict, mended_verdict: Verdict) -> Decision:
    verdicts = tuple(mended_verdict if one is verdict else one for one in decision.verdicts)
    fix = mended_verdict.fix
    if fix is None:
        return decision
    if len(fix.yaml) > TOLD_CHARACTERS:
        words = f"It would pass after this: {fix.summary}; nodeward suggest prints it."
    else:
        words = f"It would pass after this: {fix.summary}\n{fix.yaml.rstrip()}"
    return replace(decision, verdicts=verdicts, message=f"{decision.message}\n{words}")
