"""Whether a door can answer; pure: a reading and the present moment in, the probe's body out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from service.cluster.watch import Reading


class Readiness(TypedDict):
    """The body of ``/readyz``.

    ``loading``: the manifests were not read yet. ``degraded``: the newest state of them could not be
    used, and answers come from the world that was good last. ``age_s`` is the age of that world, null without one.
    """

    status: Literal["ready", "degraded", "loading", "unreadable"]
    age_s: float | None
    digest: str | None
    failure: str


def readiness(reading: Reading, now: float) -> Readiness:
    """What is known at *now* (monotonic clock)."""
    if reading.world is None:
        status: Literal["loading", "unreadable"] = "unreadable" if reading.failure else "loading"
        return Readiness(status=status, age_s=None, digest=None, failure=reading.failure)
    return Readiness(
        status="degraded" if reading.failure else "ready",
        age_s=round(now - reading.read_at, 3),
        digest=reading.world.snapshot.digest,
        failure=reading.failure,
    )


def is_ready(state: Readiness) -> bool:
    """Whether there is a world: an old one is told, and better than none."""
    return state["age_s"] is not None
