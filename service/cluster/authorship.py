"""Who wrote an object last, and when: as the API server remembers it in ``managedFields``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from service.cluster.discovery import Resource
    from service.cluster.kube import Client

_READ_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Authorship:
    """The last write: RFC 3339 in UTC, and the field manager, "" where that is not told."""

    at: str
    by: str = ""


def last_write(
    client: Client, resource: Resource, *, namespace: str, name: str
) -> Authorship | None:
    """The last write of the object stored under *name*; None if it is gone by now.

    A status is no write of what an object says. One list of one object: watching needs no other right.

    Raises: RequestError.
    """
    within = f"/namespaces/{namespace}" if namespace else ""
    root, _, plural = resource.path.rpartition("/")
    query = {"fieldSelector": f"metadata.name={name}"}
    answer = orjson.loads(client.get(f"{root}{within}/{plural}", query, timeout_s=_READ_S))
    items = answer.get("items") or []
    if not items:
        return None
    metadata = items[0]["metadata"]
    created = Authorship(metadata.get("creationTimestamp", ""))
    writes = [
        Authorship(one["time"], one.get("manager", ""))
        for one in metadata.get("managedFields") or []
        if one.get("time") and one.get("subresource") != "status"
    ]
    return max(writes, key=lambda one: one.at, default=created)
