"""Which exceptions are over, or cover nothing? Each was forgotten by somebody.

What only the other findings of an audit, and the clock, can tell is told by ``service.checks.exceptions``
once these are known. docs/checks/exception-stale.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.exceptions import ID
from service.checks.verdict import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Verdict
    from service.policy.world import World


def _audit(_world: World, _settings: CheckSettings) -> Iterator[Verdict]:
    """Nothing: staleness is a fact about the other verdicts."""
    yield from ()


CHECK = Check(
    id=ID,
    title="An exception is over, or covers nothing",
    severity=Severity.LOW,
    kinds=frozenset(),
    subjects=frozenset({"NodewardException"}),
    reasons={
        "expired": "its time is over, and what it covered counts again",
        "unused": "its check was run and found nothing that it covers",
    },
    audit=_audit,
)
