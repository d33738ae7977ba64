"""The way of packets from, to and between pods."""

from __future__ import annotations

import pytest

from service.policy.flow_query import parse_flow
from service.policy.trace import trace
from service.policy.world import World
from tests.factories import (
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_ippool,
    make_knp,
    make_namespace,
    make_node,
    make_pod,
    make_prednat,
    make_service_account,
    make_snapshot,
)
from tests.trace_factories import POD_ON_W2, W1, W2, web

NODES = (make_node("w1", internal=W1), make_node("w2", internal=W2))
ONE = make_pod("one", labels={"app": "one"}, ips=["10.244.1.10", "fd00:1::10"], node="w1")
TWO = make_pod(
    "two",
    labels={"app": "two"},
    ips="10.244.2.10",
    node="w2",
    ports=[{"name": "web", "containerPort": 8080, "hostPort": 8000}],
)
NEAR = make_pod("near", labels={"app": "near"}, ips="10.244.1.11", node="w1")
OUTSIDE = {"ip": "203.0.113.9"}
POOL = make_ippool(natOutgoing=True)
BESIDE = (
    *NODES,
    ONE,
    TWO,
    NEAR,
    make_namespace(),
    make_service_account(),
    make_felix_configuration(nftablesMode="Disabled", defaultEndpointToHostAction="Accept"),
)


def pod(name):
    return {"pod": f"default/{name}"}


def answer(*objects, sender, to, **flow):
    fields = {"protocol": "TCP", "port": 8080, "src_port": 40000, **flow}
    world = World.of(make_snapshot(*BESIDE, *objects))
    return trace(world, parse_flow({"from": sender, "to": to, **fields}))


def met(*objects, sender, to, **flow):
    """The stages at which something was decided, as (node, hook, direction, verdict)."""
    stages = answer(*objects, sender=sender, to=to, **flow).stages
    return [
        (one.node, str(one.hook), str(one.direction), str(one.verdict))
        for one in stages
        if one.verdict != "undecided"
    ]


def fate(*objects, sender, to, **flow):
    return answer(*objects, sender=sender, to=to, **flow).disposition


def test_both_pods_must_allow():
    assert [("w1", "workload", "egress", "allow"), ("w2", "workload", "ingress", "allow")] == met(
        sender=pod("one"), to=pod("two")
    )


def test_a_pod_that_a_policy_selects_is_closed_but_for_its_rules():
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "one"}}}], "ports": [{"port": "web"}]}
    policy = make_knp(podSelector={"matchLabels": {"app": "two"}}, ingress=[rule])
    assert ["allowed", "denied", "denied"] == [
        fate(policy, sender=pod("one"), to=pod("two")),
        fate(policy, sender=pod("near"), to=pod("two")),
        fate(policy, sender=pod("one"), to=pod("two"), port=9090),
    ]


def test_what_pods_deny_is_left_out_of_what_the_hosts_say():
    policy = make_knp(podSelector={"matchLabels": {"app": "two"}})
    found = answer(policy, sender=pod("one"), to=pod("two"))
    assert ("denied", "allowed") == (found.disposition, found.at_host)
    last = found.stages[-1]
    assert ("default/two", "end-of-tier", "default/deny") == (
        last.endpoint,
        last.reason,
        last.policy,
    )


def test_a_pod_of_the_same_node_is_reached_without_the_wire():
    nodes = {node for node, *_ in met(sender=pod("one"), to=pod("near"))}
    assert {"w1"} == nodes


def test_a_host_always_reaches_its_own_pods_and_asks_those_of_others():
    deny_all = make_knp()
    assert "allowed" == fate(deny_all, sender={"node": "w1"}, to=pod("one"))
    assert "denied" == fate(deny_all, sender={"node": "w2"}, to=pod("one"))


@pytest.mark.parametrize(
    ("action", "expected"),
    [("Accept", "allowed"), ("Return", "allowed"), ("Drop", "denied"), (None, "denied")],
)
def test_felix_says_what_pods_may_reach_on_their_host(action, expected):
    felix = make_felix_configuration(defaultEndpointToHostAction=action)
    assert expected == fate(felix, sender=pod("one"), to={"node": "w1"}, port=9100)


def test_pods_never_meet_the_hosts_own_ingress_policy():
    wildcard = make_hep("w1-all", interfaceName="*")
    assert "allowed" == fate(wildcard, sender=pod("one"), to={"node": "w1"}, port=9100)


def test_only_a_wildcard_endpoint_sees_pods_before_translation():
    deny = make_prednat(selector="all()")
    named = make_hep("w1-eth0", expectedIPs=[W1])
    wildcard = make_hep("w1-all", interfaceName="*")
    call = {"sender": pod("one"), "to": {"node": "w1"}, "port": 30080}
    near = (*web(("10.244.1.11", "w1")), deny)
    assert "allowed" == fate(*near, named, **call)
    assert "denied" == fate(*near, wildcard, **call)


def test_a_service_leads_to_a_pod_that_sees_the_callers_address():
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "one"}}}]}
    only_one = make_knp(podSelector={"matchLabels": {"app": "two"}}, ingress=[rule])
    call = {"to": {"ip": "10.96.0.9"}, "port": 80}
    assert "allowed" == fate(*web(POD_ON_W2), only_one, POOL, sender=pod("one"), **call)
    assert "denied" == fate(*web(POD_ON_W2), only_one, POOL, sender=pod("near"), **call)


