"""The way of the system's pods to the API server, stage by stage."""

from __future__ import annotations

import pytest

from service.checks.apiserver.access import ApiEndpoint, api_endpoints
from service.checks.apiserver.pods import called_by_pods, pod_names, pods_passage
from service.checks.settings import CheckSettings
from service.net.headerspace import Field
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, parse_ip
from service.policy.world import World
from tests.factories import (
    make_endpoint_slice,
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_ippool,
    make_knp,
    make_namespace,
    make_node,
    make_pod,
    make_service,
    make_service_account,
    make_snapshot,
)

OPEN = {"profiles": ["projectcalico-default-allow"]}
SYSTEM = {"namespace": "kube-system", "labels": {"app": "dns"}}
API = make_service(
    "kubernetes",
    type="ClusterIP",
    clusterIP="10.96.0.1",
    clusterIPs=["10.96.0.1"],
    ports=[{"name": "https", "port": 443, "targetPort": 6443}],
)
CLUSTER = (
    make_node("cp1", internal="10.0.0.10"),
    make_node("w1", internal="10.0.0.11"),
    make_hep("cp1-eth0", node="cp1", labels={"on": "cp1"}, expectedIPs=["10.0.0.10"], **OPEN),
    make_hep("w1-eth0", node="w1", labels={"on": "w1"}, expectedIPs=["10.0.0.11"], **OPEN),
    make_namespace("kube-system"),
    make_service_account(namespace="kube-system"),
    make_pod("there", node="cp1", ips="10.244.0.5", **SYSTEM),
    make_pod("here", node="w1", ips="10.244.1.5", **SYSTEM),
    make_endpoint_slice(addresses=["10.0.0.10"]),
    API,
)
WILDCARD = make_hep("w1-all", node="w1", interfaceName="*", labels={"all": "w1"}, **OPEN)
HERE, THERE = "kube-system/here", "kube-system/there"
ALLOW, DENY = {"action": "Allow"}, {"action": "Deny"}
KEPT = make_ippool(natOutgoing=False)
HIDDEN = make_ippool(natOutgoing=True)


def passage(*objects):
    world = World(make_snapshot(*CLUSTER, *objects))
    [endpoint] = api_endpoints(world, CheckSettings())
    return world, pods_passage(world, endpoint, frozenset({"kube-system"}))


def lost(*objects):
    """The pods that surely lose the API server, and those that may."""
    world, found = passage(*objects)
    return tuple(
        pod_names(world, Family.V4, space.project(Field.SRC)) if space else []
        for space in (found.denied.must, found.denied.may)
    )


def out(rule=DENY, **spec):
    return make_gnp("out", types=["Egress"], egress=[rule], **spec)


def test_every_pod_of_the_system_is_asked_for():
    world, found = passage(make_pod("other", node="w1", ips="10.244.1.9"))
    assert [HERE, THERE] == pod_names(world, Family.V4, found.live.must.project(Field.SRC))
    assert ([], []) == lost()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (make_knp(namespace="kube-system", policyTypes=["Egress"]), [HERE, THERE]),
        (out(selector="app == 'dns'"), [HERE, THERE]),
        (
            out({**DENY, "destination": {"nets": ["10.96.0.1/32"]}}, selector="app == 'dns'"),
            [HERE, THERE],
        ),
        (out(selector="on == 'w1'", applyOnForward=True), [HERE]),
        (out(selector="on == 'w1'"), []),
        (out(selector="on == 'cp1'", applyOnForward=True), []),
    ],
)
def test_a_pod_is_denied_by_its_own_policy_and_where_it_leaves_its_node(policy, expected):
    assert (expected, expected) == lost(policy)


def arriving(rule, **spec):
    return make_gnp("in", types=["Ingress"], ingress=[rule, ALLOW], selector="on == 'cp1'", **spec)


