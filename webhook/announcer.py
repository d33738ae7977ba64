"""Tells owners of objects by Events what was refused, overridden or let through with a warning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from service.cluster.happening import Happening

if TYPE_CHECKING:
    from service.admission.review import ReviewRequest
    from service.cluster.publisher import Publisher
    from webhook.judge import Judgement


@dataclass(frozen=True, slots=True)
class Announcer:
    """Makes an Event of an answer that is worth one. Any thread may announce."""

    publisher: Publisher

    def announce(self, review: ReviewRequest, judgement: Judgement) -> None:
        """Tell of a review that was not simply admitted; returns at once. A dry run is not told."""
        decision = judgement.decision
        told = decision.message or next(iter(decision.warnings), "")
        if review.dry_run or not told or not review.name:
            return
        self.publisher.tell(
            Happening(
                api_version=review.kind.api_version,
                kind=review.kind.kind,
                namespace=review.namespace,
                name=review.name,
                reason=_reason(judgement),
                note=f"{review.operation.value} by {review.user}: {told}",
                at=datetime.now(UTC),
            )
        )


def _reason(judgement: Judgement) -> str:
    if judgement.decision.override is not None:
        return "AdmissionOverridden"
    return "AdmissionWarned" if judgement.decision.allowed else "AdmissionDenied"
