"""The common form of stored objects, recognised and read at once.

The strict readers tell everything that is wrong with an object, and every field pays for it. Of the many
thousand pods of a cluster nearly all have nothing wrong with them: here such an object is read by plain
look-ups, and whatever is not exactly of the expected form is left to the strict readers, with the same result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.model.meta import Meta
from service.model.names import is_label_value, is_object_name
from service.model.refs import GVK, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.errors import SourceLocation

_STRINGS: frozenset[type] = frozenset({str})
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
    labels = _plain_strings(metadata, "labels")
    if not (namespace and is_object_name(name) and all(map(is_label_value, labels.values()))):
        raise NotPlainError
    annotations = _plain_strings(metadata, "annotations")
    return Meta(
        ref=ObjectRef(gvk.group, gvk.kind, namespace, name),
        labels=labels,
        annotations={key: annotations[key] for key in annotations if key.startswith(kept)},
        location=location,
        api_version=gvk.api_version,
        uid=plain_string(metadata, "uid"),
        resource_version=plain_string(metadata, "resourceVersion"),
    )


def plain_owner(raw: Mapping[str, object], namespace: str) -> ObjectRef | None:
    """The owner that controls the object; None where it has none.

    Raises: NotPlainError.
    """
    metadata = plain_mapping(raw, "metadata")
    if "ownerReferences" not in metadata:
        return None
    found = None
    for owner in plain_mappings(metadata, "ownerReferences", _OWNER):
        controls = owner.get("controller", False)
        if type(controls) is not bool:
            raise NotPlainError
        group = GVK.of(plain_string(owner, "apiVersion"), "").group
        ref = ObjectRef(group, plain_string(owner, "kind"), namespace, plain_string(owner, "name"))
        found = found or (ref if controls else None)
    return found


def plain_mapping(raw: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The mapping in a field, empty where absent.

    Raises: NotPlainError, as all that follow.
    """
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
    if type(value) is not list or not all(
        type(one) is dict and one.keys() <= known for one in value
    ):
        raise NotPlainError
    return value


def plain_string(raw: Mapping[str, object], key: str) -> str:
    """The string in a field, "" where absent."""
    value = raw.get(key, "")
    if type(value) is not str:
        raise NotPlainError
    return value


def _plain_strings(raw: Mapping[str, object], key: str) -> Mapping[str, str]:
    values = plain_mapping(raw, key)
    if not _STRINGS.issuperset(map(type, values.values())):
        raise NotPlainError
    return cast("Mapping[str, str]", values)
