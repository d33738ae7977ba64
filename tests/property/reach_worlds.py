"""Worlds of host endpoints, pods and Services, and flows through them in the trace format."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.factories import raw
from tests.property import engine_worlds

CLIENT = "203.0.113.9"
PODS = {
    "10.244.1.5": "w1",
    "10.244.1.6": "w1",
    "10.244.2.5": "w2",
}
ADDRESSES = (*PODS, "10.0.0.11", "10.1.0.11", "10.0.0.12", "10.96.0.9", "8.8.8.8")
POOL = raw(
    "IPPool",
    "pods",
    spec={
        "cidr": "10.244.0.0/16",
        "natOutgoing": True,
        "ipipMode": "Never",
        "vxlanMode": "Never",
    },
)
SERVICE = raw(
    "Service",
    "web",
    api_version="v1",
    namespace="shop",
    spec={
        "type": "NodePort",
        "clusterIP": "10.96.0.9",
        "clusterIPs": ["10.96.0.9"],
        "ipFamilies": ["IPv4"],
        "ports": [
            {"name": "http", "protocol": "TCP", "port": 80, "targetPort": 80, "nodePort": 30080}
        ],
    },
)
KEPT_SLICE = engine_worlds.SLICE


@st.composite
def pods(draw):
    """A pod at each address, in either namespace, with labels that policies ask for."""
    return [_pod(draw, f"p{index}", *at) for index, at in enumerate(PODS.items())]


def _pod(draw, name, address, node):
    container = {"name": "c", "ports": [{"name": "web", "containerPort": 80, "protocol": "TCP"}]}
    body = raw(
        "Pod",
        name,
        api_version="v1",
        namespace=draw(st.sampled_from(["shop", "dev"])),
        labels=draw(engine_worlds.labels),
        spec={"nodeName": node, "serviceAccountName": "builder", "containers": [container]},
    )
    return {**body, "status": {"phase": "Running", "podIPs": [{"ip": address}]}}


@st.composite
def worlds(draw, rules):
    """The raw objects of a world with pods and a Service of some of them, and its pods."""
    found = [one for one in draw(engine_worlds.worlds(rules)) if one is not KEPT_SLICE]
    own = draw(pods())
    backends = draw(st.lists(st.sampled_from([*PODS, "10.0.0.12"]), min_size=1, max_size=2))
    endpoints = [
        {"addresses": [address], "nodeName": PODS.get(address, "w2"), "conditions": {"ready": True}}
        for address in dict.fromkeys(backends)
    ]
    service = {**SERVICE, "spec": {**SERVICE["spec"]}}
    if draw(st.booleans()):
        service["spec"]["externalTrafficPolicy"] = "Local"
    slices = {
        **KEPT_SLICE,
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        "endpoints": endpoints,
    }
    return [*found, *own, POOL, service, slices]


def senders(objects):
    """Who may send in a world: the outside, nodes and pods, as the trace format has them."""
    named = [
        {"pod": f"{one['metadata']['namespace']}/{one['metadata']['name']}"}
        for one in objects
        if one["kind"] == "Pod"
    ]
    return st.sampled_from([{"ip": CLIENT}, {"ip": CLIENT}, {"node": "w1"}, {"node": "w2"}, *named])


@st.composite
def flows(draw, objects):
    """A flow from anybody to anything of a world."""
    source = draw(senders(objects))
    address = draw(st.sampled_from(ADDRESSES))
    protocol = draw(st.sampled_from(["TCP", "TCP", "UDP", "SCTP", "ICMP", 253]))
    flow = {"from": source, "to": {"ip": address}, "protocol": protocol, "family": 4}
    if protocol in {"TCP", "UDP", "SCTP"}:
        flow["port"] = draw(st.sampled_from([22, 80, 443, 6443, 30080]))
        flow["src_port"] = draw(st.sampled_from([1024, 40000]))
    if protocol == "ICMP":
        flow["icmp"] = draw(st.sampled_from([{"type": 8, "code": 0}, {"type": 8, "code": 1}]))
    if "ip" in source and address in {"10.96.0.9", "8.8.8.8"}:
        flow["via"] = {"node": draw(st.sampled_from(["w1", "w2"])), "interface": "eth0"}
    return flow
