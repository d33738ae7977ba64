"""Of which nodes, and by whom, needed flows are cut off."""

from __future__ import annotations

import pytest

from service.checks.node_cutoff import CHECK
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import make_gnp, make_hep, make_node, make_snapshot

OPEN = {"profiles": ["projectcalico-default-allow"]}
CP = {"node-role.kubernetes.io/control-plane": ""}
ADDRESSES = {"cp1": "10.0.0.10", "w1": "10.0.0.11", "w2": "10.0.0.12"}
CLUSTER = tuple(
    one
    for name, address in ADDRESSES.items()
    for one in (
        make_node(name, internal=address, labels=CP if name == "cp1" else None),
        make_hep(f"{name}-eth0", node=name, expectedIPs=[address], **OPEN),
    )
)
DENY, ALLOW = {"action": "Deny"}, {"action": "Allow"}
KUBELET = {"protocol": "TCP", "destination": {"ports": [10250]}}


def cut(*objects):
    world = World(make_snapshot(*CLUSTER, *objects))
    return [
        (
            one.subject.name,
            one.reason,
            one.severity.value,
            one.details["nodes"],
            one.details["flows"],
        )
        for one in CHECK.audit(world, CheckSettings())
    ]


def test_nodes_that_nothing_denies_are_not_told():
    assert [] == cut()


@pytest.mark.parametrize(
    ("ports", "flow", "severity"),
    [([443], "registry", "high"), ([53], "dns-tcp", "medium")],
)
def test_the_nodes_whose_own_packets_cannot_leave_are_told(ports, flow, severity):
    rule = {
        **DENY,
        "protocol": "TCP",
        "source": {"nets": ["10.0.0.11/32"]},
        "destination": {"ports": ports},
    }
    out = make_gnp("out", types=["Egress"], egress=[rule, ALLOW])
    assert [("out", "cut", severity, ["w1"], [flow])] == cut(out)


def test_the_nodes_that_are_not_reached_are_told():
    rule = {**DENY, **KUBELET}
    rule["destination"] = {"ports": [10250], "nets": ["10.0.0.12/32"]}
    into = make_gnp("in", types=["Ingress"], ingress=[rule, ALLOW])
    assert [("in", "cut", "critical", ["w2"], ["kubelet"])] == cut(into)


def test_the_worst_of_several_flows_says_how_bad_it_is():
    rules = [
        {**DENY, "protocol": "TCP", "destination": {"ports": [53, 443]}},
        {**DENY, "protocol": "UDP", "destination": {"ports": [123]}},
        ALLOW,
    ]
    found = cut(make_gnp("out", types=["Egress"], egress=rules))
    assert [("out", "cut", "high", ["cp1", "w1", "w2"], ["dns-tcp", "time", "registry"])] == found


def test_the_end_of_a_tier_is_told_of_the_policy_that_brings_it():
    found = cut(make_gnp("in", types=["Ingress"], ingress=[]))
    assert ("in", "cut") == found[0][:2]
    assert "kubelet" in found[0][4]


def test_an_endpoint_without_profile_is_told_itself():
    bare = make_hep("w1-eth0", node="w1", expectedIPs=["10.0.0.11"])
    world = World(make_snapshot(*(one for one in CLUSTER if one.meta.ref.name != "w1-eth0"), bare))
    found = [(one.subject.name, one.reason, one.key) for one in CHECK.audit(world, CheckSettings())]
    assert {("w1-eth0", "cut", ("ingress",)), ("w1-eth0", "cut", ("egress",))} <= set(found)
