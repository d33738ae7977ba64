"""Which flows a cluster needs, between whom, and what becomes of them."""

from __future__ import annotations

import pytest

from service.checks.cutoff.ends import Ends
from service.checks.cutoff.legs import legs
from service.checks.settings import CheckSettings
from service.net.headerspace import Field
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, addresses_in, parse_cidr, parse_ip
from service.policy.world import World
from tests.factories import (
    decode,
    make_endpoint_slice,
    make_gnp,
    make_hep,
    make_ippool,
    make_node,
    make_pod,
    make_prednat,
    make_service,
    make_snapshot,
    raw,
)

CP = {"node-role.kubernetes.io/control-plane": ""}
CP1 = make_node("cp1", internal="10.0.0.10", labels=CP)
W1 = make_node("w1", internal=["10.0.0.11", "fd00::11"])
HEPS = (
    make_hep("cp1-eth0", node="cp1", expectedIPs=["10.0.0.10"]),
    make_hep("w1-eth0", node="w1", expectedIPs=["10.0.0.11", "fd00::11"]),
)
CLUSTER = (CP1, W1, *HEPS)
ALWAYS = {"api", "kubelet", "dns", "dns-tcp", "time", "registry", "neighbours"}
PROBED = {"healthCheckNodePort": 32100, "externalTrafficPolicy": "Local", "type": "LoadBalancer"}
IN, OUT = "ingress", "egress"


def world(*objects):
    return World(make_snapshot(*objects))


def asked(*objects):
    return [*legs(world(*objects), CheckSettings())]


def ids(*objects):
    return {leg.flow.id for leg in asked(*objects)}


def ends(*objects, family=Family.V4):
    return Ends(world(*objects), CheckSettings(), family)


def values(*texts):
    return IntervalSet.of(*((parse_ip(text)[1],) * 2 for text in texts))


def told(leg):
    """Sources, destinations and ports of a leg."""
    fields = (Field.SRC, Field.DST, Field.DST_PORT)
    return tuple(leg.packets.project(field) for field in fields)


def test_every_cluster_needs_its_api_server_kubelets_and_what_nodes_ask_others():
    assert ids(*CLUSTER) == ALWAYS


def test_a_cluster_without_host_endpoints_needs_nothing():
    assert [] == asked(CP1, W1)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (make_ippool(ipipMode="Never", vxlanMode="Never"), {"bgp"}),
        (make_ippool(ipipMode="Always", vxlanMode="Never"), {"bgp", "ipip"}),
        (make_ippool(ipipMode="CrossSubnet"), {"bgp", "ipip"}),
        (make_ippool(ipipMode="Never", vxlanMode="CrossSubnet"), {"vxlan"}),
        (make_ippool(ipipMode="Always", disabled=True), set()),
        (make_ippool(cidr="fd00:10::/64", vxlanMode="Always"), set()),
        (make_service("calico-typha", namespace="calico-system"), set()),
        (make_endpoint_slice("calico-typha", addresses=["10.0.0.11"], port=5473), {"typha"}),
        (make_endpoint_slice("other", addresses=["10.0.0.11"], port=5473), set()),
        (make_endpoint_slice("calico-typha", addresses=["10.0.0.99"], port=5473), set()),
        (make_service(**PROBED), {"health-check"}),
        (make_service(**{**PROBED, "type": "NodePort", "healthCheckNodePort": None}), set()),
        (make_node("cp2", internal="10.0.0.12", labels=CP), {"etcd"}),
        (
            make_node(
                "w2",
                internal="10.0.0.12",
                annotations={"projectcalico.org/IPv4WireguardInterfaceAddr": "10.244.0.1"},
            ),
            {"wireguard"},
        ),
        (
            make_node(
                "w2",
                internal=["10.0.0.12", "fd00::12"],
                annotations={"projectcalico.org/IPv6WireguardInterfaceAddr": "fd00:10::1"},
            ),
            {"wireguard-v6"},
        ),
        (make_hep("w1-all", node="w1", interfaceName="*"), {"probe-felix"}),
        (
            make_hep("cp1-all", node="cp1", interfaceName="*"),
            {"probe-felix", "probe-control-plane"},
        ),
    ],
)
def test_what_a_cluster_needs_besides_is_told_by_its_objects(more, expected):
    assert ALWAYS | expected == ids(*CLUSTER, more)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"hostNetwork": True}, ("w1",)),
        ({}, ()),
        ({"hostNetwork": True, "labels": {"k8s-app": "other"}}, ()),
    ],
)
def test_typha_runs_where_its_pods_are_in_the_nodes_network(fields, expected):
    own = {"labels": {"k8s-app": "calico-typha"}, "ips": "10.0.0.11", **fields}
    assert expected == ends(*CLUSTER, make_pod("typha", **own)).typha()


