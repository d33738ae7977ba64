"""Which objects were written past every admission door?

What only a store of decisions and a live API server can tell: ``service.audit.unreviewed`` asks them.
docs/checks/admitted-unreviewed.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from service.checks.contract import GUARDING_KINDS, Check
from service.checks.verdict import Result, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.model.meta import Decoded
    from service.policy.world import World

ID: Final = "admitted-unreviewed"


def unreviewed(decoded: Decoded[object], at: str, by: str) -> Verdict:
    """The finding about an object that was written at the moment *at*, by a field manager if known."""
    author = f" by {by}" if by else ""
    return Verdict(
        check=ID,
        subject=decoded.ref,
        result=Result.WARN,
        severity=Severity.MEDIUM,
        reason="no-decision",
        message=f"{decoded.ref} was written at {at}{author}, and no admission door has judged what it says",
        advice="Look at what the other checks find about it, and why no door was asked.",
        location=decoded.meta.location,
        details={"at": at, "by": by},
    )


def _audit(_world: World, _settings: CheckSettings) -> Iterator[Verdict]:
    """Nothing: manifests do not tell how they came to be."""
    yield from ()


CHECK = Check(
    id=ID,
    title="An object was written without a review",
    severity=Severity.MEDIUM,
    subjects=GUARDING_KINDS,
    reasons={"no-decision": "no admission door has judged what the object says"},
    audit=_audit,
)
