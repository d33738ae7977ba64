"""Every check, asked."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.fix import is_mendable, with_fix
from service.checks.verdict import Result
from service.registry import discover

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from service.checks.contract import Transition
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Verdict
    from service.policy.world import World

APART = (
    "contract",
    "exceptions",
    "exposure",
    "finding",
    "fix",
    "run",
    "settings",
    "standing",
    "suggest",
    "verdict",
    "witness",
)
"""The modules beside the checks that are none."""


_FIXES = 40
_OBJECTS_JUDGED = 20_000
"""How many fixes of one audit are tried out: each costs an audit, so that large clusters get fewer."""


@cache
def checks() -> tuple[Check, ...]:
    """Every check, in order of its id."""
    found = discover("service.checks", "CHECK", Check, apart=APART)
    return tuple(sorted(found, key=lambda check: check.id))


def audit(
    world: World, settings: CheckSettings, only: Container[str] | None = None
) -> Iterator[Verdict]:
    """The verdicts of all checks, or of those whose id is in *only*; by check, subject and key.

    The worst findings come with a fix where one holds, failures first; to try one out is to audit the
    cluster anew, so that it is not done for thousands.
    """
    found = [*judged(world, settings, only)]
    mendable = [one for one in found if is_mendable(one)]
    mendable.sort(key=lambda one: (one.result is not Result.FAIL, -one.severity.score))
    with_remedy = (one for one in mendable if _has_remedy(one, world, settings))
    chosen = {id(one) for one in islice(with_remedy, _fixes(world))}
    for verdict in found:
        if id(verdict) in chosen:
            yield mended(verdict, world, settings)
        else:
            yield verdict


def judged(
    world: World, settings: CheckSettings, only: Container[str] | None = None
) -> Iterator[Verdict]:
    """As `audit`, without any fix."""
    for check in checks():
        if only is None or check.id in only:
            yield from in_order(check.audit(world, settings))


def _has_remedy(verdict: Verdict, world: World, settings: CheckSettings) -> bool:
    """Whether its check proposes anything: to find nothing to try out costs nothing."""
    remedies = _by_id()[verdict.check].remedies
    return remedies is not None and any(True for _ in remedies(world, settings, verdict))


@cache
def _by_id() -> Mapping[str, Check]:
    return {check.id: check for check in checks()}


def mended(verdict: Verdict, world: World, settings: CheckSettings) -> Verdict:
    """*verdict* with a fix that holds, if there is one."""
    return with_fix(
        verdict,
        _by_id()[verdict.check],
        world,
        settings=settings,
        checks=checks(),
        judge=lambda one, after: one.audit(after, settings),
    )


def _fixes(world: World) -> int:
    objects = sum(len(one) for one in world.snapshot.maps.values())
    return min(_FIXES, _OBJECTS_JUDGED // max(objects, 1))


def review(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """The verdicts of all checks that judge the kind of what changes; by check, subject and key."""
    kind = transition.change.ref.kind
    for check in checks():
        if check.review is not None and kind in check.kinds:
            yield from in_order(check.review(transition, settings))


def in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """*verdicts* of one check by subject and key."""
    return sorted(verdicts, key=_order)


def _order(verdict: Verdict) -> tuple[object, ...]:
    return (verdict.subject, verdict.key, verdict.reason)
