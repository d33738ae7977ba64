"""Namespaces: their labels are what namespace selectors see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.document import Fields
from service.model.kind import Kind
from service.model.refs import GVK

if TYPE_CHECKING:
    from service.model.document import Document
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class Namespace:
    """A Namespace."""

    meta: Meta


def _decode(document: Document) -> Namespace:
    document.spec(Fields.SOME)
    return Namespace(document.meta)


KIND = Kind(
    gvks=(GVK("", "v1", "Namespace"),),
    plural="namespaces",
    namespaced=False,
    type=Namespace,
    decode=_decode,
)
