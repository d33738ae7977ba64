"""Lists of an API server: a page at a time, so that no answer is as big as the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from service.cluster.objects import Key, key_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.cluster.discovery import Resource
    from service.cluster.kube import Client

PAGE: Final = 500
_NAMES_ONLY: Final = (
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, raw; ``version`` is that of the whole, ``left`` how many objects follow."""

    items: list[dict[str, Any]]
    version: str
    left: int


@dataclass(frozen=True, slots=True)
class Census:
    """Which objects there were at the resourceVersion ``version``, each with its own."""

    version: int
    versions: Mapping[Key, int]


def pages(client: Client, resource: Resource, *, size: int = PAGE) -> Iterator[Page]:
    """The list of *resource* as it is now, not as some cache has it.

    Raises: RequestError, gone (410) if the list went out of date before its last page.
    """
    query = {"limit": str(size)}
    while True:
        answer = orjson.loads(client.get(resource.path, query))
        metadata = answer["metadata"]
        items = answer.get("items") or []
        yield Page(items, metadata["resourceVersion"], metadata.get("remainingItemCount", 0))
        if not (more := metadata.get("continue")):
            return
        query = {"limit": str(size), "continue": more}


def newest_version(client: Client, resource: Resource, *, timeout_s: float) -> int:
    """The resourceVersion that a list of *resource* has now.

    Raises: RequestError.
    """
    answer = orjson.loads(client.get(resource.path, {"limit": "1"}, timeout_s=timeout_s))
    return version_of(answer["metadata"]["resourceVersion"])


def census(client: Client, resource: Resource, *, timeout_s: float) -> Census:
    """Which objects of *resource* there are now: names and versions only.

    Raises: RequestError.
    """
    body = client.get(resource.path, timeout_s=timeout_s, accept=_NAMES_ONLY)
    answer = orjson.loads(body)
    versions = {
        key_of(one): version_of(one["metadata"].get("resourceVersion"))
        for one in answer.get("items") or ()
    }
    return Census(version_of(answer["metadata"]["resourceVersion"]), versions)
