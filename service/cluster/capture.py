"""A cluster as a file: what a verdict can depend on, and nothing else; every command reads it as manifests.

One JSON document, an object a line, sorted: the same objects give the same bytes. It holds no Secrets, none
of the environment of pods, no identifiers of machines and no annotation that nobody here reads. A digest over its objects
tells whether it was changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from service import __version__
from service.errors import DecodeError, ManifestError, SourceLocation
from service.model.decode import Skipped, decode_object
from service.model.snapshot import Snapshot
from service.model.trimming import picked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.cluster.discovery import Discovery
    from service.model.meta import Decoded

API_VERSION: Final = "nodeward.io/v1alpha1"
KIND: Final = "ClusterSnapshot"

MAX_BYTES: Final = 2**31
"""A cluster of 150,000 pods takes some 100 MB."""

_HEAD: Final = f'{{"apiVersion":"{API_VERSION}","kind":"{KIND}",'.encode()
_FIRST_ITEM_LINE: Final = 2
_ANNOTATIONS: Final = (
    "cni.projectcalico.org/",
    "nodeward.io/",
    "projectcalico.org/",
    "service.beta.kubernetes.io/load-balancer-source-ranges",
    "vpc.amazonaws.com/",
)
_APPLIED: Final = ("kubectl.kubernetes.io/last-applied-configuration",)
"""What somebody wrote and the server dropped; told of policy only, whose other half is here anyway."""
_METADATA: Final = (
    "name",
    "namespace",
    "labels",
    "deletionTimestamp",
    "finalizers",
    "ownerReferences",
)
_WHOLE_GROUPS: Final = frozenset(
    {
        "projectcalico.org",
        "crd.projectcalico.org",
        "networking.k8s.io",
        "policy.networking.k8s.io",
        "nodeward.io",
    }
)
"""Groups whose objects are policy: all of what they say is needed."""
_PARTS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Namespace": {},
    "ServiceAccount": {},
    "Node": {"spec": ("podCIDR", "podCIDRs"), "status": ("addresses", "nodeInfo")},
    "Service": {"status": ("loadBalancer",)},
}
_WEBHOOKS: Final = "admissionregistration.k8s.io"
"""The group whose objects say all at their root; what is secret in them was trimmed when they were read."""
_ENDPOINT: Final = ("addresses", "conditions", "nodeName", "targetRef")
_TARGET: Final = ("kind", "namespace", "name")


@dataclass(frozen=True, slots=True)
class Capture:
    """What a file holds: the objects, what each was taken with, and what the cluster did not serve."""

    decoded: tuple[Decoded[object], ...]
    versions: Mapping[str, str]
    missing: tuple[str, ...]


def write(snapshot: Snapshot, found: Discovery, stream: IO[bytes]) -> str:
    """Write the capture of *snapshot* to *stream*; its digest."""
    items = [redacted(one) for one in snapshot.decoded()]
    digest = _digest(starmap(_decoded, _located(items, "capture")))
    head = {
        "digest": digest,
        "versions": {
            "nodeward": __version__,
            "kubernetes": found.server,
            "calico_group": found.calico_group,
        },
        "missing": sorted(found.missing),
    }
    stream.write(_HEAD + orjson.dumps(head, option=orjson.OPT_SORT_KEYS)[1:-1] + b',"items":[\n')
    for place, item in enumerate(items):
        stream.write(b",\n" if place else b"")
        stream.write(orjson.dumps(item, option=orjson.OPT_SORT_KEYS))
    stream.write(b"\n]}\n")
    return digest


def is_capture(head: bytes) -> bool:
    """Whether a file that begins with *head* is a capture."""
    return head.startswith(_HEAD)


HEAD_BYTES: Final = len(_HEAD)
"""So much of a file tells whether it is a capture."""


def read(data: bytes, name: str) -> Capture:
    """The objects of a capture called *name*.

    Raises: ManifestError where it is damaged, or was changed after it was taken.
    """
    place = SourceLocation(name)
    if len(data) > MAX_BYTES:
        raise ManifestError("the capture is too large", location=place)
    try:
        document = orjson.loads(data)
        items, versions, missing = document["items"], document["versions"], document["missing"]
        decoded = tuple(starmap(_decoded, _located(items, name)))
        told = document["digest"]
    except (ValueError, KeyError, TypeError, DecodeError) as error:
        raise ManifestError(f"the capture is damaged: {error}", location=place) from error
    if _digest(decoded) != told:
        raise ManifestError("the capture was changed after it was taken", location=place)
    return Capture(decoded, versions, tuple(missing))


def redacted(one: Decoded[object]) -> dict[str, Any]:
    """The raw form of *one* with what a verdict can depend on, whatever else was kept of it."""
    raw = one.raw
    kept: dict[str, Any] = picked(raw, ("apiVersion", "kind"))
    metadata: dict[str, Any] = picked(_mapping(raw.get("metadata")), _METADATA)
    listed = _mapping(_mapping(raw.get("metadata")).get("annotations"))
    prefixes = (*_ANNOTATIONS, *(_APPLIED if one.ref.group in _WHOLE_GROUPS else ()))
    if told := {name: text for name, text in listed.items() if name.startswith(prefixes)}:
        metadata["annotations"] = told
    kept["metadata"] = metadata
    return kept | _body(one, raw)


def _body(one: Decoded[object], raw: Mapping[str, Any]) -> dict[str, Any]:
    """What an object says besides its metadata."""
    if one.ref.kind == "EndpointSlice":
        return {
            **picked(raw, ("addressType", "ports")),
            "endpoints": [_endpoint(each) for each in raw.get("endpoints") or ()],
        }
    if one.ref.group == _WEBHOOKS:
        return picked(raw, ("webhooks",))
    parts = _PARTS.get(one.ref.kind)
    if parts is None:
        # What many clusters have many of was trimmed when it was read.
        return picked(raw, ("spec",) if one.ref.group in _WHOLE_GROUPS else ("spec", "status"))
    told: dict[str, Any] = {
        name: picked(_mapping(raw.get(name)), keys) for name, keys in parts.items()
    }
    if one.ref.kind == "Service":
        told["spec"] = raw.get("spec")
    if one.ref.kind == "Node":
        told["status"] = _node_status(told["status"])
    return {name: part for name, part in told.items() if part}


def _node_status(status: Mapping[str, Any]) -> dict[str, Any]:
    """The addresses, without host names, and the operating system."""
    addresses = [
        one
        for one in status.get("addresses") or ()
        if _mapping(one).get("type") in {"InternalIP", "ExternalIP"}
    ]
    system = picked(_mapping(status.get("nodeInfo")), ("operatingSystem",))
    told = {"addresses": addresses, "nodeInfo": system}
    return {name: part for name, part in told.items() if part}


def _endpoint(raw: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = picked(raw, _ENDPOINT)
    if "targetRef" in kept:
        kept["targetRef"] = picked(_mapping(kept["targetRef"]), _TARGET)
    return kept


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _located(items: Iterable[object], name: str) -> Iterator[tuple[object, SourceLocation]]:
    """Each item with the line that it stands on."""
    return ((item, SourceLocation(name, line)) for line, item in enumerate(items, _FIRST_ITEM_LINE))


def _decoded(raw: object, place: SourceLocation) -> Decoded[object]:
    """The object *raw*. Raises: DecodeError."""
    decoded = decode_object(raw, place)
    if isinstance(decoded, Skipped):
        raise DecodeError(f"{decoded.gvk} is not read", location=place)
    return decoded


def _digest(decoded: Iterable[Decoded[object]]) -> str:
    return Snapshot.of(decoded).digest
