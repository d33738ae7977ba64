"""Ways past a refusal: break-glass by whoever may, and accounts that are exempt. Both leave a record.

Nothing here decides whether a caller holds a right: that is asked of the API server, at the door.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from service.admission.review import Operation
from service.checks.verdict import Result
from service.model.moments import parse_moment
from service.model.refs import CALICO_V1

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from service.admission.decide import Decision
    from service.admission.review import ReviewRequest
    from service.checks.verdict import Json, Verdict
    from service.model.snapshot import Change

ANNOTATION: Final = "nodeward.io/break-glass"
DELETE_WITHIN_S: Final = 15 * 60
_REASON_LIMIT: Final = 256


class Way(StrEnum):
    """How a refusal was passed."""

    BREAK_GLASS = "break-glass"
    EXEMPT_ACCOUNT = "exempt-account"


@dataclass(frozen=True, slots=True)
class Override:
    """A refusal that did not hold: by which way, why, and whose findings it passed."""

    way: Way
    reason: str
    checks: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """The override in a decision's record."""
        return {"way": self.way.value, "reason": self.reason, "checks": [*self.checks]}


@dataclass(frozen=True, slots=True)
class Plea:
    """Break-glass that a request asks for. ``why_not`` tells why it cannot count, "" where it may.

    ``travelled`` is set where the request comes from an API server that passes on what it has
    admitted: whoever sent it there was asked for the right then.
    """

    reason: str
    why_not: str = ""
    travelled: bool = False


def plea(
    review: ReviewRequest, change: Change, *, now_s: int, api_servers: Collection[str]
) -> Plea | None:
    """The break-glass that *review* asks for; None where it asks for none.

    The annotation counts in the request that adds it or changes its value; what an object carries from
    an earlier request opens nothing. A deletion has no object of its own: there the annotation must have
    been set within the last 15 minutes.
    """
    before = change.before.meta.annotations.get(ANNOTATION, "") if change.before else ""
    after = change.after.meta.annotations.get(ANNOTATION, "") if change.after else ""
    travelled = review.kind.group == CALICO_V1 and review.user in api_servers
    if review.operation is Operation.DELETE:
        if not before.strip():
            return None
        return Plea(before.strip()[:_REASON_LIMIT], _age_fault(review, now_s), travelled)
    if not after.strip() or after == before:
        return None
    return Plea(after.strip()[:_REASON_LIMIT], travelled=travelled)


def _age_fault(review: ReviewRequest, now_s: int) -> str:
    set_at = _set_at(review.old_object or {})
    if set_at is None:
        return f"when {ANNOTATION} was set is not recorded in managedFields"
    if not 0 <= now_s - set_at < DELETE_WITHIN_S:
        return f"{ANNOTATION} was set more than {DELETE_WITHIN_S // 60} minutes ago: set it again"
    return ""


def _set_at(raw: Mapping[str, object]) -> int | None:
    """The newest moment at which a manager that owns the annotation wrote it, in seconds since 1970."""
    metadata = raw.get("metadata")
    managed = metadata.get("managedFields") if isinstance(metadata, dict) else None
    moments = [
        moment
        for entry in (managed if isinstance(managed, list) else [])
        if isinstance(entry, dict) and (moment := _owned_since(entry)) is not None
    ]
    return max(moments, default=None)


def _owned_since(entry: Mapping[str, object]) -> int | None:
    """When the manager of *entry* wrote the annotation; Calico's v1 group keeps it in another one."""
    fields = entry.get("fieldsV1")
    for name in ("f:metadata", "f:annotations"):
        fields = fields.get(name) if isinstance(fields, dict) else None
    if not isinstance(fields, dict):
        return None
    if not fields.keys() & {f"f:{ANNOTATION}", "f:projectcalico.org/metadata"}:
        return None
    try:
        return parse_moment(str(entry.get("time")))
    except ValueError:
        return None


def refusing(decision: Decision) -> tuple[str, ...]:
    """The checks by which *decision* refuses, sorted."""
    return tuple(sorted({one.check for one in decision.verdicts if one.result is Result.FAIL}))


def overridden(decision: Decision, override: Override) -> Decision:
    """*decision*, allowed by *override*; every caller is told, and what refused it is told as a warning."""
    match override.way:
        case Way.BREAK_GLASS:
            first = f"break-glass: {', '.join(override.checks)} overridden: {override.reason}"
        case Way.EXEMPT_ACCOUNT:
            first = f"{override.reason}: {', '.join(override.checks)} not enforced"
    refused = [one for one in decision.verdicts if one.result is Result.FAIL]
    return replace(
        decision,
        allowed=True,
        code=200,
        message="",
        warnings=(first, *map(_line, refused), *decision.warnings),
        audit_annotations={**decision.audit_annotations, "override": override.way.value},
        override=override,
    )


def unheeded(decision: Decision, why: str) -> Decision:
    """*decision*, which stands, with the reason why its break-glass does not count."""
    return replace(decision, message=f"{decision.message}\nbreak-glass does not count: {why}")


def _line(verdict: Verdict) -> str:
    return f"{verdict.check} ({verdict.reason}): {verdict.message}"
