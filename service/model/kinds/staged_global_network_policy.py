"""Calico's staged cluster-wide policies: shown, never enforced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.document import API_SERVER
from service.model.kind import Kind, calico_gvks
from service.model.kinds.global_network_policy import read_global_policy
from service.model.meta import Layer

if TYPE_CHECKING:
    from service.model.document import Document
    from service.model.kinds.global_network_policy import GlobalNetworkPolicy
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class StagedGlobalNetworkPolicy:
    """A StagedGlobalNetworkPolicy: what would be done (``action``) with the policy that it carries."""

    policy: GlobalNetworkPolicy
    action: str = "Set"

    @property
    def meta(self) -> Meta:
        """The metadata of the staged object."""
        return self.policy.meta


_ACTIONS = ("Set", "Delete", "Learn", "Ignore")


def _decode(document: Document) -> StagedGlobalNetworkPolicy:
    spec = document.spec()
    action = spec.string("stagedAction")
    if not action:
        action = "Set"
        document.default(spec.at("stagedAction"), action, API_SERVER)
    elif action not in _ACTIONS:
        message = f"{action!r} is no staged action: {', '.join(_ACTIONS)}"
        document.problem(Layer.SCHEMA, message, at=spec.at("stagedAction"))
    policy = read_global_policy(document, spec)
    if action == "Delete" and any(
        spec.raw.get(key) for key in spec.asked - {"tier", "stagedAction"}
    ):
        message = "a staged Delete has no field but its tier"
        document.problem(Layer.VALIDATOR, message, at=spec.pointer)
    return StagedGlobalNetworkPolicy(policy, action)


KIND = Kind(
    gvks=calico_gvks("StagedGlobalNetworkPolicy"),
    plural="stagedglobalnetworkpolicies",
    namespaced=False,
    type=StagedGlobalNetworkPolicy,
    decode=_decode,
)
