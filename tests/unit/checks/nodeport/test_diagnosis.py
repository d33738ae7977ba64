from __future__ import annotations

import pytest

from service.checks.nodeport.diagnosis import idle_policies, idle_text, labels_text
from service.checks.nodeport_unguarded import CHECK
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import (
    decode,
    make_global_network_set,
    make_gnp,
    make_hep,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
    raw,
)

NODE = make_node("w1", internal="10.0.0.11")
HEP = make_hep("w1-eth0", labels={"role": "node"}, expectedIPs=["10.0.0.11"])
WILDCARD = make_hep("w1-all", interfaceName="*", expectedIPs=["10.0.0.11"])
WEB = make_service("web", ipFamilies=["IPv4"])
DENY = {"action": "Deny"}
STAGED = decode(
    raw(
        "StagedGlobalNetworkPolicy",
        "later",
        spec={"preDNAT": True, "applyOnForward": True, "types": ["Ingress"], "ingress": [DENY]},
    )
).obj
BROKEN_HEP = decode(raw("HostEndpoint", "odd", spec={"node": "w1"}))


def why(*objects):
    """The reason and the message of the first verdict."""
    found = next(iter(CHECK.audit(World(make_snapshot(WEB, *objects)), CheckSettings())))
    return found.reason, found.message


def broken_policy(**spec):
    rule = {**DENY, "destination": {"ports": [30080]}}
    whole = {
        "preDNAT": True,
        "applyOnForward": True,
        "types": ["Ingress"],
        "ingress": [rule],
        **spec,
    }
    return decode(raw("GlobalNetworkPolicy", "broken", spec=whole))


def test_an_interface_without_an_endpoint_is_named_beside_those_that_have_one():
    node = make_node("w1", interfaces={"eth1": ["10.1.0.11/24"]})
    reason, message = why(node, HEP)
    assert ("node-without-host-endpoint", True) == (
        reason,
        "none of its host endpoints (w1-eth0) governs interface eth1" in message,
    )


def test_an_endpoint_that_is_not_in_effect_is_named():
    assert "(HostEndpoint odd is not in effect)" in why(NODE, BROKEN_HEP)[1]


def test_an_endpoint_that_is_not_in_effect_is_named_where_there_is_no_node_either():
    assert "(HostEndpoint odd is not in effect)" in why(BROKEN_HEP)[1]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "policy-discarded"),
        ({"selector": "role == 'node'"}, "policy-discarded"),
        ({"selector": "role == 'edge'"}, "no-policy"),
        ({"selector": "role ="}, "policy-discarded"),
    ],
)
def test_a_discarded_policy_explains_what_it_was_meant_to_guard(spec, expected):
    assert expected == why(NODE, HEP, broken_policy(**spec))[0]


def test_a_discarded_normal_policy_explains_nothing():
    normal = broken_policy(preDNAT=None, applyOnForward=None)
    assert "no-policy" == why(NODE, HEP, normal)[0]


NAMED = {"protocol": "TCP", "destination": {"ports": ["30000:32767"]}}
UNTRACKED = {"doNotTrack": True, "applyOnForward": True, "types": ["Ingress"]}


@pytest.mark.parametrize(
    ("hep", "policy", "expected"),
    [
        (HEP, make_gnp(ingress=[DENY]), "normal policy"),
        (HEP, make_gnp(ingress=[{**DENY, **NAMED}]), "normal policy"),
        (HEP, make_gnp(applyOnForward=True, ingress=[{"action": "Allow", **NAMED}]), "normal"),
        (WILDCARD, make_gnp(ingress=[{**DENY, **NAMED}], **UNTRACKED), "is untracked"),
        (HEP, STAGED, "StagedGlobalNetworkPolicy later would guard the port, but is staged only"),
    ],
)
def test_where_nothing_can_guard_what_was_meant_to_is_named(hep, policy, expected):
    reason, message = why(NODE, hep, policy)
    assert ("no-policy", True) == (
        reason,
        f"in effect: {expected}" in message or expected in message,
    )


@pytest.mark.parametrize(
    "policy",
    [
        make_gnp(selector="role == 'edge'", ingress=[{**DENY, **NAMED}]),
        make_gnp(ingress=[{"action": "Allow", **NAMED}]),
        make_gnp(ingress=[{**DENY, "protocol": "UDP"}]),
        make_gnp(ingress=[{**DENY, "protocol": "TCP", "destination": {"ports": [22]}}]),
    ],
)
def test_what_is_about_other_ports_or_endpoints_was_not_meant(policy):
    reason, message = why(NODE, HEP, policy)
    assert ("no-policy", True) == (reason, message.endswith("no preDNAT policy is in effect"))


SETS = make_global_network_set(labels={"who": "them"}, nets=["192.0.2.0/24"])
THEM = {"source": {"selector": "who == 'them' && !has(projectcalico.org/namespace)"}}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"protocol": "UDP"}, "protocol-open"),
        ({"protocol": "UDP", **THEM}, "no-trailing-deny"),
        ({"protocol": "UDP", "destination": {"ports": [1]}}, "no-trailing-deny"),
        ({"protocol": "TCP", "destination": {"ports": [1]}}, "port-open"),
        ({"protocol": "TCP", "destination": {"ports": [1]}, **THEM}, "no-trailing-deny"),
        ({"source": {"notNets": ["2001:db8::/32"]}}, "family-open"),
        ({"protocol": "UDP", "source": {"nets": ["::/0"]}}, "no-trailing-deny"),
    ],
)
def test_a_deny_that_all_but_guards_is_named_for_what_it_lacks(rule, expected):
    assert expected == why(NODE, HEP, SETS, make_prednat(ingress=[{**DENY, **rule}]))[0]


def test_idle_policies_are_told_with_the_labels_that_they_miss():
    world = World(make_snapshot(HEP, make_prednat("typo", selector="roel == 'node'")))
    text = idle_text(world, idle_policies(world))
    assert (
        'typo selects roel == "node", and no host endpoint matches; there are: w1-eth0 (role=node)'
        == text
    )


def test_idle_policies_are_told_without_labels_where_there_is_no_endpoint():
    world = World(make_snapshot(make_prednat("typo", selector="has(a)")))
    assert "typo selects has(a), and no host endpoint matches" == idle_text(
        world, idle_policies(world)
    )


@pytest.mark.parametrize(("labels", "expected"), [({}, "none"), ({"b": "2", "a": "1"}, "a=1, b=2")])
def test_labels_are_told_in_order(labels, expected):
    assert expected == labels_text(labels)


def test_other_objects_that_are_not_in_effect_are_no_endpoints():
    assert "is not in effect" not in why(NODE, broken_policy())[1]
