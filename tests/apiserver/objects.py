"""Small objects for tests that need some to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.kube.client import Object


def endpoint(name: str, node: str = "node1", group: str = "projectcalico.org/v3") -> Object:
    return {
        "apiVersion": group,
        "kind": "HostEndpoint",
        "metadata": {"name": name, "labels": {"node": node}},
        "spec": {"node": node, "interfaceName": "*", "profiles": ["projectcalico-default-allow"]},
    }


def policy(name: str, *, action: str = "Deny", order: float = 100, **spec: object) -> Object:
    defaults = {
        "order": order,
        "selector": "has(node)",
        "preDNAT": True,
        "applyOnForward": True,
        "types": ["Ingress"],
        "ingress": [{"action": action}],
    }
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": name},
        "spec": defaults | spec,
    }


def node(name: str, address: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux"}},
        "status": {"addresses": [{"type": "InternalIP", "address": address}]},
    }


def service(name: str, *, port: int = 80, **spec: object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"port": port}]} | spec,
    }


def pod(name: str, namespace: str = "default") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name[:1]}},
        "spec": {"containers": [{"name": "main", "image": "app:1"}]},
    }


def grants(account: str, *rules: Object) -> tuple[Object, Object]:
    """A ClusterRole with these rules, and its binding to a service account of the default namespace."""
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": account},
        "rules": list(rules),
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": account},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "default"}],
    }
    return role, binding


def may_read(*resources: str, group: str = "") -> Object:
    return {"apiGroups": [group], "resources": list(resources), "verbs": ["get", "list", "watch"]}
