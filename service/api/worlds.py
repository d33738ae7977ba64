"""The clusters that questions are asked of: the one that is served, and those of earlier audits."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from service.cluster.manifests import load_texts
from service.cluster.readiness import Readiness, readiness
from service.errors import ConflictError, SourceError
from service.policy.profile import DEFAULT_PROFILE
from service.policy.world import World

if TYPE_CHECKING:
    from service.cluster.watch import Watch
    from service.policy.profile import ClusterProfile
    from service.store.port import AuditStore

_KEPT: Final = 4


class Worlds:
    """Worlds by audit; a few of the latest asked for are kept, so that series of questions are quick."""

    def __init__(
        self,
        store: AuditStore,
        served: Watch | None = None,
        profile: ClusterProfile = DEFAULT_PROFILE,
    ) -> None:
        """*served* watches the manifests of the cluster that is served, if any is."""
        self._store = store
        self._profile = profile
        self._served = served
        self._rebuilt = lru_cache(_KEPT)(self._rebuild)

    def of(self, audit: str) -> World:
        """The world of the manifests of *audit*; of those that are served, if it is empty.

        Raises: NotFoundError for an unknown audit, ConflictError where there are no manifests,
        SourceError while those that are served were never readable.
        """
        if audit:
            return self._rebuilt(audit)
        if self._served is None:
            raise ConflictError("no manifests are served here: name an audit")
        reading = self._served.current
        if reading.world is None:
            raise SourceError(reading.failure or "the manifests have not been read yet")
        return reading.world

    def readiness(self, now: float) -> Readiness:
        """What is known at *now* (monotonic clock) of the manifests that are served.

        Raises: SourceError while they were never readable.
        """
        if self._served is None:
            return Readiness(
                status="ready", age_s=None, revision=None, digest=None, failure="", waiting=[]
            )
        self.of("")
        return readiness(self._served.current, now)

    def _rebuild(self, audit: str) -> World:
        run = self._store.run(audit)
        manifests = self._store.manifests(audit)
        if not manifests:
            raise ConflictError(f"audit {run.id} read files, its manifests are not kept here")
        loaded = load_texts((one.name, one.content) for one in manifests)
        return World.of(loaded.snapshot, self._profile)
