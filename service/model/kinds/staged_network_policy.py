"""Calico's staged namespaced policies: shown, never enforced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kind import Kind, calico_gvks
from service.model.kinds.network_policy import read_network_policy
from service.model.staged import check_staged_delete, read_staged_action

if TYPE_CHECKING:
    from service.model.document import Document
    from service.model.kinds.network_policy import NetworkPolicy
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class StagedNetworkPolicy:
    """A StagedNetworkPolicy: what would be done (``action``) with the policy that it carries."""

    policy: NetworkPolicy
    action: str = "Set"

    @property
    def meta(self) -> Meta:
        """The metadata of the staged object."""
        return self.policy.meta


def _decode(document: Document) -> StagedNetworkPolicy:
    spec = document.spec()
    action = read_staged_action(document, spec)
    policy = read_network_policy(document, spec)
    check_staged_delete(document, spec, action)
    return StagedNetworkPolicy(policy, action)


KIND = Kind(
    gvks=calico_gvks("StagedNetworkPolicy"),
    plural="stagednetworkpolicies",
    namespaced=True,
    type=StagedNetworkPolicy,
    decode=_decode,
)