POD_DENIED = arriving({**DENY, "source": {"nets": ["10.244.0.0/16"]}})


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([KEPT], [HERE]),
        ([HIDDEN], []),
        ([], []),
        ([HIDDEN, make_felix_configuration(natOutgoingExclusions="IPPoolsAndHostIPs")], [HERE]),
        ([HIDDEN, make_ippool("hosts", cidr="10.0.0.0/24", natOutgoing=False)], [HERE]),
        ([make_ippool("other", cidr="10.9.0.0/16", natOutgoing=True)], [HERE]),
    ],
)
def test_where_it_arrives_a_pod_is_denied_by_its_own_address_only_if_that_is_kept(
    objects, expected
):
    failsafes = [] if any(one.meta.ref.kind == "FelixConfiguration" for one in objects) else [NONE]
    wiped = [
        make_felix_configuration(
            natOutgoingExclusions="IPPoolsAndHostIPs", failsafeInboundHostPorts=[]
        )
        if one.meta.ref.kind == "FelixConfiguration"
        else one
        for one in objects
    ]
    assert (expected, expected) == lost(POD_DENIED, *wiped, *failsafes)


NONE = make_felix_configuration(failsafeInboundHostPorts=[])


def before(rule, *more, **spec):
    guard = {"preDNAT": True, "applyOnForward": True, "types": ["Ingress"]}
    return make_gnp("pre", selector="all == 'w1'", ingress=[rule, *more], **{**guard, **spec})


SERVICE = {"protocol": "TCP", "destination": {"nets": ["10.96.0.1/32"], "ports": [443]}}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([before({**DENY, **SERVICE})], [HERE]),
        ([before({**DENY, "destination": {"nets": ["10.0.0.10/32"]}})], []),
        ([before({**DENY, "source": {"nets": ["10.244.0.0/24"]}})], []),
        ([make_gnp("fwd", selector="all == 'w1'", applyOnForward=True, ingress=[DENY])], [HERE]),
        (
            [
                make_gnp("fwd", selector="all == 'w1'", applyOnForward=True, ingress=[DENY]),
                before({**ALLOW, **SERVICE}),
            ],
            [],
        ),
    ],
)
def test_a_wildcard_endpoint_meets_what_a_pod_sends_before_its_translation(policies, expected):
    assert (expected, expected) == lost(WILDCARD, *policies)


def test_a_node_without_a_known_address_is_left_by_its_wildcard_endpoint():
    unknown = make_pod("lone", node="w9", ips="10.244.9.5", **SYSTEM)
    wildcard = make_hep("w9-all", node="w9", interfaceName="*", labels={"on": "w9"}, **OPEN)
    policy = out(selector="on == 'w9'", applyOnForward=True)
    assert (["kube-system/lone"],) * 2 == lost(unknown, wildcard, policy)


def test_a_pod_leaves_by_the_gate_of_its_node_s_first_address():
    other = make_hep(
        "w1-eth1", interfaceName="eth1", labels={"on": "eth1"}, expectedIPs=["10.7.0.1"]
    )
    assert ([], []) == lost(other, out(selector="on == 'eth1'", applyOnForward=True))


def called(service, family=Family.V4):
    world = World(make_snapshot(*(() if service is None else (service,))))
    sources = IntervalSet.single(parse_ip("10.244.1.5")[1])
    text = "10.0.0.10" if family is Family.V4 else "fd00::10"
    return called_by_pods(world, ApiEndpoint(parse_ip(text), 6443, "cp1"), sources)


def test_pods_call_the_service_at_its_address_of_the_family_and_its_ports():
    both = make_service(
        "kubernetes",
        type="ClusterIP",
        clusterIP="10.96.0.1",
        clusterIPs=["10.96.0.1", "fd00:96::1"],
        ports=[{"name": "a", "port": 443}, {"name": "b", "port": 8443}],
    )
    for family, text in ((Family.V4, "10.96.0.1"), (Family.V6, "fd00:96::1")):
        space = called(both, family)
        assert IntervalSet.single(parse_ip(text)[1]) == space.project(Field.DST)
        assert IntervalSet.of((443, 443), (8443, 8443)) == space.project(Field.DST_PORT)
        assert IntervalSet.single(6) == space.project(Field.PROTOCOL)
        assert IntervalSet.single(parse_ip("10.244.1.5")[1]) == space.project(Field.SRC)


def test_where_the_address_of_the_service_is_not_known_it_is_not_known_what_pods_call():
    headless = make_service("kubernetes", type="ClusterIP", clusterIP="None", clusterIPs=["None"])
    assert [None] * 3 == [called(None), called(headless), called(API, Family.V6)]
