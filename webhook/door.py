"""One review from its arrival to its answer: let in, judged in time, overridden by right, recorded, told."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from service.admission.override import Override, Way, overridden, refusing, unheeded
from service.errors import AuditorError
from service.telemetry import ReviewResult, count_engine_error, count_override, logger
from webhook.timely import LateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.admission.decide import Decision
    from service.admission.override import Plea
    from service.admission.review import ReviewRequest
    from service.policy.world import World
    from webhook.announcer import Announcer
    from webhook.gate import Gate, Work
    from webhook.judge import Judge, Judgement
    from webhook.recorder import Recorder
    from webhook.timely import Timely

LIMIT_S: Final = 10.0
"""The API server's own default, where a review does not say how long it waits."""

IN_PLACE_S: Final = 0.003
"""Reviews of Services whose likes took less are judged by the thread that has read them, if there is ample
time: handing them to another one and back would take as long as judging them. Of other kinds one may take a
thousand times as long as the one before it, so that nothing but another thread keeps the deadline."""

_AMPLE_S: Final = 1.0
_LOG = logger(__name__)


Mend: TypeAlias = "Callable[[World, Decision], Decision]"


class Rights(Protocol):
    """Whoever knows which rights a caller holds."""

    def may_bypass(self, review: ReviewRequest, check: str, *, timeout_s: float) -> bool:
        """Whether the caller of *review* may pass what *check* refuses. Raises: AuditorError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Everything that an answer takes. ``mend`` looks for a fix of a refusal. ``rights`` is None where there is no API server to ask.

    ``announcer`` is None where there is none to tell.
    """

    judge: Judge
    gate: Gate
    timely: Timely
    recorder: Recorder
    mend: Mend
    rights: Rights | None = None
    announcer: Announcer | None = None

    def answer(
        self, review: ReviewRequest, *, arrived: float, limit_s: float | None = None
    ) -> Judgement:
        """The answer to *review*, which arrived at that moment of the monotonic clock.

        Raises: TooManyRequests if there is no time for it.
        """
        deadline = arrived + (LIMIT_S if limit_s is None else limit_s)
        like = (review.kind.group, review.kind.kind, review.operation)
        with self.gate.passed(like, deadline - time.monotonic()) as work:
            judgement = self._judged(review, deadline, work)
        if judgement.decision.plea is not None:
            judgement = self._heard(review, judgement, deadline)
        if not judgement.decision.allowed:
            judgement = self._mended(judgement, deadline)
        judgement = self.recorder.recorded(review, judgement, started=arrived, deadline=deadline)
        if self.announcer is not None:
            self.announcer.announce(review, judgement)
        return judgement

    def _judged(self, review: ReviewRequest, deadline: float, work: Work) -> Judgement:
        judge = partial(self.judge.judge, review, deadline=deadline)
        is_quick = review.kind.kind == "Service" and work.expected_s < IN_PLACE_S
        if is_quick and deadline - time.monotonic() > _AMPLE_S:
            return work.measured(judge)
        try:
            return self.timely.result(partial(work.measured, judge), deadline)
        except LateError:
            return self.judge.late(review)

    def _mended(self, judgement: Judgement, deadline: float) -> Judgement:
        """*judgement* with a fix, if one is found in half of the time that is left: it can do without."""
        reading = judgement.reading
        if reading is None or reading.world is None:
            return judgement
        now = time.monotonic()
        work = partial(self.mend, reading.world, judgement.decision)
        try:
            decision = self.timely.result(work, now + (deadline - now) / 2)
        except LateError:
            return judgement
        except Exception:  # noqa: BLE001  # the refusal stands without it
            count_engine_error()
            _LOG.exception("fix_failed", revision=reading.revision)
            return judgement
        return replace(judgement, decision=decision)

    def _heard(self, review: ReviewRequest, judgement: Judgement, deadline: float) -> Judgement:
        """*judgement* after the plea for break-glass that came with it."""
        plea, decision = judgement.decision.plea, judgement.decision
        passed = refusing(decision)
        if plea is None or decision.allowed or not passed:
            return judgement
        why_not = self._why_not(review, plea, decision, deadline=deadline)
        if why_not:
            return replace(judgement, decision=unheeded(decision, why_not))
        override = Override(Way.BREAK_GLASS, plea.reason, passed)
        count_override()
        _LOG.warning("break_glass", user=review.user, checks=passed, reason=plea.reason)
        return replace(
            judgement, decision=overridden(decision, override), result=ReviewResult.WARNED
        )

    def _why_not(
        self, review: ReviewRequest, plea: Plea, decision: Decision, *, deadline: float
    ) -> str:
        """Why the caller may not pass all that refuses; "" if he may."""
        if plea.why_not or plea.travelled:
            return plea.why_not
        if self.rights is None:
            return "there is no API server to ask for the right to bypass"
        for check in refusing(decision):
            left_s = max(0.1, (deadline - time.monotonic()) / 2)
            ask = partial(self.rights.may_bypass, review, check, timeout_s=left_s)
            try:
                may = self.timely.result(ask, deadline)
            except (LateError, AuditorError) as error:
                return f"the API server could not be asked for the right to bypass {check}: {error}"
            if not may:
                return f"{review.user} may not bypass {check} (checks.nodeward.io)"
        return ""
