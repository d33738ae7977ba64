"""The raw form and the annotations of objects of which there are many, without what nobody reads.

A live pod is some kilobytes of JSON, of which packets depend on a tenth. Parts that stay are shared with
the original, not copied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.model.document import Document

T = TypeVar("T")

_METADATA = (
    "name",
    "namespace",
    "labels",
    "uid",
    "resourceVersion",
    "deletionTimestamp",
    "finalizers",
    "ownerReferences",
)


def trim_annotations(document: Document, kept: tuple[str, ...]) -> None:
    """Keep the annotations of the metadata whose names start with one of *kept*."""
    annotations = document.meta.annotations
    if any(not name.startswith(kept) for name in annotations):
        document.meta = replace(document.meta, annotations=_starting(annotations, kept))


def trimmed(
    raw: Mapping[str, object], parts: Mapping[str, object], *, annotations: tuple[str, ...] = ()
) -> Mapping[str, object]:
    """The object *raw* with *parts* for its fields besides identity and metadata; a None is left out."""
    kept = picked(raw, ("apiVersion", "kind"))
    metadata = raw.get("metadata")
    if isinstance(metadata, dict):
        kept["metadata"] = _trimmed_metadata(metadata, annotations)
    kept.update((key, part) for key, part in parts.items() if part is not None)
    return kept


def picked(raw: Mapping[str, object], keys: Iterable[str]) -> dict[str, object]:
    """*raw* with these of its keys only."""
    return {key: raw[key] for key in keys if key in raw}


def _trimmed_metadata(
    metadata: Mapping[str, object], annotations: tuple[str, ...]
) -> Mapping[str, object]:
    kept = picked(metadata, _METADATA)
    listed = metadata.get("annotations")
    if isinstance(listed, dict) and (some := _starting(listed, annotations)):
        kept["annotations"] = some
    return kept


def _starting(names: Mapping[str, T], prefixes: tuple[str, ...]) -> dict[str, T]:
    return {name: value for name, value in names.items() if name.startswith(prefixes)}
