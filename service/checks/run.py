"""Every check, asked."""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.fix import with_fix
from service.checks.verdict import Result
from service.registry import discover

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

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
    "verdict",
    "witness",
)
"""The modules beside the checks that are none."""


_FIXES_PER_CHECK = 20


@cache
def checks() -> tuple[Check, ...]:
    """Every check, in order of its id."""
    found = discover("service.checks", "CHECK", Check, apart=APART)
    return tuple(sorted(found, key=lambda check: check.id))


def audit(
    world: World, settings: CheckSettings, only: Container[str] | None = None
) -> Iterator[Verdict]:
    """The verdicts of all checks, or of those whose id is in *only*; by check, subject and key.

    The first failures of each check come with a fix where one holds; to judge one is to judge the
    cluster anew, so that it is not done for thousands.
    """
    for check in checks():
        if only is None or check.id in only:
            failures = count()
            for verdict in sorted(check.audit(world, settings), key=_order):
                wanted = verdict.result is Result.FAIL and next(failures) < _FIXES_PER_CHECK
                yield _fixed(verdict, check, world, settings=settings) if wanted else verdict


def _fixed(verdict: Verdict, check: Check, world: World, *, settings: CheckSettings) -> Verdict:
    return with_fix(verdict, check, world, settings=settings, review=review)


def review(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """The verdicts of all checks that judge the kind of what changes; by check, subject and key."""
    kind = transition.change.ref.kind
    for check in checks():
        if check.review is not None and kind in check.kinds:
            yield from sorted(check.review(transition, settings), key=_order)


def _order(verdict: Verdict) -> tuple[object, ...]:
    return (verdict.subject, verdict.key, verdict.reason)
