"""Every answer becomes a record before it leaves, and what must be on disk is."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, assert_never

import orjson

from service.admission.record import Answer, Circumstances, record
from service.journal.writer import JournalError, Wanted
from service.telemetry import ReviewResult, logger

if TYPE_CHECKING:
    from service.admission.decide import Decision
    from service.admission.review import ReviewRequest
    from service.journal.writer import Journal
    from service.settings import OnJournalFailure
    from webhook.judge import Judgement

DECISION_ID: Final = "decision-id"
"""The audit annotation by which the API server's log and ours are joined."""

_LONGEST_WAIT_S: Final = 5.0
_DURABLE: Final = frozenset({Answer.DENIED, Answer.WARNED, Answer.OVERRIDDEN, Answer.UNJUDGED})
_LOG = logger(__name__)


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes the records of one door to its journal. Any thread may use it.

    ``on_failure`` says what becomes of an answer that has to be on disk and is not.
    """

    journal: Journal
    on_failure: OnJournalFailure
    instance: str

    def recorded(
        self, review: ReviewRequest, judgement: Judgement, *, started: float, deadline: float | None
    ) -> Judgement:
        """*judgement* with its id, once it is recorded; both moments are on the monotonic clock.

        A dry run has no side effects: it gets an id and no record.
        """
        identity = str(uuid.uuid4())
        known = self._circumstances(identity, judgement, duration_s=time.monotonic() - started)
        judgement = replace(judgement, decision=_named(judgement.decision, identity))
        if review.dry_run:
            return judgement
        wanted = Wanted.ON_DISK if known.answer in _DURABLE else Wanted.IN_TIME
        line = orjson.dumps(record(review, judgement.decision, known))
        left = _LONGEST_WAIT_S if deadline is None else deadline - time.monotonic()
        try:
            self.journal.append(line, wanted, timeout_s=max(0.0, min(left, _LONGEST_WAIT_S)))
        except JournalError as error:
            _LOG.error("decision_not_recorded", decision=identity, error=str(error))
            return judgement if wanted is Wanted.IN_TIME else self._unrecorded(judgement, error)
        return judgement

    def _circumstances(
        self, identity: str, judgement: Judgement, *, duration_s: float
    ) -> Circumstances:
        return Circumstances(
            id=identity,
            at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            instance=self.instance,
            answer=_answer(judgement),
            age_s=_age_s(judgement),
            duration_s=round(duration_s, 6),
        )

    def _unrecorded(self, judgement: Judgement, error: JournalError) -> Judgement:
        decision = judgement.decision
        match self.on_failure:
            case "answer":
                told = f"Nodeward could not record this decision: {error}"
                decision = replace(decision, warnings=(*decision.warnings, told))
            case "deny":
                decision = replace(
                    decision,
                    allowed=False,
                    code=503,
                    message=f"Nodeward could not record its decision: {error}\n"
                    "It is refused because journal.on_failure is deny; try again.",
                )
                judgement = replace(judgement, result=ReviewResult.ERROR)
            case _:
                assert_never(self.on_failure)
        return replace(judgement, decision=decision)


def _age_s(judgement: Judgement) -> float | None:
    """How old the state was that was judged by; None where there was none."""
    if judgement.reading is None:
        return None
    return round(max(0.0, time.monotonic() - judgement.reading.read_at), 6)


def _named(decision: Decision, identity: str) -> Decision:
    """*decision* with its id where auditors and whoever is refused find it."""
    annotations = {**decision.audit_annotations, DECISION_ID: identity}
    message = f"{decision.message}\n[decision {identity}]" if decision.message else ""
    return replace(decision, audit_annotations=annotations, message=message)


def _answer(judgement: Judgement) -> Answer:
    if judgement.decision.override is not None:
        return Answer.OVERRIDDEN
    return _ANSWERS[judgement.result]


_ANSWERS: Final = {
    ReviewResult.ALLOWED: Answer.ALLOWED,
    ReviewResult.WARNED: Answer.WARNED,
    ReviewResult.DENIED: Answer.DENIED,
    ReviewResult.ERROR: Answer.UNJUDGED,
}