def test_the_control_plane_is_labelled_or_dialled():
    dialled = make_endpoint_slice(addresses=["10.0.0.11"])
    assert ("cp1",) == ends(*CLUSTER).control_plane()
    assert ("cp1", "w1") == ends(*CLUSTER, dialled).control_plane()


@pytest.mark.parametrize("word", ["metallb.io/ip-allocated-from-pool", "kube-vip.io/vipHost"])
def test_a_balancer_inside_probes_nothing(word):
    body = raw(
        "Service",
        "web",
        api_version="v1",
        annotations={word: "x"},
        spec={"ports": [{"port": 80, "nodePort": 30080}], **PROBED},
    )
    other = make_service("other", **{**PROBED, "healthCheckNodePort": 32099})
    assert (32099,) == ends(*CLUSTER, decode(body), other).health_checks()


def test_strangers_are_in_no_network_of_nodes_pods_or_pools():
    body = raw("Node", "w2", api_version="v1", spec={"podCIDRs": ["10.9.4.0/24", "fd00:9::/64"]})
    body["status"] = {"addresses": [{"type": "InternalIP", "address": "172.16.9.1"}]}
    where = (*CLUSTER, decode(body), make_ippool(cidr="10.244.0.0/16"))
    near = ("10.0.0.0/24", "172.16.9.0/24", "10.9.0.0/16", "10.244.0.0/16")
    expected = addresses_in(map(parse_cidr, near), Family.V4)
    assert expected == IntervalSet.of((0, 2**32 - 1)) - ends(*where).strangers()
    near = ("fd00::/64", "fd00:9::/48")
    expected = addresses_in(map(parse_cidr, near), Family.V6)
    found = ends(*where, family=Family.V6).strangers()
    assert expected == IntervalSet.of((0, 2**128 - 1)) - found


def test_overlay_packets_of_a_family_need_two_nodes_that_have_it():
    w2 = make_node("w2", internal="fd00::12")
    pool = make_ippool(cidr="fd00:10::/64", vxlanMode="Always")
    found = [leg for leg in asked(*CLUSTER, w2, pool) if leg.flow.id == "vxlan"]
    w1, w2 = values("fd00::11"), values("fd00::12")
    assert {(OUT, w1, w2), (IN, w2, w1)} == {(leg.direction, *told(leg)[:2]) for leg in found}


def test_the_api_server_is_called_by_every_node_but_itself():
    found = [leg for leg in asked(*CLUSTER) if leg.flow.id == "api"]
    cp1, w1, port = values("10.0.0.10"), values("10.0.0.11"), IntervalSet.single(6443)
    assert [(one, ("cp1", "w1"), w1, cp1, port) for one in (OUT, IN)] == [
        (leg.direction, leg.doorway.nodes, *told(leg)) for leg in found
    ]


def test_an_api_server_at_two_ports_is_called_at_each():
    first = make_endpoint_slice(addresses=["10.0.0.10"], port=6443)
    body = decode(
        raw(
            "EndpointSlice",
            "kubernetes-2",
            api_version="discovery.k8s.io/v1",
            namespace="default",
            labels={"kubernetes.io/service-name": "kubernetes"},
            addressType="IPv4",
            ports=[{"name": "https", "port": 8443}],
            endpoints=[{"addresses": ["10.0.0.10"]}],
        )
    )
    found = [
        told(leg)
        for leg in asked(*CLUSTER, first, body)
        if leg.flow.id == "api" and leg.direction == OUT
    ]
    cp1, w1 = values("10.0.0.10"), values("10.0.0.11")
    assert [(w1, cp1, IntervalSet.single(port)) for port in (6443, 8443)] == found


