"""Pods and the policies between them, for the question which connections are permitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.factories import V3, raw

if TYPE_CHECKING:
    from collections.abc import Iterator

_APPLICATIONS = 10
_NAMESPACE = "shop"


def objects(pods: int) -> Iterator[dict[str, object]]:
    """Pods of ten applications; each may be called by the one before, by policy of Kubernetes or Calico."""
    yield raw("Namespace", _NAMESPACE, api_version="v1", labels={"team": "shop"})
    yield raw("Node", "n0", api_version="v1", spec={}, status=_address("10.0.0.1"))
    for index in range(pods):
        yield _pod(index)
    for index in range(_APPLICATIONS):
        yield _calico(index) if index % 2 else _kubernetes(index)


def _address(text: str) -> dict[str, object]:
    return {"addresses": [{"type": "InternalIP", "address": text}]}


def _pod(index: int) -> dict[str, object]:
    ip = f"10.64.{index >> 8}.{index & 255}"
    return raw(
        "Pod",
        f"p{index}",
        api_version="v1",
        namespace=_NAMESPACE,
        labels={"app": f"a{index % _APPLICATIONS}", "tier": f"t{index % 3}"},
        spec={
            "nodeName": "n0",
            "serviceAccountName": "default",
            "containers": [
                {"name": "c", "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}]}
            ],
        },
        status={"phase": "Running", "hostIP": "10.0.0.1", "podIP": ip, "podIPs": [{"ip": ip}]},
    )


def _kubernetes(index: int) -> dict[str, object]:
    caller = {"podSelector": {"matchLabels": {"app": f"a{(index - 1) % _APPLICATIONS}"}}}
    port = {"protocol": "TCP", "port": 80}
    spec = {
        "podSelector": {"matchLabels": {"app": f"a{index}"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [caller], "ports": [port]}],
    }
    version = "networking.k8s.io/v1"
    return raw("NetworkPolicy", f"a{index}", api_version=version, namespace=_NAMESPACE, spec=spec)


def _calico(index: int) -> dict[str, object]:
    rule = {
        "action": "Allow",
        "protocol": "TCP",
        "source": {"selector": f"app == 'a{index - 1}' && tier != 't2'"},
        "destination": {"ports": [80]},
    }
    spec = {"selector": f"app == 'a{index}'", "types": ["Ingress"], "ingress": [rule]}
    return raw("NetworkPolicy", f"a{index}", api_version=V3, namespace=_NAMESPACE, spec=spec)
