"""Whether a door can answer; pure: a reading and the present moment in, the probe's body out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.cluster.watch import Reading


class Readiness(TypedDict):
    """The body of ``/readyz``.

    ``loading``: the manifests were not read yet, or not every kind of the cluster was listed, of which
    ``waiting`` tells those that were not. ``degraded``: the newest state could not be read, and answers come
    from the world that was good last. ``age_s`` is the age of that world, null without one; so is ``digest``
    of a live cluster, which changes too often to be digested.
    """

    status: Literal["ready", "degraded", "loading", "unreadable"]
    age_s: float | None
    revision: str | None
    digest: str | None
    failure: str
    waiting: list[str]


def readiness(reading: Reading, now: float) -> Readiness:
    """What is known at *now* (monotonic clock)."""
    if reading.world is None:
        status: Literal["loading", "unreadable"] = "unreadable" if reading.failure else "loading"
        return Readiness(
            status=status,
            age_s=None,
            revision=None,
            digest=None,
            failure=reading.failure,
            waiting=[*reading.waiting],
        )
    return Readiness(
        status="degraded" if reading.failure else "ready",
        age_s=round(now - reading.read_at, 3),
        revision=reading.revision,
        digest=None if reading.is_live else reading.world.snapshot.digest,
        failure=reading.failure,
        waiting=[*reading.waiting],
    )


def combined(states: Mapping[str, Readiness]) -> Readiness:
    """The state of all that is served, by name: as old as the oldest, as bad as the worst."""
    if len(states) == 1:
        return next(iter(states.values()))
    ages = [one["age_s"] for one in states.values() if one["age_s"] is not None]
    failures = [f"{name}: {one['failure']}" for name, one in states.items() if one["failure"]]
    revisions = [f"{name}={one['revision']}" for name, one in states.items()]
    return Readiness(
        status="degraded" if failures else "ready",
        age_s=max(ages, default=None),
        revision=", ".join(revisions) or None,
        digest=None,
        failure="; ".join(failures),
        waiting=[f"{name}: {kind}" for name, one in states.items() for kind in one["waiting"]],
    )


def is_ready(state: Readiness) -> bool:
    """Whether there is a world: an old one is told, and better than none."""
    return state["age_s"] is not None
