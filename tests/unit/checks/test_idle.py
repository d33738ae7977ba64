"""What selects nothing, and why: policies, host endpoints and rules."""

from __future__ import annotations

import json

import pytest

from service.checks.pruned_fields import CHECK as PRUNED
from service.checks.selects_nothing import CHECK
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import (
    make_gnp,
    make_hep,
    make_namespace,
    make_network_policy,
    make_node,
    make_pod,
    make_prednat,
    make_service_account,
    make_snapshot,
    raw,
)

NODE = make_node("w1", internal="10.0.0.11", external="192.0.2.11")
KNOWN = make_node("w1", interfaces={"eth0": ["10.0.0.11/24"], "eth1": ["10.1.0.11/24"]})
SHOP = (
    make_namespace("shop"),
    make_service_account(namespace="shop"),
    make_pod("web", namespace="shop", labels={"app": "web"}, ips="10.244.1.5"),
)
BOUND_TO_NONE = "it is bound to none of the interfaces of Node w1 (eth0, eth1)"


def told(*objects, **settings):
    world = World(make_snapshot(*objects))
    return [
        (one.subject.name, one.reason, one.message.partition(": ")[2])
        for one in CHECK.audit(world, CheckSettings(**settings))
    ]


@pytest.mark.parametrize(
    ("node", "hep", "why"),
    [
        (NODE, make_hep(expectedIPs=["10.0.0.11"]), None),
        (NODE, make_hep(expectedIPs=["10.0.0.99"]), None),
        (NODE, make_hep(interfaceName=None, expectedIPs=["10.0.0.11"]), None),
        (NODE, make_hep(interfaceName=None, expectedIPs=["192.0.2.11", "10.9.9.9"]), None),
        (
            NODE,
            make_hep(interfaceName=None, expectedIPs=["10.0.0.98", "10.0.0.99"]),
            "it names no interface, and 10.0.0.98, 10.0.0.99 is no address of Node w1",
        ),
        (NODE, make_hep(node="w9"), "there is no Node w9"),
        (None, make_hep(node="w9"), None),
        (KNOWN, make_hep(), None),
        (KNOWN, make_hep(interfaceName="*"), None),
        (KNOWN, make_hep(interfaceName="eth7"), BOUND_TO_NONE),
        (KNOWN, make_hep(interfaceName=None, expectedIPs=["10.1.0.11"]), None),
        (KNOWN, make_hep(interfaceName=None, expectedIPs=["10.2.0.11"]), BOUND_TO_NONE),
    ],
)
def test_a_host_endpoint_that_governs_nothing_is_told_with_the_reason(node, hep, why):
    expected = [] if why is None else [("w1-eth0", "endpoint", why)]
    assert expected == told(*([] if node is None else [node]), hep)


def test_of_two_endpoints_of_one_interface_the_first_by_name_governs():
    expected = [("w1-eth0", "endpoint", "a has the same interface, and its name comes first")]
    assert expected == told(NODE, make_hep("a"), make_hep("w1-eth0"))


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_rule_whose_selector_stands_for_no_address_is_told_with_its_side(side):
    rule = {"action": "Deny", side: {"selector": "role == 'node'"}}
    hep = make_hep(labels={"role": "node"}, interfaceName="eth0")
    world = World(make_snapshot(NODE, hep, *SHOP, make_prednat(ingress=[rule])))
    [one] = CHECK.audit(world, CheckSettings())
    assert one.message == (
        "ingress rule 0 matches no packet: nothing with an address is selected by "
        f'role == "node" of its {side}'
    )


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (make_network_policy(namespace="shop", selector="app == 'gone'"), True),
        (make_network_policy(namespace="shop", selector="app == 'web'"), False),
        (make_network_policy(namespace="shop", selector="all()"), False),
        (make_network_policy(namespace="kube-system", selector="app == 'gone'"), False),
        (make_network_policy(namespace="bare"), False),
        (make_gnp(selector="app == 'gone'"), True),
        (make_gnp(namespaceSelector="team == 'gone'"), False),
        (make_gnp(namespaceSelector="team == 'gone'", selector="app == 'web'"), True),
    ],
)
def test_a_policy_for_certain_pods_that_are_not_there_is_told(policy, expected):
    found = told(NODE, make_hep(), *SHOP, make_namespace("bare"), policy)
    assert expected == (found != [])


def pruned(applied, **standing):
    """The lost fields of a policy that was applied with one spec and stands with another."""
    body = raw("GlobalNetworkPolicy", "p", spec=applied)
    note = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(body)}
    one = raw("GlobalNetworkPolicy", "p", annotations=note, spec=standing)
    found = PRUNED.audit(World(make_snapshot(one)), CheckSettings())
    return [field for verdict in found for field in verdict.details["fields"]]


@pytest.mark.parametrize(
    ("applied", "standing", "expected"),
    [
        ({"preDnat": True}, {}, ["/spec/preDnat"]),
        ({"preDnat": True}, {"preDnat": True}, []),
        ({"order": 1}, {}, []),
        ({"a/b": 1}, {}, ["/spec/a~1b"]),
        ({"a/b": 1}, {"a/b": 1}, []),
        ({"a~b": 1}, {"a~b": 1}, []),
        (
            {"ingress": [{"action": "Deny", "sauce": {}}]},
            {"ingress": [{"action": "Deny"}]},
            ["/spec/ingress/0/sauce"],
        ),
        (
            {"ingress": [{"action": "Deny", "sauce": {}}]},
            {"ingress": [{"action": "Deny", "sauce": {}}]},
            [],
        ),
        (
            {"ingress": [{"action": "Deny", "sauce": {}}]},
            {"ingress": []},
            ["/spec/ingress/0/sauce"],
        ),
    ],
)
def test_fields_that_were_applied_and_are_not_there_are_told(applied, standing, expected):
    assert expected == pruned(applied, **standing)
