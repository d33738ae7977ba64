"""The clusters that questions are asked of: those that are served, and those of earlier audits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from service.cluster.manifests import load_texts
from service.cluster.readiness import Readiness, combined, readiness
from service.errors import ConflictError, NotFoundError, SourceError
from service.policy.profile import DEFAULT_PROFILE
from service.policy.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.cluster.watch import Reading, Source
    from service.policy.profile import ClusterProfile
    from service.store.port import AuditStore

_KEPT: Final = 4
_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """The world that a question is asked of; ``reading`` is None where it is that of an audit."""

    world: World
    reading: Reading | None = None

    @property
    def dated(self) -> dict[str, str | None]:
        """Which state answers: a digest, but for a live cluster, which has a revision."""
        if self.reading is not None and self.reading.is_live:
            return {"digest": None, "revision": self.reading.revision}
        return {"digest": self.world.snapshot.digest, "revision": self.world.snapshot.revision}


class Worlds:
    """Worlds by audit; a few of the latest asked for are kept, so that series of questions are quick."""

    def __init__(
        self,
        store: AuditStore,
        served: Mapping[str, Source] | None = None,
        profile: ClusterProfile = DEFAULT_PROFILE,
    ) -> None:
        """*served* are the clusters that are served, by name; that of manifests is "manifests"."""
        self._store = store
        self._profile = profile
        self._served = dict(served or {})
        self._rebuilt = lru_cache(_KEPT)(self._rebuild)

    def asked(self, audit: str, cluster: str) -> Asked:
        """The world of the manifests of *audit*; if that is empty, of the served *cluster*, or the only one.

        Raises: NotFoundError for an unknown audit or cluster, ConflictError where there are no manifests
        or several clusters, SourceError while the cluster was never readable.
        """
        if audit:
            return Asked(self._rebuilt(audit))
        reading = self._source(cluster).current
        if reading.world is None:
            waiting = f"waiting for {', '.join(reading.waiting[:_TOLD])}" if reading.waiting else ""
            raise SourceError(reading.failure or waiting or "what is served has not been read yet")
        return Asked(reading.world, reading)

    def readiness(self, now: float) -> Readiness:
        """What is known at *now* (monotonic clock) of all that is served.

        Raises: SourceError while some of it was never readable.
        """
        for name in self._served:
            self.asked("", name)
        return combined(
            {name: readiness(source.current, now) for name, source in self._served.items()}
        )

    def _source(self, cluster: str) -> Source:
        if not self._served:
            raise ConflictError("no cluster is served here: name an audit")
        if not cluster and len(self._served) > 1:
            raise ConflictError(f"several clusters are served here: name one of {self._names}")
        if cluster and cluster not in self._served:
            raise NotFoundError(f"no cluster {cluster} is served here; there are {self._names}")
        return self._served[cluster or next(iter(self._served))]

    @property
    def _names(self) -> str:
        return ", ".join(sorted(self._served))

    def _rebuild(self, audit: str) -> World:
        run = self._store.run(audit)
        manifests = self._store.manifests(audit)
        if not manifests:
            raise ConflictError(f"audit {run.id} read files, its manifests are not kept here")
        loaded = load_texts((one.name, one.content) for one in manifests)
        return World.of(loaded.snapshot, self._profile)
