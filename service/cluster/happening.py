"""Events: what happened to an object, where its owner looks for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from service.cluster.kube import Client

COMPONENT: Final = "nodeward"
_NOTE_LIMIT: Final = 1000
_CLUSTER_NAMESPACE: Final = "default"
"""Where events about cluster-scoped objects go, as Kubernetes' own do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened to an object: ``reason`` is one word, ``note`` is for people."""

    api_version: str
    kind: str
    namespace: str
    name: str
    reason: str
    note: str
    at: datetime
    uid: str = ""

    def document(self, instance: str) -> dict[str, object]:
        """The Event of ``v1``; its name differs for each happening."""
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        namespace = self.namespace or _CLUSTER_NAMESPACE
        unique = hashlib.sha256(f"{instance} {at} {self.note}".encode()).hexdigest()[:16]
        involved = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{self.name[:200]}.{unique}", "namespace": namespace},
            "involvedObject": {key: value for key, value in involved.items() if value},
            "type": "Warning",
            "reason": self.reason,
            "message": self.note[:_NOTE_LIMIT],
            "eventTime": at,
            "action": "Review",
            "reportingComponent": COMPONENT,
            "reportingInstance": instance[:128],
            "source": {"component": COMPONENT},
        }


def publish(client: Client, happening: Happening, instance: str, *, timeout_s: float) -> None:
    """Create the Event of *happening*, told by *instance*. Raises: RequestError."""
    document = happening.document(instance)
    namespace = happening.namespace or _CLUSTER_NAMESPACE
    client.post(f"/api/v1/namespaces/{namespace}/events", document, timeout_s=timeout_s)
