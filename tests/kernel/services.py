"""Services of a drawn world, with their EndpointSlices: every way that leads to a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from random import Random

    from tests.reference.policies import Raw

NODE_PORTS = {"s0": 30080, "s1": 30053, "s2": 31000, "s3": 32000, "s4": 25000}
_PORTS = {"TCP": 80, "UDP": 53, "SCTP": 5000}
_TARGETS = {"TCP": 8080, "UDP": 5353, "SCTP": 9000}
_HOST_TARGET = 9100


def draw_services(
    random: Random,
    pods: Sequence[tuple[str, str, str, int]],
    nodes: Mapping[str, Mapping[str, list[str]]],
) -> list[Raw]:
    """Five Services of all types and protocols."""
    found: list[Raw] = []
    for at, name in enumerate(NODE_PORTS):
        found += _service(random, (at, name), pods, nodes=nodes)
    return found


def _service(
    random: Random,
    which: tuple[int, str],
    pods: Sequence[tuple[str, str, str, int]],
    *,
    nodes: Mapping[str, Mapping[str, list[str]]],
) -> Iterator[Raw]:
    at, name = which
    protocol = random.choice(["TCP", "TCP", "UDP", "SCTP"])
    families = random.choice([["IPv4", "IPv6"], ["IPv4", "IPv6"], ["IPv4"], ["IPv6"]])
    on_hosts = random.random() < 0.2
    ips = {"IPv4": f"10.60.0.{10 + at}", "IPv6": f"fd60::{10 + at}"}
    port = {
        "name": "p",
        "protocol": protocol,
        "port": _PORTS[protocol],
        "targetPort": _HOST_TARGET if on_hosts else _TARGETS[protocol],
    }
    spec: dict[str, object] = {
        "type": random.choice(["ClusterIP", "NodePort", "NodePort", "LoadBalancer"]),
        "clusterIP": ips[families[0]],
        "clusterIPs": [ips[one] for one in families],
        "ipFamilies": families,
        "ipFamilyPolicy": "SingleStack" if len(families) == 1 else "RequireDualStack",
        "selector": {"app": "web"},
        "ports": [port],
    }
    status: dict[str, object] = {}
    if spec["type"] != "ClusterIP":
        port["nodePort"] = NODE_PORTS[name]
        if random.random() < 0.3:
            spec["externalTrafficPolicy"] = "Local"
    if spec["type"] == "LoadBalancer":
        status = _balancer(random, at, families, spec)
    if random.random() < 0.4:
        external = {"IPv4": f"198.18.1.{10 + at}", "IPv6": f"2001:db8:18::{10 + at}"}
        spec["externalIPs"] = [external[one] for one in families]
    if random.random() < 0.15:
        spec["internalTrafficPolicy"] = "Local"
    meta = {"name": name, "namespace": "a"}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": status}
    chosen = _backends(random, pods, nodes, on_hosts=on_hosts)
    for family in families:
        yield _slice(random, name, family, port=port, chosen=chosen)


def _balancer(
    random: Random, at: int, families: list[str], spec: dict[str, object]
) -> dict[str, object]:
    listed = {"IPv4": f"198.18.2.{10 + at}", "IPv6": f"2001:db8:19::{10 + at}"}
    if random.random() < 0.5:
        spec["loadBalancerSourceRanges"] = random.choice(
            [["203.0.113.0/24"], ["203.0.113.0/24", "10.50.0.0/16", "2001:db8:9::/48"]]
        )
    ingress = [{"ip": listed[one], "ipMode": "VIP"} for one in families]
    return {"loadBalancer": {"ingress": ingress}}


_Backend = tuple[str, str, str]


def _backends(
    random: Random,
    pods: Sequence[tuple[str, str, str, int]],
    nodes: Mapping[str, Mapping[str, list[str]]],
    *,
    on_hosts: bool,
) -> list[_Backend]:
    """Node, IPv4 and IPv6 address of each; mostly one, so that chance decides nothing."""
    count = random.choice([1, 1, 1, 2, 0])
    order = list(nodes)
    if on_hosts:
        names = random.sample(["n1", "n2"], min(count, 2))
        return [(name, *(one.split("/")[0] for one in nodes[name]["eth0"])) for name in names]
    chosen = random.sample(pods, count)
    return [
        (node, f"10.50.{order.index(node)}.{number}", f"fd50:{order.index(node)}::{number}")
        for _, _, node, number in chosen
    ]


def _slice(
    random: Random,
    name: str,
    family: str,
    *,
    port: Mapping[str, object],
    chosen: list[_Backend],
) -> Raw:
    endpoints = []
    for backend in chosen:
        ready = random.random() < 0.9
        leaves = not ready and random.random() < 0.5
        endpoints.append(
            {
                "addresses": [backend[1 if family == "IPv4" else 2]],
                "nodeName": backend[0],
                "conditions": {"ready": ready, "serving": ready or leaves, "terminating": leaves},
            }
        )
    labels = {"kubernetes.io/service-name": name}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-{family.lower()}", "namespace": "a", "labels": labels},
        "addressType": family,
        "ports": [{"name": "p", "protocol": port["protocol"], "port": port["targetPort"]}],
        "endpoints": endpoints,
    }
