"""Worlds drawn at random from a seed: one cluster of three nodes, ever other policies and Services.

A theme says which kinds of policy are plenty, so that each hook comes to decide.
"""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from tests.kernel.drawing import Policies
from tests.kernel.services import draw_services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.reference.policies import Raw

V3 = "projectcalico.org/v3"
NODES = {
    "m1": {"eth0": ["192.168.10.1/24", "fd10::1/64"]},
    "n1": {
        "eth0": ["192.168.10.11/24", "fd10::11/64"],
        "eth1": ["192.168.20.11/24", "fd20::11/64"],
    },
    "n2": {"eth0": ["192.168.10.12/24", "fd10::12/64"]},
}
PODS = (
    ("a", "web1", "n1", 11),
    ("a", "web2", "n2", 12),
    ("a", "db", "n1", 13),
    ("b", "api", "n2", 14),
    ("b", "job", "n1", 15),
    ("b", "front", "m1", 16),
)
HOST_PODS = (("c", "agent1", "n1"), ("c", "agent2", "n2"))
_CHANGEABLE = {
    "GlobalNetworkPolicy",
    "NetworkPolicy",
    "Tier",
    "HostEndpoint",
    "GlobalNetworkSet",
    "NetworkSet",
}
THEMES = ("guard", "forward", "hosts", "pods", "mixed")


def draw(theme: str, seed: int) -> list[Raw]:
    """The objects of the world of a theme and seed; every fourth has an overlay."""
    random = Random(f"{theme}-{seed}")
    overlay = "vxlan" if seed % 4 == 3 else "none"
    return [
        *(_node(number, name, overlay) for number, name in enumerate(NODES)),
        *_pools(random, overlay),
        *_namespaces(random),
        *_pods(random),
        *draw_services(random, PODS, NODES),
        *_host_endpoints(random, theme),
        *Policies(random, theme).objects(),
        _felix(random),
    ]


def with_policies_of(objects: Iterable[Raw], other: Iterable[Raw]) -> list[Raw]:
    """The cluster of *objects* with the policies, host endpoints and network sets of another."""
    kept = [one for one in objects if one["kind"] not in _CHANGEABLE]
    changed = [one for one in other if one["kind"] in _CHANGEABLE]
    return [*kept, *changed]


def addresses(number: int, node: str) -> tuple[str, str]:
    """The addresses of a pod."""
    at = list(NODES).index(node)
    return f"10.50.{at}.{number}", f"fd50:{at}::{number}"


def _object(kind: str, name: str, *, version: str = V3, **fields: object) -> Raw:
    meta = {"name": name}
    for key in ("namespace", "labels", "annotations"):
        if key in fields:
            meta[key] = fields.pop(key)
    return {"apiVersion": version, "kind": kind, "metadata": meta, **fields}


def _node(number: int, name: str, overlay: str) -> Raw:
    annotations = {"nodeward.io/interfaces": json.dumps(NODES[name])}
    if overlay == "vxlan":
        annotations["projectcalico.org/IPv4VXLANTunnelAddr"] = f"10.50.{number}.1"
        annotations["projectcalico.org/IPv6VXLANTunnelAddr"] = f"fd50:{number}::1"
    internal = NODES[name]["eth0"]
    return _object(
        "Node",
        name,
        version="v1",
        labels={"kubernetes.io/hostname": name},
        annotations=annotations,
        spec={"podCIDRs": [f"10.50.{number}.0/24", f"fd50:{number}::/64"]},
        status={
            "addresses": [{"type": "InternalIP", "address": one.split("/")[0]} for one in internal]
        },
    )


def _pools(random: Random, overlay: str) -> list[Raw]:
    outgoing = random.random() < 0.7
    ipip = random.random() < 0.2 and overlay == "none"
    common = {"natOutgoing": outgoing, "nodeSelector": "all()"}
    v4 = {
        **common,
        "cidr": "10.50.0.0/16",
        "vxlanMode": "Always" if overlay == "vxlan" else "Never",
        "ipipMode": "Never",
    }
    v6 = {**v4, "cidr": "fd50::/24"}
    pools = [_object("IPPool", "pods4", spec=v4), _object("IPPool", "pods6", spec=v6)]
    if ipip:  # in use by a pool without pods: outer packets are judged, none is made
        spec = {**common, "cidr": "10.70.0.0/16", "vxlanMode": "Never", "ipipMode": "Always"}
        pools.append(_object("IPPool", "spare", spec=spec))
    return pools


def _namespaces(random: Random) -> list[Raw]:
    found = []
    for name, env in (("a", "prod"), ("b", "dev"), ("c", "prod")):
        labels = {"kubernetes.io/metadata.name": name, "env": env}
        found.append(_object("Namespace", name, version="v1", labels=labels))
    accounts = (("a", "web"), ("b", "client"), ("a", "default"), ("b", "default"))
    for namespace, name in accounts:
        labels = {"trust": random.choice(["high", "low"])}
        found.append(
            _object("ServiceAccount", name, version="v1", namespace=namespace, labels=labels)
        )
    return found


