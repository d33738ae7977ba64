"""Clusters of a given size, as raw objects: every node has an endpoint and every node port a guard."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from tests.factories import V3, raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZONES = 10
NODE_PORTS = range(30_000, 32_500)
NAMESPACES = 20
PAGE = 500
"""Objects in one page of a list, as clients ask an API server for them."""
_PODS_AN_APPLICATION = 20
_HOST_SHARE = 5
"""One policy in so many is for hosts, and of those every other is preDNAT: the rest is for pods."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many objects of each kind a cluster has; each node has a host endpoint besides."""

    nodes: int
    policies: int
    pods: int
    services: int
    network_sets: int = 0
    cidrs: int = 0
    """In all network sets together."""

    def __str__(self) -> str:
        for name, size in NAMED.items():
            if size == self:
                return name
        return f"{self.nodes}/{self.policies}/{self.pods}/{self.services}"

    def with_policies(self, policies: int) -> Size:
        """The same but for the number of policies."""
        return replace(self, policies=policies)

    @classmethod
    def of(cls, text: str) -> Size:
        """The size that a name or "nodes/policies/pods/Services" says."""
        return NAMED.get(text) or cls(*map(int, text.split("/")))


NAMED = {
    "S": Size(100, 100, 1_000, 200, 20, 2_000),
    "M": Size(1_000, 1_000, 20_000, 2_000, 200, 20_000),
    "L": Size(5_000, 10_000, 150_000, 10_000, 1_000, 100_000),
}


def objects(size: Size) -> Iterator[dict[str, object]]:
    """The objects of a cluster; the same size gives the same objects."""
    for index in range(NAMESPACES):
        yield _namespace(index)
    for index in range(size.nodes):
        yield _node(index)
    for index in range(size.nodes):
        yield _host_endpoint(index)
    for index in range(size.network_sets):
        yield _network_set(index, size.cidrs // size.network_sets)
    yield guard("allow-cluster", 10, [{"action": "Allow", "source": {"nets": ["10.0.0.0/8"]}}])
    yield guard("deny-the-rest", 100_000, [{"action": "Deny"}])
    for index in range(size.policies - 2):
        yield policy(index, size.network_sets)
    for index in range(size.services):
        yield service(index)
    for index in range(size.pods):
        yield _pod(index, size.nodes)


def write_pages(size: Size, file: Path) -> None:
    """Write the objects as JSON lists, one page a line."""
    every = objects(size)
    with file.open("w") as stream:
        while page := list(islice(every, PAGE)):
            stream.write(json.dumps(page, separators=(",", ":")) + "\n")


def address(index: int) -> str:
    """The address of a node."""
    return f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"


def _namespace(index: int) -> dict[str, object]:
    name = _namespace_name(index)
    labels = {"kubernetes.io/metadata.name": name, "team": f"t{index % 5}"}
    return raw("Namespace", name, api_version="v1", labels=labels)


def _namespace_name(index: int) -> str:
    return f"shop-{index % NAMESPACES}"


def _node(index: int) -> dict[str, object]:
    control_plane = {"node-role.kubernetes.io/control-plane": ""} if index == 0 else {}
    labels = {"zone": f"z{index % ZONES}", "kubernetes.io/hostname": f"n{index}", **control_plane}
    body = raw("Node", f"n{index}", api_version="v1", labels=labels)
    return {**body, "status": {"addresses": [{"type": "InternalIP", "address": address(index)}]}}


def _host_endpoint(index: int) -> dict[str, object]:
    labels = {"role": "node", "zone": f"z{index % ZONES}", "kubernetes.io/hostname": f"n{index}"}
    spec = {"node": f"n{index}", "interfaceName": "eth0", "expectedIPs": [address(index)]}
    return raw("HostEndpoint", f"n{index}-eth0", labels=labels, spec=spec)


def _network_set(index: int, cidrs: int) -> dict[str, object]:
    first = index * cidrs
    nets = [
        f"{100 + (one >> 16)}.{one >> 8 & 255}.{one & 255}.0/24"
        for one in range(first, first + cidrs)
    ]
    return raw("GlobalNetworkSet", f"set-{index}", labels={"set": f"s{index}"}, spec={"nets": nets})


def guard(name: str, order: int, ingress: list[dict[str, object]]) -> dict[str, object]:
    """A preDNAT policy on every node."""
    spec = {"preDNAT": True, "applyOnForward": True, "order": order, "types": ["Ingress"]}
    return _policy(name, {**spec, "selector": "role == 'node'", "ingress": ingress})


def policy(index: int, network_sets: int = 0) -> dict[str, object]:
    """One of the many policies: for the hosts of a zone, or for an application's pods.

    Of the policies for hosts every fourth allows a network set where there are any, the others a net.
    """
    if index % _HOST_SHARE:
        rule = {"action": "Allow", "source": {"selector": f"app == 'a{index % 97}'"}}
        spec = {"selector": f"app == 'a{index}'", "types": ["Ingress"], "ingress": [rule]}
        return _policy(f"pods-{index}", spec)
    nth = index // _HOST_SHARE
    is_pre_dnat = nth % 2 == 0
    source: dict[str, object] = {"nets": [f"198.{18 + index % 2}.{index >> 8 & 255}.0/24"]}
    if network_sets and nth % 4 == 0:
        source = {"selector": f"set == 's{nth % network_sets}'"}
    ports = [NODE_PORTS[index % len(NODE_PORTS)] if is_pre_dnat else 10_250]
    rule = {"action": "Allow", "protocol": "TCP", "source": source, "destination": {"ports": ports}}
    zone = f"role == 'node' && zone == 'z{nth % ZONES}'"
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
    namespace = _namespace_name(index)
    return raw("Service", f"s{index}", api_version="v1", namespace=namespace, spec=spec)


def _pod(index: int, nodes: int) -> dict[str, object]:
    """A running pod as an API server lists it: 1.4 kB of JSON, of which packets need a quarter."""
    app = index // _PODS_AN_APPLICATION
    name, namespace = f"a{app}-7d4b9c6f5-{index:06x}", _namespace_name(app)
    ip = f"10.{64 + (index >> 16)}.{index >> 8 & 255}.{index & 255}"
    metadata = {
        "name": name,
        "generateName": f"a{app}-7d4b9c6f5-",
        "namespace": namespace,
        "uid": f"00000000-0000-4000-8000-{index:012x}",
        "resourceVersion": str(1_000_000 + index),
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": f"a{app}", "pod-template-hash": "7d4b9c6f5", "version": f"v{app % 3}"},
        "annotations": {
            "cni.projectcalico.org/podIP": f"{ip}/32",
            "cni.projectcalico.org/podIPs": f"{ip}/32",
        },
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"a{app}-7d4b9c6f5",
                "uid": f"00000000-0000-4000-9000-{app:012x}",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    spec = {
        "containers": [
            {
                "name": "main",
                "image": f"registry.example/shop/a{app}:1.0.{app % 10}",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                "imagePullPolicy": "IfNotPresent",
                "terminationMessagePath": "/dev/termination-log",
            }
        ],
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "nodeName": f"n{index % nodes}",
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
    }
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "hostIP": address(index % nodes),
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": "2026-01-01T00:00:00Z",
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def _policy(name: str, spec: dict[str, object]) -> dict[str, object]:
    return raw("GlobalNetworkPolicy", name, api_version=V3, spec=spec)
