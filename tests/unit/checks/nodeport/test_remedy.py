"""What is proposed for a node port that is open; that a proposal holds is the law of tests/property/test_fixes.py."""

from __future__ import annotations

import pytest

from service.checks.nodeport.remedy import NODES_LIMIT, remedies
from service.checks.settings import CheckSettings
from service.checks.verdict import Result, Severity, Verdict
from service.policy.world import World
from tests.factories import make_node, make_prednat, make_service, make_snapshot

NODE = make_node("w1", internal="10.0.0.11")
WEB = make_service("web")
TOO_MANY = [f"n{n}" for n in range(NODES_LIMIT + 1)]


def proposed(*objects, reason="no-trailing-deny", result=Result.FAIL, **details):
    verdict = Verdict(
        check="nodeport-unguarded",
        subject=WEB.meta.ref,
        result=result,
        severity=Severity.HIGH,
        reason=reason,
        message="",
        details={"protocol": "TCP", "nodePort": "30080", "nodes": ["w1"], **details},
    )
    world = World(make_snapshot(NODE, *objects))
    found = remedies(world, CheckSettings(), verdict)
    return [[(one["kind"], one["metadata"]["name"], one["spec"]) for one in each] for each in found]


@pytest.mark.parametrize(
    ("details", "name", "ports"),
    [
        ({}, "tcp-30080", [30080]),
        ({"nodePort": "30000-32767"}, "tcp-30000-32767", ["30000:32767"]),
        (
            {"nodePort": "30000-30009, 30080", "protocol": "UDP"},
            "udp-30000-30009",
            ["30000:30009", 30080],
        ),
    ],
)
def test_the_port_is_denied_behind_all_guards(details, name, ports):
    [[(kind, told, spec)], _] = proposed(make_prednat(order=40), **details)
    assert ("GlobalNetworkPolicy", f"nodeward-guard-{name}", 50) == (kind, told, spec["order"])
    protocol = details.get("protocol", "TCP")
    rule = {"action": "Deny", "protocol": protocol, "destination": {"ports": ports}}
    assert ([rule], "all()", True) == (spec["ingress"], spec["selector"], spec["preDNAT"])


def test_a_node_without_an_endpoint_gets_one_alone_or_with_a_deny():
    found = proposed(reason="node-without-host-endpoint")
    alone, guarded = ["HostEndpoint"], ["HostEndpoint", "GlobalNetworkPolicy"]
    assert [alone, guarded, guarded] == [[kind for kind, _, _ in each] for each in found]
    assert ["10.0.0.11"] == found[0][0][2]["expectedIPs"]


def test_a_node_that_can_have_no_endpoint_gets_none():
    windows = make_node("w1", internal="10.0.0.11", labels={"kubernetes.io/os": "windows"})
    assert [] == proposed(windows, reason="node-without-host-endpoint")


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": "unknown"},
        {"reason": "allow-all"},
        {"result": Result.WARN},
        {"reason": "node-without-host-endpoint", "nodes": TOO_MANY},
    ],
)
def test_nothing_is_proposed_for_what_no_object_mends_or_far_too_many(changed):
    assert [] == proposed(**changed)


def test_all_node_ports_are_denied_where_one_alone_does_not_do():
    _, [(kind, name, spec)] = proposed(nodes=TOO_MANY)
    assert ("GlobalNetworkPolicy", "nodeward-guard-node-ports") == (kind, name)
    assert [("Deny", one, ["30000:32767"]) for one in ("TCP", "UDP", "SCTP")] == [
        (rule["action"], rule["protocol"], rule["destination"]["ports"]) for rule in spec["ingress"]
    ]


def test_as_many_nodes_as_may_be_are_mended_one_by_one():
    nodes = [make_node(one, internal=f"10.0.1.{at}") for at, one in enumerate(TOO_MANY)][1:]
    found = proposed(*nodes, reason="node-without-host-endpoint", nodes=TOO_MANY[1:])
    assert NODES_LIMIT == len(found[0])