def _pods(random: Random) -> list[Raw]:
    found = [_pod(random, at, one) for at, one in enumerate(PODS)]
    for namespace, name, node in HOST_PODS:
        at = NODES[node]["eth0"]
        ips = [{"ip": one.split("/")[0]} for one in at]
        containers = [{"name": "c", "image": "i", "ports": [{"containerPort": 9100}]}]
        found.append(
            _object(
                "Pod",
                name,
                version="v1",
                namespace=namespace,
                labels={"app": "agent"},
                spec={"nodeName": node, "hostNetwork": True, "containers": containers},
                status={"phase": "Running", "podIP": ips[0]["ip"], "podIPs": ips},
            )
        )
    return found


def _pod(random: Random, at: int, one: tuple[str, str, str, int]) -> Raw:
    namespace, name, node, number = one
    v4, v6 = addresses(number, node)
    ports: list[dict[str, object]] = [
        {"name": "http", "containerPort": 8080, "protocol": "TCP"},
        {"name": "dns", "containerPort": 5353, "protocol": "UDP"},
        {"name": "sig", "containerPort": 9000, "protocol": "SCTP"},
    ]
    if random.random() < 0.4:
        ports[random.randrange(2)]["hostPort"] = 7000 + at
    account = {"a": "web", "b": "client"}[namespace] if random.random() < 0.7 else "default"
    return _object(
        "Pod",
        name,
        version="v1",
        namespace=namespace,
        labels={
            "app": random.choice(["web", "db", "api"]),
            "role": random.choice(["good", "bad"]),
        },
        spec={
            "nodeName": node,
            "serviceAccountName": account,
            "containers": [{"name": "c", "image": "i", "ports": ports}],
        },
        status={"phase": "Running", "podIP": v4, "podIPs": [{"ip": v4}, {"ip": v6}]},
    )


def _host_endpoints(random: Random, theme: str) -> list[Raw]:
    found = []
    chance = 0.5 if theme == "pods" else 0.85
    for node, interfaces in NODES.items():
        for interface, listed in interfaces.items():
            if random.random() < chance:
                found.append(_host_endpoint(random, node, interface, listed))
        if random.random() < 0.4:
            everything = [text for texts in interfaces.values() for text in texts]
            found.append(_host_endpoint(random, node, "*", everything))
    return found


def _host_endpoint(random: Random, node: str, interface: str, listed: list[str]) -> Raw:
    own = [text.split("/")[0] for text in listed]
    expected = random.choice([own, own, own[:1], []])
    if interface != "*" and expected and random.random() < 0.15:
        name = {}
    else:
        name = {"interfaceName": interface}
    profiles = random.choice([[], [], ["projectcalico-default-allow"], ["kns.a"], ["missing"]])
    spec = {"node": node, **name, "expectedIPs": expected, "profiles": profiles}
    if random.random() < 0.3:
        spec["ports"] = [{"name": "http", "protocol": "TCP", "port": 30080}]
    suffix = "all" if interface == "*" else interface
    labels = {"host": node, "role": random.choice(["node", "edge"])}
    return _object("HostEndpoint", f"{node}-{suffix}", labels=labels, spec=spec)


def _felix(random: Random) -> Raw:
    spec: dict[str, object] = {"nftablesMode": random.choice(["Enabled", "Disabled"])}
    if random.random() < 0.6:
        spec["defaultEndpointToHostAction"] = random.choice(["Accept", "Return", "Drop"])
    for listing in ("failsafeInboundHostPorts", "failsafeOutboundHostPorts"):
        if random.random() < 0.4:
            spec[listing] = _failsafes(random)
    if random.random() < 0.3:
        spec["natOutgoingExclusions"] = "IPPoolsAndHostIPs"
    if random.random() < 0.1:
        spec["ipv6Support"] = False
    for field in ("allowVXLANPacketsFromWorkloads", "allowIPIPPacketsFromWorkloads"):
        if random.random() < 0.2:
            spec[field] = True
    return _object("FelixConfiguration", "default", spec=spec)


def _failsafes(random: Random) -> list[dict[str, object]]:
    found = []
    for _ in range(random.randrange(4)):
        entry: dict[str, object] = {
            "protocol": random.choice(["TCP", "UDP"]),
            "port": random.choice([22, 53, 6443, 8080, 30080, 10250]),
        }
        if random.random() < 0.4:
            entry["net"] = random.choice(
                ["203.0.113.0/24", "192.168.10.0/24", "fd10::/64", "10.50.0.0/16"]
            )
        found.append(entry)
    return found
