"""Calico's staged form of Kubernetes' network policies: shown, never enforced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kind import Kind, calico_gvks
from service.model.kinds.k8s_network_policy import read_kubernetes_policy
from service.model.meta import Layer
from service.model.staged import check_staged_delete, read_staged_action

if TYPE_CHECKING:
    from service.model.document import Document
    from service.model.kinds.k8s_network_policy import NetworkPolicy
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class StagedKubernetesNetworkPolicy:
    """A StagedKubernetesNetworkPolicy: what would be done (``action``) with the policy that it carries."""

    policy: NetworkPolicy
    action: str = "Set"

    @property
    def meta(self) -> Meta:
        """The metadata of the staged object."""
        return self.policy.meta


def _decode(document: Document) -> StagedKubernetesNetworkPolicy:
    spec = document.spec()
    action = read_staged_action(document, spec)
    policy = read_kubernetes_policy(document, spec, Layer.VALIDATOR)
    check_staged_delete(document, spec, action)
    return StagedKubernetesNetworkPolicy(policy, action)


KIND = Kind(
    gvks=calico_gvks("StagedKubernetesNetworkPolicy"),
    plural="stagedkubernetesnetworkpolicies",
    namespaced=True,
    type=StagedKubernetesNetworkPolicy,
    decode=_decode,
)
