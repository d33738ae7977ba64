"""The reviews that are measured, as an API server would send them."""

from __future__ import annotations

import json

from tests.bench.cluster import NODE_PORTS, guard, policy, service
from tests.review_factories import make_review

_GNP = {"group": "projectcalico.org", "version": "v3"}


def bodies() -> dict[str, bytes]:
    """One review of each kind of change, by what it asks."""
    new_service = service(len(NODE_PORTS) - 1)
    new_service["metadata"] = {"name": "new", "namespace": "shop"}
    return {
        "create Service": _body(
            kind={"group": "", "version": "v1", "kind": "Service"},
            name="new",
            namespace="shop",
            object=new_service,
        ),
        "create pod policy": _policy_review(None, {**policy(1), "metadata": {"name": "new"}}),
        "create host policy": _policy_review(None, {**policy(0), "metadata": {"name": "new"}}),
        "update guard": _policy_review(_allow_cluster(), _allow_cluster("172.16.0.0/12")),
        "delete guard": _policy_review(guard("deny-the-rest", 100_000, [{"action": "Deny"}]), None),
    }


def _allow_cluster(*more: str) -> dict[str, object]:
    source = {"nets": ["10.0.0.0/8", *more]}
    return guard("allow-cluster", 10, [{"action": "Allow", "source": source}])


def _policy_review(before: dict[str, object] | None, after: dict[str, object] | None) -> bytes:
    operation = "UPDATE" if before and after else "CREATE" if after else "DELETE"
    changed = after or before or {}
    return _body(
        kind={**_GNP, "kind": "GlobalNetworkPolicy"},
        resource={**_GNP, "resource": "globalnetworkpolicies"},
        name=changed["metadata"]["name"],
        namespace="",
        operation=operation,
        object=after,
        oldObject=before,
    )


def _body(**request: object) -> bytes:
    return json.dumps(make_review(**request)).encode()
