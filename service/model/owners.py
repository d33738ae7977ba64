"""Which object an object was made by, as its controller wrote it into the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.document import Reader
from service.model.refs import GVK, ObjectRef

if TYPE_CHECKING:
    from service.model.document import Document

_METADATA = "metadata"
_OWNERS = "ownerReferences"


def read_owner(document: Document) -> ObjectRef | None:
    """The owner that controls the object, in its namespace; None where it has none."""
    metadata = document.raw.get(_METADATA)
    if not isinstance(metadata, dict) or _OWNERS not in metadata:
        return None
    # Everything else of the metadata was read, and complained of, before.
    for owner in Reader(document, metadata, f"/{_METADATA}").children(_OWNERS):
        owner.ignore("uid", "blockOwnerDeletion")
        group = GVK.of(owner.string("apiVersion"), "").group
        kind, name = owner.string("kind"), owner.string("name")
        if owner.boolean("controller"):
            return ObjectRef(group, kind, document.meta.ref.namespace, name)
    return None
