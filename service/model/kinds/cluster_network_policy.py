"""Cluster-wide policies of sig-network, around the tiers of Calico."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.cluster_policy import (
    CLUSTER,
    Subject,
    read_priority,
    read_rules,
    read_subject,
)
from service.model.kind import Kind
from service.model.meta import Layer
from service.model.refs import GVK

if TYPE_CHECKING:
    from service.model.cluster_policy import ClusterRule
    from service.model.document import Document, Reader
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class ClusterNetworkPolicy:
    """A ClusterNetworkPolicy; ``tier`` is "Admin" or "Baseline", and the lower ``priority`` comes first."""

    meta: Meta
    tier: str
    priority: int
    subject: Subject = field(default_factory=Subject)
    ingress: tuple[ClusterRule, ...] = ()
    egress: tuple[ClusterRule, ...] = ()


_TIERS = ("Admin", "Baseline")


def _decode(document: Document) -> ClusterNetworkPolicy:
    spec = document.spec()
    return ClusterNetworkPolicy(
        meta=document.meta,
        tier=_read_tier(document, spec),
        priority=read_priority(document, spec),
        subject=read_subject(document, spec),
        ingress=read_rules(document, spec, "ingress", dialect=CLUSTER),
        egress=read_rules(document, spec, "egress", dialect=CLUSTER),
    )


def _read_tier(document: Document, spec: Reader) -> str:
    tier = spec.string("tier")
    if tier not in _TIERS:
        shown = f"{tier!r} is no tier" if tier else "a tier is missing"
        document.problem(Layer.SCHEMA, f"{shown}: {' or '.join(_TIERS)}", at=spec.at("tier"))
    return tier


KIND = Kind(
    gvks=(GVK("policy.networking.k8s.io", "v1alpha2", "ClusterNetworkPolicy"),),
    plural="clusternetworkpolicies",
    namespaced=False,
    type=ClusterNetworkPolicy,
    decode=_decode,
)
