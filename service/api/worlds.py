"""The clusters that questions are asked of: the one that is served, and those of earlier audits."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from service.cluster.manifests import load_paths, load_texts
from service.errors import ConflictError, SourceError
from service.policy.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.cluster.manifests import Loaded
    from service.store.port import AuditStore

_KEPT: Final = 4


class Worlds:
    """Worlds by audit; a few of the latest asked for are kept, so that series of questions are quick."""

    def __init__(self, store: AuditStore, served: World | None = None) -> None:
        self._store = store
        self._served = served
        self._rebuilt = lru_cache(_KEPT)(self._rebuild)

    def of(self, audit: str) -> World:
        """The world of the manifests of *audit*; of those that are served, if it is empty.

        Raises: NotFoundError for an unknown audit, ConflictError where there are no manifests.
        """
        if audit:
            return self._rebuilt(audit)
        if self._served is None:
            raise ConflictError("no manifests are served here: name an audit")
        return self._served

    def _rebuild(self, audit: str) -> World:
        run = self._store.run(audit)
        manifests = self._store.manifests(audit)
        if not manifests:
            raise ConflictError(f"audit {run.id} read files, its manifests are not kept here")
        return World.of(load_texts((one.name, one.content) for one in manifests).snapshot)


def read_manifests(paths: Sequence[str]) -> Loaded:
    """What the manifests at *paths* hold.

    A document that cannot be read may be the policy that guards a port, so one of them is enough to
    refuse the lot.

    Raises: SourceError.
    """
    loaded = load_paths(paths)
    if loaded.errors:
        more = f" (and {len(loaded.errors) - 1} more errors)" if len(loaded.errors) > 1 else ""
        raise SourceError(f"{loaded.errors[0]}{more}")
    return loaded
