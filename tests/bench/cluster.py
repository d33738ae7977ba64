"""Clusters of a given size, as raw objects: every node has an endpoint and every node port a guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.factories import V3, raw

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONES = 10
NODE_PORTS = range(30_000, 32_500)
_HOST_SHARE = 5
"""One policy in so many is for hosts, and of those every other is preDNAT: the rest is for pods."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many objects of each kind a cluster has."""

    nodes: int
    host_endpoints: int
    policies: int
    services: int

    def __str__(self) -> str:
        return f"{self.nodes}/{self.host_endpoints}/{self.policies}/{self.services}"

    @classmethod
    def of(cls, text: str) -> Size:
        """The size that "nodes/host endpoints/policies/Services" or a name says."""
        return NAMED.get(text) or cls(*map(int, text.split("/")))


NAMED = {
    "S": Size(100, 100, 100, 200),
    "M": Size(1_000, 1_000, 1_000, 2_000),
    "L": Size(5_000, 5_000, 10_000, 10_000),
}


def objects(size: Size) -> Iterator[dict[str, object]]:
    """The objects of a cluster; the same size gives the same objects."""
    for index in range(size.nodes):
        yield _node(index)
    for index in range(size.host_endpoints):
        yield _host_endpoint(index)
    yield guard("allow-cluster", 10, [{"action": "Allow", "source": {"nets": ["10.0.0.0/8"]}}])
    yield guard("deny-the-rest", 100_000, [{"action": "Deny"}])
    for index in range(size.policies - 2):
        yield policy(index)
    for index in range(size.services):
        yield service(index)


def address(index: int) -> str:
    """The address of a node."""
    return f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"


def _node(index: int) -> dict[str, object]:
    control_plane = {"node-role.kubernetes.io/control-plane": ""} if index == 0 else {}
    labels = {"zone": f"z{index % ZONES}", "kubernetes.io/hostname": f"n{index}", **control_plane}
    body = raw("Node", f"n{index}", api_version="v1", labels=labels)
    return {**body, "status": {"addresses": [{"type": "InternalIP", "address": address(index)}]}}


def _host_endpoint(index: int) -> dict[str, object]:
    labels = {"role": "node", "zone": f"z{index % ZONES}", "kubernetes.io/hostname": f"n{index}"}
    spec = {"node": f"n{index}", "interfaceName": "eth0", "expectedIPs": [address(index)]}
    return raw("HostEndpoint", f"n{index}-eth0", labels=labels, spec=spec)


def guard(name: str, order: int, ingress: list[dict[str, object]]) -> dict[str, object]:
    """A preDNAT policy on every node."""
    spec = {"preDNAT": True, "applyOnForward": True, "order": order, "types": ["Ingress"]}
    return _policy(name, {**spec, "selector": "role == 'node'", "ingress": ingress})


def policy(index: int) -> dict[str, object]:
    """One of the many policies: for the hosts of a zone, or for an application's pods."""
    source = {"nets": [f"198.{18 + index % 2}.{index >> 8 & 255}.0/24"]}
    if index % _HOST_SHARE:
        rule = {"action": "Allow", "source": {"selector": f"app == 'a{index % 97}'"}}
        spec = {"selector": f"app == 'a{index}'", "types": ["Ingress"], "ingress": [rule]}
        return _policy(f"pods-{index}", spec)
    is_pre_dnat = index // _HOST_SHARE % 2 == 0
    ports = [NODE_PORTS[index % len(NODE_PORTS)] if is_pre_dnat else 10_250]
    rule = {"action": "Allow", "protocol": "TCP", "source": source, "destination": {"ports": ports}}
    zone = f"role == 'node' && zone == 'z{index // _HOST_SHARE % ZONES}'"
    spec = {"selector": zone, "order": 100 + index % 900, "types": ["Ingress"], "ingress": [rule]}
    if is_pre_dnat:
        spec |= {"preDNAT": True, "applyOnForward": True}
    return _policy(f"hosts-{index}", spec)


def service(index: int) -> dict[str, object]:
    """A Service: a node port each while there are any, then cluster IPs."""
    port: dict[str, object] = {"name": "http", "protocol": "TCP", "port": 80}
    opens = index < len(NODE_PORTS)
    if opens:
        port["nodePort"] = NODE_PORTS[index]
    spec = {"type": "NodePort" if opens else "ClusterIP", "ports": [port], "ipFamilies": ["IPv4"]}
    return raw("Service", f"s{index}", api_version="v1", namespace="shop", spec=spec)


def _policy(name: str, spec: dict[str, object]) -> dict[str, object]:
    return raw("GlobalNetworkPolicy", name, api_version=V3, spec=spec)
