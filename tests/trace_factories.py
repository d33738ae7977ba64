"""Two nodes, what guards w1, and a flow to it: the ground of all tests of traces."""

from __future__ import annotations

from service.policy.flow_query import parse_flow
from service.policy.profile import DEFAULT_PROFILE
from service.policy.trace import trace
from service.policy.world import World
from tests.factories import make_gnp, make_hep, make_node, make_service, make_snapshot, raw

CLIENT = {"ip": "203.0.113.9"}
W1, W2 = "10.0.0.11", "10.0.0.12"
EGRESS_ANY = make_gnp("egress-any", types=["Egress"], egress=[{"action": "Allow"}])
TO_W1 = {"from": CLIENT, "to": {"node": "w1"}, "protocol": "TCP", "port": 9100, "src_port": 40000}


def world(*objects, interfaces=None, profile=DEFAULT_PROFILE):
    """Two nodes, w1 with *interfaces* if they are given, and *objects*, by the premises of *profile*."""
    nodes = (make_node("w1", internal=W1, interfaces=interfaces), make_node("w2", internal=W2))
    return World.of(make_snapshot(*nodes, *objects), profile)


def answer(where, **changed):
    """The trace of the flow to w1's port 9100, with some fields changed."""
    fields = {**TO_W1, **changed}
    present = {name: value for name, value in fields.items() if value is not None}
    return trace(where, parse_flow(present))


def met(where, **changed):
    """The stages as (node, hook, verdict)."""
    stages = answer(where, **changed).stages
    return [(stage.node, stage.hook.value, stage.verdict.value) for stage in stages]


def disposition(where, **changed):
    return answer(where, **changed).disposition


def w1_hep(**spec):
    return make_hep("w1-eth0", labels={"role": "node"}, expectedIPs=[W1], **spec)


def allow(port, **spec):
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [port]}}
    return make_gnp("allow", types=["Ingress"], ingress=[rule], **spec)


def via(interface="eth0"):
    return {"node": "w1", "interface": interface}


def web(*backends, **spec):
    """A Service at node port 30080 and 10.96.0.9:80, and its slice of *backends*: address and node."""
    service = make_service(clusterIP="10.96.0.9", clusterIPs=["10.96.0.9"], **spec)
    slices = raw(
        "EndpointSlice",
        "web-1",
        api_version="discovery.k8s.io/v1",
        namespace="default",
        labels={"kubernetes.io/service-name": "web"},
        addressType="IPv4",
        ports=[{"name": "p0", "port": 8080}],
        endpoints=[{"addresses": [address], "nodeName": node} for address, node in backends],
    )
    return service, slices


POD_ON_W1 = ("10.244.1.10", "w1")
POD_ON_W2 = ("10.244.2.10", "w2")