def test_a_node_port_of_another_node_is_called_with_the_address_of_the_pods_node():
    from_w1 = {"from": [{"ipBlock": {"cidr": f"{W1}/32"}}]}
    policy = make_knp(podSelector={"matchLabels": {"app": "two"}}, ingress=[from_w1])
    call = {"sender": pod("one"), "to": {"node": "w2"}, "port": 30080}
    assert "denied" == fate(*web(POD_ON_W2), policy, **call)
    assert "allowed" == fate(*web(POD_ON_W2), policy, POOL, **call)


def test_pods_leave_their_pool_with_the_address_of_the_node():
    w2 = make_hep("w2-eth0", node="w2", labels={"at": "w2"}, expectedIPs=[W2])
    rule = {"action": "Allow", "source": {"nets": [f"{W1}/32"]}}
    from_w1 = make_gnp("from-w1", selector="at == 'w2'", types=["Ingress"], ingress=[rule])
    call = {"sender": pod("one"), "to": {"node": "w2"}}
    assert ["denied", "allowed"] == [
        fate(w2, from_w1, **call),
        fate(w2, from_w1, POOL, **call),
    ]
    spared = make_felix_configuration(natOutgoingExclusions="IPPoolsAndHostIPs")
    assert "denied" == fate(w2, from_w1, POOL, spared, **call)


def test_a_host_port_leads_into_the_pod():
    client = {"sender": OUTSIDE, "to": {"node": "w2"}, "port": 8000}
    assert [
        ("w2", "dnat", "ingress", "translated"),
        ("w2", "workload", "ingress", "allow"),
    ] == met(**client)
    assert "denied" == fate(make_prednat(), make_hep(node="w2", expectedIPs=[W2]), **client)


def test_pods_send_nothing_that_nodes_would_unwrap():
    last = answer(sender=pod("one"), to=pod("two"), protocol="UDP", port=4789).stages[-1]
    assert ("deny", "encapsulation") == (last.verdict, last.reason)
    allowed = make_felix_configuration(allowVXLANPacketsFromWorkloads=True)
    assert "allowed" == fate(allowed, sender=pod("one"), to=pod("two"), protocol="UDP", port=4789)


@pytest.mark.parametrize("mode", [{"vxlanMode": "Always"}, {"ipipMode": "Always"}])
def test_the_outer_packet_of_a_tunnel_is_judged_before_it_is_unwrapped(mode):
    pool = make_ippool(**mode)
    w2 = make_hep("w2-eth0", node="w2", labels={"at": "w2"}, expectedIPs=[W2])
    call = {"sender": pod("one"), "to": pod("two")}
    assert "allowed" == fate(pool, w2, **call)
    assert "denied" == fate(pool, w2, make_prednat(selector="at == 'w2'"), **call)


def test_a_tunnel_within_one_subnet_is_not_used():
    pool = make_ippool(vxlanMode="CrossSubnet")
    near = {"projectcalico.org/IPv4Address": "10.0.0.1/24"}
    nodes = [
        make_node(name, internal=address, annotations=near)
        for name, address in (("w1", W1), ("w2", W2))
    ]
    hooks = [hook for _, hook, *_ in met(pool, *nodes, sender=pod("one"), to=pod("two"))]
    assert ["workload", "workload"] == hooks


def test_a_host_networked_pod_is_its_node():
    hosted = make_pod("hosted", ips=W1, hostNetwork=True)
    assert met(sender={"node": "w1"}, to=pod("two")) == met(
        hosted, sender=pod("hosted"), to=pod("two")
    )


def test_established_connections_pass_pods_too():
    found = answer(make_knp(), sender=pod("one"), to=pod("two"), established=True)
    assert ("allowed", "established") == (found.disposition, found.stages[2].reason)


def test_established_connections_pass_to_the_host_whatever_is_done_with_new_ones():
    felix = make_felix_configuration(defaultEndpointToHostAction="Drop")
    asked = {"sender": pod("one"), "to": {"node": "w1"}}
    found = [fate(felix, **asked, established=known) for known in (False, True)]
    assert ["denied", "allowed"] == found


def test_neighbour_discovery_reaches_the_host_whatever_policy_says():
    felix = make_felix_configuration(defaultEndpointToHostAction="Drop")
    node = make_node("w1", internal=[W1, "fd00::11"])
    to_host = {
        "sender": pod("one"),
        "to": {"ip": "fd00::11"},
        "protocol": "ICMPv6",
        "port": None,
        "src_port": None,
    }
    assert ["allowed", "denied"] == [
        fate(felix, node, **to_host, icmp={"type": kind}) for kind in (135, 128)
    ]


def test_labels_that_are_not_known_leave_a_pods_policy_open():
    policy = make_gnp(namespaceSelector="env == 'x'", types=["Ingress"], ingress=[])
    stray = make_pod("stray", namespace="gone", ips="10.244.2.99", node="w2")
    found = answer(policy, stray, sender=pod("one"), to={"pod": "gone/stray"})
    assert "unknown" == found.disposition
    assert "hangs on labels not known" in found.unknown[0]


def test_a_pod_that_asks_for_other_sources_is_cut_off_unless_felix_lets_it():
    annotations = {"cni.projectcalico.org/allowedSourcePrefixes": '["10.9.0.0/16"]'}
    spoofer = make_pod("spoofer", ips="10.244.1.12", node="w1", annotations=annotations)
    lets = make_felix_configuration(workloadSourceSpoofing="Any")
    assert ["denied", "denied", "allowed"] == [
        fate(spoofer, sender=pod("spoofer"), to=pod("two")),
        fate(spoofer, sender=pod("one"), to=pod("spoofer")),
        fate(spoofer, lets, sender=pod("spoofer"), to=pod("two")),
    ]
