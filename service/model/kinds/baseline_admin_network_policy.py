"""The policy for pods that no other selects, the predecessor of ClusterNetworkPolicy's tier "Baseline"."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.cluster_policy import BASELINE, Subject, read_rules, read_subject
from service.model.kind import Kind
from service.model.meta import Layer
from service.model.refs import GVK

if TYPE_CHECKING:
    from service.model.cluster_policy import ClusterRule
    from service.model.document import Document
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class BaselineAdminNetworkPolicy:
    """The BaselineAdminNetworkPolicy, which Calico knows in v3.30 and v3.31."""

    meta: Meta
    subject: Subject = field(default_factory=Subject)
    ingress: tuple[ClusterRule, ...] = ()
    egress: tuple[ClusterRule, ...] = ()


_ONLY_NAME = "default"


def _decode(document: Document) -> BaselineAdminNetworkPolicy:
    if document.meta.ref.name != _ONLY_NAME:
        message = f"there is one such policy in a cluster, called {_ONLY_NAME!r}"
        document.problem(Layer.SCHEMA, message, at="/metadata/name")
    spec = document.spec()
    return BaselineAdminNetworkPolicy(
        meta=document.meta,
        subject=read_subject(document, spec),
        ingress=read_rules(document, spec, "ingress", dialect=BASELINE),
        egress=read_rules(document, spec, "egress", dialect=BASELINE),
    )


KIND = Kind(
    gvks=(GVK("policy.networking.k8s.io", "v1alpha1", "BaselineAdminNetworkPolicy"),),
    plural="baselineadminnetworkpolicies",
    namespaced=False,
    type=BaselineAdminNetworkPolicy,
    decode=_decode,
)