def test_servers_elsewhere_are_asked_for_by_the_address_of_the_node():
    dns = [leg for leg in asked(*CLUSTER) if leg.flow.id == "dns"]
    assert {OUT} == {leg.direction for leg in dns}
    assert {Field.SRC} == {leg.each for leg in dns}
    assert [values("10.0.0.10", "10.0.0.11")] == [told(leg)[0] for leg in dns]
    named_alone = [leg for leg in asked(make_hep(node="w9")) if leg.flow.id == "dns"]
    assert [Field.PROTOCOL] * len(named_alone) == [leg.each for leg in named_alone] != []


def test_probes_of_a_balancer_come_from_strangers_to_the_port_of_each_node():
    probes = [
        leg for leg in asked(*CLUSTER, make_service(**PROBED)) if leg.flow.id == "health-check"
    ]
    strangers, nodes = ends(*CLUSTER).strangers(), values("10.0.0.10", "10.0.0.11")
    expected = [(IN, Field.DST, strangers, nodes, IntervalSet.single(32100))]
    assert expected == [(leg.direction, leg.each, *told(leg)) for leg in probes]


def test_neighbours_ask_the_group_and_answer_by_link_local_addresses():
    found = [leg for leg in asked(*CLUSTER) if leg.flow.id == "neighbours"]
    assert [IN, OUT] == [leg.direction for leg in found]
    local = addresses_in([parse_cidr("fe80::/10")], Family.V6)
    group = addresses_in([parse_cidr("ff02::1:ff00:0/104")], Family.V6)
    assert {(local, local | group)} == {told(leg)[:2] for leg in found}
    assert {IntervalSet.of((135, 136))} == {leg.packets.project(Field.ICMP_TYPE) for leg in found}


def harm(flow, direction, *objects):
    """Whether a leg of the flow is surely, or perhaps, cut off."""
    where = world(*objects)
    found = [
        leg.harm(where).denied
        for leg in legs(where, CheckSettings())
        if leg.flow.id == flow and leg.direction == direction
    ]
    return any(one.must for one in found), any(one.may for one in found)


ALLOW, DENY = {"action": "Allow"}, {"action": "Deny"}
BOTH = make_gnp(types=["Ingress", "Egress"], ingress=[ALLOW], egress=[ALLOW])
ASIDE = make_gnp(
    types=["Ingress", "Egress"],
    ingress=[ALLOW],
    egress=[{**DENY, "destination": {"nets": ["0.0.0.0/1"]}}, ALLOW],
)


@pytest.mark.parametrize(
    ("flow", "direction", "policy", "expected"),
    [
        ("kubelet", IN, (), (True, True)),
        ("kubelet", OUT, (), (True, True)),
        ("kubelet", IN, (BOTH,), (False, False)),
        ("dns-tcp", OUT, (), (True, True)),
        ("dns-tcp", OUT, (BOTH,), (False, False)),
        ("dns-tcp", OUT, (ASIDE,), (False, False)),
        ("vxlan", IN, (make_ippool(vxlanMode="Always"),), (False, False)),
        ("vxlan", OUT, (make_ippool(vxlanMode="Always"),), (False, False)),
        ("vxlan", IN, (make_ippool(vxlanMode="Always"), make_prednat()), (True, True)),
        ("neighbours", IN, (), (True, True)),
        ("neighbours", IN, (BOTH,), (False, False)),
    ],
)
def test_a_leg_is_cut_off_where_all_of_it_that_counts_is_denied(flow, direction, policy, expected):
    assert expected == harm(flow, direction, *CLUSTER, *policy)


def test_untracked_policy_that_accepts_and_does_not_answer_cuts_off():
    untracked = make_gnp(doNotTrack=True, applyOnForward=True, types=["Ingress"], ingress=[ALLOW])
    assert (True, True) == harm("kubelet", IN, *CLUSTER, BOTH, untracked)
