"""Calico's namespaced policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kind import Kind, calico_gvks
from service.model.policy_fields import read_policy

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.model.rule import Rule


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A NetworkPolicy of Calico (not of Kubernetes); the fields are those of a GlobalNetworkPolicy."""

    meta: Meta
    tier: str = "default"
    order: float | None = None
    selector: str = ""
    service_account_selector: str = ""
    types: tuple[str, ...] = ("Ingress",)
    types_given: bool = False
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


def read_network_policy(document: Document, spec: Reader) -> NetworkPolicy:
    """The policy in *spec*, which staged policies share."""
    shared = read_policy(document, spec)
    return NetworkPolicy(
        meta=document.meta,
        tier=shared.tier,
        order=shared.order,
        selector=shared.selector,
        service_account_selector=shared.service_account_selector,
        types=shared.types,
        types_given=shared.types_given,
        ingress=shared.ingress,
        egress=shared.egress,
    )


def _decode(document: Document) -> NetworkPolicy:
    return read_network_policy(document, document.spec())


KIND = Kind(
    gvks=calico_gvks("NetworkPolicy"),
    plural="networkpolicies",
    namespaced=True,
    type=NetworkPolicy,
    decode=_decode,
)
