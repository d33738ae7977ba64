"""APIServices: which groups the API server hands on to a server of their own.

Source: Kubernetes kube-aggregator apis/apiregistration/v1/types.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.callback import kept_service, read_service
from service.model.document import Fields
from service.model.kind import Kind
from service.model.names import is_object_name
from service.model.refs import GVK
from service.model.trimming import trim_annotations, trimmed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.callback import CalledService
    from service.model.document import Document
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class APIService:
    """An APIService. ``service`` is None for the groups that the API server answers itself."""

    meta: Meta
    service: CalledService | None = None


def _decode(document: Document) -> APIService:
    trim_annotations(document, ())
    spec = document.spec(Fields.SOME)
    document.root.ignore("status")
    return APIService(document.meta, read_service(document, spec))


def _is_name(text: str) -> bool:
    """Whether a group/version is named; that of the core group is ``v1.``, since its group is empty."""
    return is_object_name(text.removesuffix("."))


def _trim(raw: Mapping[str, object]) -> Mapping[str, object]:
    return trimmed(raw, {"spec": kept_service(raw.get("spec"))})


KIND = Kind(
    gvks=(GVK("apiregistration.k8s.io", "v1", "APIService"),),
    plural="apiservices",
    namespaced=False,
    type=APIService,
    decode=_decode,
    trim=_trim,
    is_name=_is_name,
)
