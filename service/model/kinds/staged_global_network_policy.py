"""Calico's staged cluster-wide policies: shown, never enforced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.model.kinds.global_network_policy import GlobalNetworkPolicy


@dataclass(frozen=True, slots=True)
class StagedGlobalNetworkPolicy:
    """A StagedGlobalNetworkPolicy: what would be done (``action``) with the policy that it carries."""

    policy: GlobalNetworkPolicy
    action: str = "Set"
