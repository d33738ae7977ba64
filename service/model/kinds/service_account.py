"""ServiceAccounts: their labels are what service account selectors see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kind import Kind
from service.model.refs import GVK

if TYPE_CHECKING:
    from service.model.document import Document
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A ServiceAccount."""

    meta: Meta


def _decode(document: Document) -> ServiceAccount:
    document.root.ignore("secrets", "imagePullSecrets", "automountServiceAccountToken")
    return ServiceAccount(document.meta)


KIND = Kind(
    gvks=(GVK("", "v1", "ServiceAccount"),),
    plural="serviceaccounts",
    namespaced=True,
    type=ServiceAccount,
    decode=_decode,
)
