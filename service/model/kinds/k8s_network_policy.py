"""Kubernetes' own network policies, as the API server would default them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.document import API_SERVER
from service.model.kind import Kind
from service.model.label_selector import LabelSelector, read_label_selector
from service.model.meta import Layer
from service.model.peer_rule import PeerRule, read_peer_rules
from service.model.refs import GVK

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A NetworkPolicy of Kubernetes (not of Calico); ``types`` are those in effect."""

    meta: Meta
    pod_selector: LabelSelector = field(default_factory=LabelSelector)
    types: tuple[str, ...] = ("Ingress",)
    ingress: tuple[PeerRule, ...] = ()
    egress: tuple[PeerRule, ...] = ()


_INGRESS, _EGRESS = "Ingress", "Egress"
_TYPES = (_INGRESS, _EGRESS)


def read_kubernetes_policy(document: Document, spec: Reader, refused_by: Layer) -> NetworkPolicy:
    """The policy in *spec*, which staged ones share; *refused_by* complains of what is illegal in it."""
    ingress = read_peer_rules(document, spec.children("ingress"), peers="from", layer=refused_by)
    egress = read_peer_rules(document, spec.children("egress"), peers="to", layer=refused_by)
    return NetworkPolicy(
        meta=document.meta,
        pod_selector=read_label_selector(document, spec.child("podSelector"), refused_by),
        types=_read_types(document, spec, layer=refused_by),
        ingress=ingress,
        egress=egress,
    )


def _read_types(document: Document, spec: Reader, *, layer: Layer) -> tuple[str, ...]:
    listed = spec.strings("policyTypes")
    for name in listed:
        if name not in _TYPES:
            proper = next((one for one in _TYPES if one.lower() == name.lower()), "")
            message = f"{name!r} is no policy type: Ingress or Egress"
            hint = f'write "{proper}"' if proper else ""
            document.problem(layer, message, at=spec.at("policyTypes"), hint=hint)
    if listed:
        return tuple(name for name in _TYPES if name in listed)
    types = _TYPES if spec.value("egress") else (_INGRESS,)
    document.default(spec.at("policyTypes"), types, API_SERVER)
    return types


def _decode(document: Document) -> NetworkPolicy:
    return read_kubernetes_policy(document, document.spec(), Layer.SCHEMA)


KIND = Kind(
    gvks=(GVK("networking.k8s.io", "v1", "NetworkPolicy"),),
    plural="networkpolicies",
    namespaced=True,
    type=NetworkPolicy,
    decode=_decode,
)
