"""A small cluster for bundles: two nodes with a host endpoint each, whose API server is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.apiserver import objects
from tests.kube.server import ADDRESS

if TYPE_CHECKING:
    from tests.kube.client import Object
    from tests.kube.server import ApiServer

_SLICE: Object = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {
        "name": "kubernetes",
        "namespace": "default",
        "labels": {"kubernetes.io/service-name": "kubernetes"},
    },
    "addressType": "IPv4",
    "endpoints": [{"addresses": [ADDRESS]}],
    "ports": [{"name": "https", "protocol": "TCP", "port": 6443}],
}
_NODES = {"node1": ADDRESS, "node2": "192.168.0.11"}
NODE_PORTS = {"protocol": "TCP", "destination": {"ports": ["30000:32767"]}}


def apply(server: ApiServer) -> None:
    for name, address in _NODES.items():
        server.admin.create(objects.node(name, address))
        server.admin.create(objects.endpoint(name, node=name))
    server.admin.apply(_SLICE)


def baseline() -> Object:
    """The deny of all node ports that stands before any release does."""
    return objects.policy("baseline", order=1000, ingress=[{"action": "Deny"} | NODE_PORTS])
