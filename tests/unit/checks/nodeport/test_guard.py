from __future__ import annotations

import pytest

from service.checks.nodeport.guard import Served, bounds_port, bounds_source, policeable
from service.checks.nodeport.judge import Judge
from service.checks.settings import CheckSettings
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, cidrs, parse_cidr
from service.policy.convert import global_policy
from service.policy.world import World
from tests.factories import (
    make_gnp,
    make_hep,
    make_node,
    make_prednat,
    make_snapshot,
    raw,
)

PORT = Bounds.exact(
    HeaderSpace.box(
        Family.V4,
        {Field.PROTOCOL: IntervalSet.single(6), Field.DST_PORT: IntervalSet.single(30080)},
    )
)
NODES = [
    make_node(f"w{i}", labels={"zone": "ab"[i % 2]}, internal=f"10.0.0.1{i}") for i in range(4)
]
HEPS = [
    make_hep(f"w{i}-eth0", node=f"w{i}", labels={"zone": "ab"[i % 2]}, expectedIPs=[f"10.0.0.1{i}"])
    for i in range(4)
]
ALLOW_OFFICE = {"action": "Allow", "source": {"nets": ["198.51.100.0/24"]}}
DENY = {"action": "Deny"}


def judge(*objects, **settings):
    return Judge(World(make_snapshot(*objects)), CheckSettings(**settings))


def guarding(*rules, served=Served.BEHIND_DNAT, **settings):
    one = judge(NODES[0], HEPS[0], make_prednat(ingress=list(rules)), **settings)
    (entry,) = one.ways_in("w0", Family.V4)
    return one.guarding(entry, PORT, served)


def sources(bounds):
    return cidrs(Family.V4, bounds.must.project(Field.SRC))


EVERYONE = ["0.0.0.0/0"]


@pytest.mark.parametrize(
    ("rules", "harm", "let_through"),
    [
        ([], EVERYONE, []),
        ([DENY], [], []),
        ([ALLOW_OFFICE, DENY], [], ["198.51.100.0/24"]),
        ([{"action": "Allow"}, DENY], EVERYONE, []),
        ([{**DENY, "source": {"notNets": ["198.51.100.0/24"]}}], [], ["198.51.100.0/24"]),
        (
            [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [30080]}}],
            [],
            EVERYONE,
        ),
    ],
)
def test_harm_is_what_no_rule_decides_on_purpose(rules, harm, let_through):
    found = guarding(*rules)
    assert (harm, let_through) == (sources(found.harm), sources(found.let_through))


def test_trusted_sources_are_no_harm():
    found = guarding(
        DENY | {"source": {"nets": ["128.0.0.0/1"]}}, trusted=(parse_cidr("0.0.0.0/1"),)
    )
    assert [] == sources(found.harm)


def test_what_the_host_serves_is_judged_by_normal_policy_too():
    found = guarding(served=Served.BY_HOST)
    assert [] == sources(found.harm)


def test_the_part_about_some_packets_is_what_asking_about_them_alone_gives():
    one = judge(NODES[0], HEPS[0], make_prednat(ingress=[ALLOW_OFFICE, DENY]))
    (entry,) = one.ways_in("w0", Family.V4)
    everything = Bounds.exact(HeaderSpace.everything(Family.V4))
    assert one.guarding(entry, PORT) == one.guarding(entry, everything).within(PORT)


def classes(*objects, **settings):
    return [one.nodes for one in judge(*objects, **settings).classes(Family.V4)]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], [("w0", "w1", "w2", "w3")]),
        ([make_prednat()], [("w0", "w1", "w2", "w3")]),
        ([make_prednat(selector="zone == 'a'")], [("w0", "w2"), ("w1", "w3")]),
        ([make_gnp(selector="zone == 'a'")], [("w0", "w1", "w2", "w3")]),
        (
            [make_prednat(ingress=[{**DENY, "destination": {"nets": ["10.0.0.10/32"]}}])],
            [("w0",), ("w1",), ("w2",), ("w3",)],
        ),
    ],
)
def test_nodes_are_one_class_where_untracked_and_prednat_policy_is_one(policies, expected):
    assert expected == classes(*NODES, *HEPS, *policies)


def test_only_exposed_nodes_count_and_those_without_an_object():
    stranger = make_hep("x", node="x", expectedIPs=["10.0.0.99"])
    assert [("w1", "w3")] == classes(*NODES, *HEPS, stranger, nodes_exposed="zone == 'b'")


def test_without_nodes_those_that_endpoints_name_count():
    assert [("w0", "w1")] == classes(*HEPS[:2], nodes_exposed="zone == 'b'")


def test_a_node_without_the_family_is_in_no_class():
    assert () == judge(*NODES).classes(Family.V6)


def test_kube_proxy_may_answer_at_some_addresses_only():
    one = judge(*NODES, *HEPS, node_port_addresses=(parse_cidr("10.0.0.11/32"),))
    assert [0, 1] == [len(one.ways_in(node, Family.V4)) for node in ("w0", "w1")]


def test_windows_cannot_be_policed():
    body = raw("Node", "win", api_version="v1", labels={"kubernetes.io/os": "windows"})
    world = World(make_snapshot(body))
    assert (False, True) == (policeable(world, "win"), policeable(world, "gone"))


def rule(**fields):
    return global_policy(make_gnp(ingress=[{"action": "Allow", **fields}])).ingress[0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, False),
        ({"nets": ["0.0.0.0/0"]}, False),
        ({"nets": ["0.0.0.0/0"], "selector": "has(a)"}, True),
        ({"nets": ["0.0.0.0/0"], "notNets": ["10.0.0.0/8"]}, True),
        ({"nets": ["10.0.0.0/8"]}, True),
        ({"notNets": ["10.0.0.0/8"]}, True),
        ({"selector": "has(a)"}, True),
        ({"notSelector": "has(a)"}, True),
    ],
)
def test_a_rule_bounds_its_source_by_nets_or_selectors(source, expected):
    assert expected is bounds_source(rule(source=source))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"protocol": "TCP"}, False),
        ({"protocol": "TCP", "destination": {"ports": [80]}}, True),
        ({"protocol": "TCP", "destination": {"ports": ["1:65535"]}}, False),
        ({"protocol": "TCP", "destination": {"ports": ["web"]}}, True),
    ],
)
def test_a_rule_bounds_the_port_by_protocol_and_port_together(fields, expected):
    assert expected is bounds_port(rule(**fields))
