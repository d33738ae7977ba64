"""The objects of a live cluster: how one is read, and the balanced index of those that stand.

An object is kept without what changes all the time and means nothing: a Node's heartbeat or a bumped
generation then is no change at all.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from service.errors import EngineError, SourceLocation
from service.model.decode import Skipped, decode_object
from service.model.trimming import picked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.cluster.discovery import Resource
    from service.model.meta import Decoded
    from service.model.refs import ObjectRef

Key: TypeAlias = tuple[str, str]
"""Namespace and name as they are stored; Calico's v1 group may show another name."""

_RESTLESS: Final = frozenset(
    {
        "creationTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_OWNER: Final = ("apiVersion", "kind", "name", "controller")
_STATUS: Final = {
    "Node": ("addresses", "nodeInfo"),
    "Pod": ("phase", "podIP", "podIPs"),
    "Service": ("loadBalancer",),
}


@dataclass(frozen=True, slots=True)
class Item:
    """An object as the server told it, at the resourceVersion ``version``."""

    key: Key
    version: int
    decoded: Decoded[object]


def version_of(text: object) -> int:
    """A resourceVersion as the number that it is in every server over etcd; 0 for what is none."""
    return int(text) if isinstance(text, str) and text.isdigit() else 0


def key_of(raw: Mapping[str, Any]) -> Key:
    """The key of an object of the API."""
    metadata = raw["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def read_item(resource: Resource, raw: Mapping[str, Any]) -> Item:
    """The object *raw*; items of lists lack what the list says of all of them.

    Raises: DecodeError, EngineError.
    """
    told = {
        "apiVersion": resource.gvk.api_version,
        "kind": resource.gvk.kind,
        **still(resource.kind.name, raw),
    }
    decoded = decode_object(told, SourceLocation(file=resource.name))
    if isinstance(decoded, Skipped):
        raise EngineError(f"{resource.name} is watched and not read")
    return Item(key_of(raw), version_of(raw["metadata"].get("resourceVersion")), decoded)


def still(kind: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """*raw* without what changes though nothing is changed."""
    kept = dict(raw)
    metadata = {key: one for key, one in raw["metadata"].items() if key not in _RESTLESS}
    if owners := metadata.get("ownerReferences"):
        metadata["ownerReferences"] = [picked(one, _OWNER) for one in owners]
    kept["metadata"] = metadata
    status = kept.pop("status", None)
    if kind in _STATUS and isinstance(status, dict):
        kept["status"] = picked(status, _STATUS[kind])
    return kept


@dataclass(slots=True)
class Objects:
    """What stands of one resource. One thread writes: `replace` and `discard` only.

    Of several stored objects that are one object to Calico (its v1 group may hold ``default.a`` beside
    ``a``) the one stands whose stored key is the last: which it is never depends on the order of events.
    """

    _versions: dict[Key, int] = field(default_factory=dict)
    _decoded: dict[Key, Decoded[object]] = field(default_factory=dict)
    _keys: dict[ObjectRef, list[Key]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._decoded)

    def replace(self, item: Item) -> set[ObjectRef]:
        """Take *item* for what its key holds, and tell whose standing object may be another now. O(1)."""
        touched = self.discard(item.key)
        self._versions[item.key] = item.version
        self._decoded[item.key] = item.decoded
        insort(self._keys.setdefault(item.decoded.ref, []), item.key)
        return touched | {item.decoded.ref}

    def discard(self, key: Key) -> set[ObjectRef]:
        """Forget what *key* holds, if anything, and tell whose standing object may be another now. O(1)."""
        decoded = self._decoded.pop(key, None)
        if decoded is None:
            return set()
        del self._versions[key]
        keys = self._keys[decoded.ref]
        del keys[bisect_left(keys, key)]
        if not keys:
            del self._keys[decoded.ref]
        return {decoded.ref}

    def keys(self) -> frozenset[Key]:
        """The stored keys. O(n)."""
        return frozenset(self._decoded)

    def get(self, key: Key) -> Decoded[object] | None:
        """What *key* holds."""
        return self._decoded.get(key)

    def version(self, key: Key) -> int:
        """The resourceVersion of what *key* holds, 0 where that is nothing."""
        return self._versions.get(key, 0)

    def standing(self, ref: ObjectRef) -> Decoded[object] | None:
        """The object that stands under *ref*. O(1)."""
        keys = self._keys.get(ref)
        return self._decoded[keys[-1]] if keys else None

    def all_standing(self) -> Iterator[Decoded[object]]:
        """Every object that stands, in no particular order."""
        return (self._decoded[keys[-1]] for keys in self._keys.values())
