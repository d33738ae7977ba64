"""Judging in a live cluster: never by what is known too long, nor a denial by what is known too little.

Who applies a policy and its Service together must not be told that the Service is unguarded, because the
policy has not come to our watch yet. So a denial is held back until all that was written before the review
is known, or the time is up; whenever something that could undo it is told meanwhile, it is judged again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from service.admission.hazard import hazard
from service.checks.contract import DECIDING_KINDS
from service.cluster.live import Certainty
from service.errors import EngineError
from service.telemetry import StaleAnswer, count_stale

if TYPE_CHECKING:
    from service.admission.decide import Decision
    from service.admission.review import ReviewRequest
    from service.cluster.live import LiveCluster
    from service.cluster.watch import Reading
    from service.policy.world import World
    from service.settings import OnError
    from webhook.judge import Decide

LIMIT_S: Final = 10.0
"""The API server's own default, where a review does not say how long it waits."""

_SHARE: Final = 0.7
"""The part of the time that is left for which a denial may wait: the rest is for judging and the way back."""
_UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Certain:
    """Decides by the newest view of *live* that it can get in time.

    A view of which some part is older than ``stale_after_s`` is proven by a direct read, or else answered
    for by ``on_stale``.
    """

    live: LiveCluster
    stale_after_s: float
    on_stale: OnError

    def decided(
        self, decide: Decide, review: ReviewRequest, *, deadline: float | None
    ) -> tuple[Decision, Reading]:
        """The decision, and the view that it was made in. Raises: EngineError while there is none."""
        now = time.monotonic()
        until = now + _SHARE * (LIMIT_S if deadline is None else deadline - now)
        reading = self.live.current
        if self._is_stale(reading):
            self._freshen(_world(reading), until)
            reading = self.live.current
        decision, reading = self._sure(decide, review, reading, until=until)
        if self._is_stale(reading):
            decision = self._stale(decision, review, reading)
        return _dated(decision, reading), reading

    def _is_stale(self, reading: Reading) -> bool:
        return time.monotonic() - reading.read_at > self.stale_after_s

    def _freshen(self, world: World, until: float) -> None:
        """Ask the server for what was heard of too long ago."""
        oldest = time.monotonic() - self.stale_after_s
        progress = self.live.view.progress
        stale = {one.kind.name for one, reached in progress.items() if reached.at < oldest}
        while self.live.confirm(world, stale, deadline=until) is Certainty.CHANGED:
            world = self.live.current.world or world

    def _sure(
        self, decide: Decide, review: ReviewRequest, reading: Reading, *, until: float
    ) -> tuple[Decision, Reading]:
        """A decision that allows, or that nothing known by *until* undoes."""
        while True:
            world = _world(reading)
            decision = decide(world, review)
            if decision.allowed:
                return decision, reading
            certainty = self.live.confirm(world, DECIDING_KINDS, deadline=until)
            if certainty is not Certainty.CHANGED:
                newest = self.live.current
                return decision, newest if newest.world is world else reading
            reading = self.live.current

    def _stale(self, decision: Decision, review: ReviewRequest, reading: Reading) -> Decision:
        """What becomes of a review whose cluster may be another by now."""
        age_s = time.monotonic() - reading.read_at
        failure = f" ({reading.failure})" if reading.failure else ""
        known = f"Nodeward last knew all of the cluster {age_s:.0f} s ago{failure}"
        harm = hazard(review)
        if decision.allowed and harm and self.on_stale == "deny":
            count_stale(StaleAnswer.DENIED)
            message = (
                f"{known}: a change that {harm} is refused until it does again.\n"
                "Try again; the setting cluster.on_stale decides."
            )
            return replace(decision, allowed=False, code=_UNAVAILABLE, message=message)
        count_stale(StaleAnswer.WARNED)
        return replace(decision, warnings=(*decision.warnings, f"{known}: judged by that."))


def _world(reading: Reading) -> World:
    if reading.world is None:
        raise EngineError("there is no world to judge in")
    return reading.world


def _dated(decision: Decision, reading: Reading) -> Decision:
    """*decision* with the revision and the age of what it was made by."""
    age_s = max(0.0, time.monotonic() - reading.read_at)
    told = {"revision": reading.revision, "age": f"{age_s:.3f}s"}
    annotations = {**decision.audit_annotations, **told}
    return replace(decision, revision=reading.revision, audit_annotations=annotations)
