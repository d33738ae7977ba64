"""What a change could do at worst: asked where too little is known to judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.admission.decide import is_judged
from service.admission.review import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.admission.review import ReviewRequest

_OPEN_TYPES = frozenset({"NodePort", "LoadBalancer"})
_DECIDING_METADATA = ("labels", "annotations")


def hazard(request: ReviewRequest) -> str:
    """Which harm *request* could do whatever stands in the cluster; "" where it can do none.

    A Service opens node ports that it did not have, or had for others. Every other kind that is judged
    guards ports, or carries traffic to the API server: any change of what it says can undo that.
    """
    if not is_judged(request) or _is_leaving(request.object):
        return ""
    before = request.old_object if request.operation is not Operation.CREATE else None
    after = request.object if request.operation is not Operation.DELETE else None
    if before is not None and after is not None and _said(before) == _said(after):
        return ""
    if request.kind.kind == "Service":
        return "opens node ports" if after is not None and _opens(after) else ""
    return "can unguard node ports or cut off the API server"


def _said(raw: Mapping[str, object]) -> object:
    metadata = raw.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    return raw.get("spec"), *(named.get(one) for one in _DECIDING_METADATA)


def _is_leaving(raw: Mapping[str, object] | None) -> bool:
    metadata = raw.get("metadata") if raw is not None else None
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))


def _opens(service: Mapping[str, object]) -> bool:
    """Whether a Service has node ports, or would be given some."""
    spec = service.get("spec")
    if not isinstance(spec, dict):
        return False
    ports = spec.get("ports")
    listed = any(isinstance(one, dict) and one.get("nodePort") for one in ports or ())
    wants_some = (
        spec.get("type") in _OPEN_TYPES and spec.get("allocateLoadBalancerNodePorts") is not False
    )
    return bool(listed or wants_some or spec.get("healthCheckNodePort"))
