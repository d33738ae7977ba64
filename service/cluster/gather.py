"""A live cluster read once, from end to end: for audits and captures, which need no watch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from service.cluster.discovery import discover
from service.cluster.kube import Client, RequestError
from service.cluster.listing import pages
from service.cluster.manifests import Loaded
from service.cluster.objects import Objects, read_item, version_of
from service.model.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.cluster.discovery import Discovery, Resource
    from service.model.meta import Decoded

Tell: TypeAlias = "Callable[[str, int, int], None]"
"""Is told the resource that is read, how many of its objects are, and how many there are."""

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a cluster has of the kinds that are read, and the moment at which reading began."""

    cluster: str
    snapshot: Snapshot
    discovery: Discovery
    began_at: float

    @property
    def loaded(self) -> Loaded:
        """The same as what manifests hold."""
        count = sum(1 for _ in self.snapshot.decoded())
        return Loaded(self.snapshot, documents=count)

    @property
    def age_s(self) -> float:
        """How old the oldest part may be now."""
        return time.monotonic() - self.began_at


def gather(context: str, tell: Tell) -> Gathered:
    """What the cluster of a kubeconfig's *context* has, or the one at hand, list by list.

    A kind that cannot be listed may be the one that guards a port: then there is no result.

    Raises: SourceError.
    """
    began_at = time.monotonic()
    client = Client(context)
    found = discover(client)
    decoded: list[Decoded[object]] = []
    revision = 0
    for resource in found.resources:
        objects, version = _listed(client, resource, tell)
        decoded += objects.all_standing()
        revision = max(revision, version)
    decoded.sort(key=lambda one: one.ref)
    return Gathered(client.name, Snapshot.of(decoded, revision=str(revision)), found, began_at)


def _listed(client: Client, resource: Resource, tell: Tell) -> tuple[Objects, int]:
    """The objects of *resource*; a list that goes out of date is begun anew, a few times."""
    for _ in range(_TRIES - 1):
        try:
            return _paged(client, resource, tell)
        except RequestError as error:
            if not error.is_gone:
                raise
    return _paged(client, resource, tell)


def _paged(client: Client, resource: Resource, tell: Tell) -> tuple[Objects, int]:
    objects = Objects()
    version = ""
    tell(resource.name, 0, 0)
    for page in pages(client, resource):
        for raw in page.items:
            objects.replace(read_item(resource, raw))
        version = page.version
        tell(resource.name, len(objects), len(objects) + page.left)
    return objects, version_of(version)
