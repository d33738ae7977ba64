"""The common form of stored objects, recognised and read at once.

The strict readers tell everything that is wrong with an object, and every field pays for it. Of the many
thousand pods of a cluster nearly all have nothing wrong with them: here such an object is read by plain
look-ups, and whatever is not exactly of the expected form is left to the strict readers, with the same result.
What many objects have in common, such as labels, is one value for all of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from service.model.meta import Meta
from service.model.names import is_label_value, is_object_name
from service.model.refs import GVK, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.errors import SourceLocation

_SHARED = 1 << 16
_METADATA = frozenset(
    {
        "annotations",
        "creationTimestamp",
        "generateName",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "uid",
    }
)
_OWNER = frozenset({"apiVersion", "blockOwnerDeletion", "controller", "kind", "name", "uid"})
_NONE: Mapping[str, str] = {}


class NotPlainError(Exception):
    """The object needs the strict readers."""


def plain_meta(
    raw: Mapping[str, object], gvk: GVK, *, location: SourceLocation, kept: tuple[str, ...]
) -> Meta:
    """The metadata of a namespaced object; of its annotations those that start with one of *kept*.

    Raises: NotPlainError.
    """
    metadata = plain_mapping(raw, "metadata")
    if not metadata.keys() <= _METADATA:
        raise NotPlainError
    namespace, name = plain_string(metadata, "namespace"), plain_string(metadata, "name")
    if not (namespace and is_object_name(name)):
        raise NotPlainError
    return Meta(
        ObjectRef(gvk.group, gvk.kind, shared_text(namespace), name),
        plain_labels(metadata),
        _plain_annotations(metadata, kept),
        location,
        gvk.api_version,
        plain_string(metadata, "uid"),
        plain_string(metadata, "resourceVersion"),
    )


def plain_labels(metadata: Mapping[str, object]) -> Mapping[str, str]:
    """The labels of *metadata*: one mapping for all objects with the same, which nobody may change.

    Raises: NotPlainError, as all that follow.
    """
    labels = metadata.get("labels")
    if labels is None:
        return _NONE
    if type(labels) is not dict:
        raise NotPlainError
    try:
        found = _shared_labels(tuple(labels.items()))
    except TypeError:  # a value that is no scalar
        raise NotPlainError from None
    if found is None:
        raise NotPlainError
    return found


@lru_cache(maxsize=_SHARED)
def _shared_labels(items: tuple[tuple[str, object], ...]) -> Mapping[str, str] | None:
    """The labels as a mapping; None where a value is none of a label."""
    if all(type(value) is str and is_label_value(value) for _, value in items):
        return cast("Mapping[str, str]", dict(items))
    return None


@lru_cache(maxsize=_SHARED)
def shared_text(text: str) -> str:
    """*text*, as one object wherever many objects repeat it."""
    return text


def _plain_annotations(metadata: Mapping[str, object], kept: tuple[str, ...]) -> Mapping[str, str]:
    annotations = metadata.get("annotations")
    if not annotations:
        if annotations is None or type(annotations) is dict:
            return _NONE
        raise NotPlainError
    if type(annotations) is not dict:
        raise NotPlainError
    found = {}
    for name, value in annotations.items():
        if type(value) is not str:
            raise NotPlainError
        if name.startswith(kept):
            found[name] = value
    return found or _NONE


def plain_owner(raw: Mapping[str, object], namespace: str) -> ObjectRef | None:
    """The owner that controls the object; None where it has none."""
    metadata = plain_mapping(raw, "metadata")
    found = None
    for owner in plain_mappings(metadata, "ownerReferences", _OWNER):
        controls = owner.get("controller", False)
        if type(controls) is not bool:
            raise NotPlainError
        api_version, kind = plain_string(owner, "apiVersion"), plain_string(owner, "kind")
        name = plain_string(owner, "name")
        if controls and found is None:
            found = _shared_owner(api_version, kind, namespace=namespace, name=name)
    return found


@lru_cache(maxsize=_SHARED)
def _shared_owner(api_version: str, kind: str, *, namespace: str, name: str) -> ObjectRef:
    return ObjectRef(GVK.of(api_version, "").group, kind, namespace, name)


def plain_mapping(raw: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The mapping in a field, empty where absent."""
    value = raw.get(key)
    if value is None:
        return {}
    if type(value) is not dict:
        raise NotPlainError
    return value


def plain_mappings(
    raw: Mapping[str, object], key: str, known: frozenset[str]
) -> list[Mapping[str, object]]:
    """The list of mappings in a field, none of which has a field that is not *known*; empty where absent."""
    value = raw.get(key)
    if value is None:
        return []
    if type(value) is not list:
        raise NotPlainError
    for one in value:
        if type(one) is not dict or not known.issuperset(one):
            raise NotPlainError
    return value


def plain_string(raw: Mapping[str, object], key: str) -> str:
    """The string in a field, "" where absent."""
    value = raw.get(key, "")
    if type(value) is not str:
        raise NotPlainError
    return value
