"""Policies of a cluster's administrators, the predecessor of ClusterNetworkPolicy's tier "Admin"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.cluster_policy import (
    ADMIN,
    Subject,
    read_priority,
    read_rules,
    read_subject,
)
from service.model.kind import Kind
from service.model.refs import GVK

if TYPE_CHECKING:
    from service.model.cluster_policy import ClusterRule
    from service.model.document import Document
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class AdminNetworkPolicy:
    """An AdminNetworkPolicy, which Calico knows from v3.29 to v3.31; the lower ``priority`` comes first."""

    meta: Meta
    priority: int
    subject: Subject = field(default_factory=Subject)
    ingress: tuple[ClusterRule, ...] = ()
    egress: tuple[ClusterRule, ...] = ()


def _decode(document: Document) -> AdminNetworkPolicy:
    spec = document.spec()
    return AdminNetworkPolicy(
        meta=document.meta,
        priority=read_priority(document, spec),
        subject=read_subject(document, spec),
        ingress=read_rules(document, spec, "ingress", dialect=ADMIN),
        egress=read_rules(document, spec, "egress", dialect=ADMIN),
    )


KIND = Kind(
    gvks=(GVK("policy.networking.k8s.io", "v1alpha1", "AdminNetworkPolicy"),),
    plural="adminnetworkpolicies",
    namespaced=False,
    type=AdminNetworkPolicy,
    decode=_decode,
)
