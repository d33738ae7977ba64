"""From a review to its decision, whatever happens: the one place where failing closed or open is chosen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, assert_never

from service.admission.decide import Decision
from service.errors import EngineError
from service.telemetry import ReviewResult, count_engine_error, logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.admission.review import ReviewRequest
    from service.cluster.watch import Reading, Source
    from service.policy.world import World
    from service.settings import OnError
    from webhook.certain import Certain

Decide: TypeAlias = "Callable[[World, ReviewRequest], Decision]"

_LOG = logger(__name__)


class Unjudged(Enum):
    """Why a review got no judgement: HTTP-like code of its status, and the words for a user."""

    NO_WORLD = (503, "the cluster that it judges by could not be read yet")
    LATE = (504, "the API server's time limit would have passed before the review was judged")
    FAULT = (500, "it failed; the webhook's log tells where")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision, how it counts, and what it was made by, if by anything."""

    decision: Decision
    result: ReviewResult
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges reviews in the newest world; a review that cannot be judged is answered by *on_error*."""

    source: Source
    decide: Decide
    on_error: OnError
    certain: Certain | None = None
    """How a live cluster is judged by; manifests are all there is."""

    def judge(self, review: ReviewRequest, *, deadline: float | None) -> Judgement:
        """The answer to *review*; *deadline* is on the monotonic clock. Never raises."""
        reading = self.source.current
        if reading.world is None:
            return self._without_judgement(review, Unjudged.NO_WORLD)
        if deadline is not None and time.monotonic() >= deadline:
            return self._without_judgement(review, Unjudged.LATE)
        try:
            decision, reading = self._decided(review, reading, deadline)
        except Exception:  # noqa: BLE001  # a door: a defect must not become an answer that nobody chose
            count_engine_error()
            _LOG.exception(
                "admission_engine_failed", kind=str(review.kind), revision=reading.revision
            )
            return self._without_judgement(review, Unjudged.FAULT)
        return Judgement(decision, _result(decision), reading)

    def late(self, review: ReviewRequest) -> Judgement:
        """The answer to a review whose judgement did not come in time."""
        return self._without_judgement(review, Unjudged.LATE)

    def _decided(
        self, review: ReviewRequest, reading: Reading, deadline: float | None
    ) -> tuple[Decision, Reading]:
        if self.certain is not None:
            return self.certain.decided(self.decide, review, deadline=deadline)
        if reading.world is None:
            raise EngineError("there is no world to judge in")
        return self.decide(reading.world, review), reading

    def _without_judgement(self, review: ReviewRequest, why: Unjudged) -> Judgement:
        code, words = why.value
        told = f"Nodeward could not judge this request: {words}."
        annotations = {"decision": f"unjudged-{why.name.lower().replace('_', '-')}"}
        match self.on_error:
            case "deny":
                message = f"{told}\nIt is refused because on_error is deny; try again."
                decision = Decision(
                    uid=review.uid,
                    allowed=False,
                    code=code,
                    message=message,
                    audit_annotations=annotations,
                )
            case "allow":
                warning = f"{told} It is allowed because on_error is allow."
                decision = Decision(
                    uid=review.uid,
                    allowed=True,
                    code=200,
                    message="",
                    warnings=(warning,),
                    audit_annotations=annotations,
                )
            case _:
                assert_never(self.on_error)
        return Judgement(decision, ReviewResult.ERROR)


def _result(decision: Decision) -> ReviewResult:
    if not decision.allowed:
        return ReviewResult.DENIED
    return ReviewResult.WARNED if decision.warnings else ReviewResult.ALLOWED
