"""What to say to whoever applies a Service before the object that would have guarded it.

kubectl takes the files of a folder by name, kustomize, Helm and Argo CD take Services before custom
resources: without a deny that stands already, a release that brings both is refused at its Service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.kinds.k8s_service import Service

if TYPE_CHECKING:
    from service.checks.verdict import Verdict
    from service.model.snapshot import Change

_CHECK = "nodeport-unguarded"
_MISSING = {
    "node-without-host-endpoint": "HostEndpoint",
    "no-policy": "GlobalNetworkPolicy",
    "selects-nothing": "GlobalNetworkPolicy",
    "no-trailing-deny": "GlobalNetworkPolicy",
    "family-open": "GlobalNetworkPolicy",
    "protocol-open": "GlobalNetworkPolicy",
    "port-open": "GlobalNetworkPolicy",
}


def order_advice(verdict: Verdict, change: Change) -> str:
    """Which object must come before a Service that *verdict* refuses, and how tools are told; else ""."""
    kind = _MISSING.get(verdict.reason)
    is_service = change.after is not None and isinstance(change.after.obj, Service)
    if kind is None or verdict.check != _CHECK or not is_service:
        return ""
    return (
        f"If the {kind} comes with the Service, it must be applied first: by kubectl apply of its own, as "
        "a Helm hook (pre-install,pre-upgrade), or in an earlier Argo CD sync-wave (-1). Where a deny of "
        "all node ports stands already, every order passes."
    )
