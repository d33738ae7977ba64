"""A deny for one family, where the other is in use and passes by default."""

from __future__ import annotations

import pytest

from service.checks.family_forgotten import CHECK
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
)

V4_DENY = {"action": "Deny", "source": {"nets": ["0.0.0.0/0"]}}
OPEN = {"profiles": ["projectcalico-default-allow"]}
W1 = make_node("w1", internal=["10.0.0.11", "fd00::11"])
W2 = make_node("w2", internal=["10.0.0.12", "fd00::12"])
HEPS = (
    make_hep("w1-eth0", labels={"on": "w1"}, expectedIPs=["10.0.0.11", "fd00::11"], **OPEN),
    make_hep(
        "w2-eth0", node="w2", labels={"on": "w2"}, expectedIPs=["10.0.0.12", "fd00::12"], **OPEN
    ),
)
HOSTS = (W1, W2, *HEPS)
SHOP = (
    make_namespace("shop"),
    make_service_account(namespace="shop"),
    make_pod("web", namespace="shop", labels={"app": "web"}, ips=["10.244.1.5", "fd00:10::5"]),
)


def found(*objects):
    world = World(make_snapshot(*objects))
    return [
        (
            one.reason,
            one.result.value,
            one.severity.value,
            one.details["nodes"],
            one.details["family"],
        )
        for one in CHECK.audit(world, CheckSettings())
    ]


def guard(rule=V4_DENY, *more, **spec):
    return make_prednat(ingress=[rule, *more], **spec)


def test_a_guard_for_ipv4_leaves_ipv6_open_on_every_host():
    assert [("hosts", "fail", "high", ["w1", "w2"], 6)] == found(*HOSTS, guard())


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "Deny", "ipVersion": 4},
        {"action": "Deny", "source": {"notNets": ["10.0.0.0/8"]}},
        {"action": "Deny", "destination": {"nets": ["0.0.0.0/0"]}},
        {"action": "Deny", "source": {"nets": ["10.0.0.0/8", "0.0.0.0/0"]}},
    ],
)
def test_a_deny_of_everybody_in_one_family_is_for_that_family(rule):
    assert [("hosts", "fail", "high", ["w1", "w2"], 6)] == found(*HOSTS, guard(rule))


@pytest.mark.parametrize(
    "policy",
    [
        guard({"action": "Deny", "source": {"nets": ["10.0.0.0/8"]}}),
        guard({"action": "Allow", "source": {"nets": ["0.0.0.0/0"]}}),
        guard({"action": "Deny"}),
        guard({**V4_DENY, "destination": {"nets": ["192.0.2.0/24"]}}),
        guard(V4_DENY, {"action": "Deny", "ipVersion": 6}),
        guard(V4_DENY, {"action": "Allow", "ipVersion": 6}),
        guard(selector="on == 'nobody'"),
    ],
)
def test_what_is_for_some_only_or_settles_both_families_forgets_none(policy):
    assert [] == found(*HOSTS, policy)


def test_a_cluster_of_one_family_forgets_none():
    only = make_node("w1", internal="10.0.0.11")
    assert [] == found(only, make_hep(expectedIPs=["10.0.0.11"], **OPEN), guard())


def test_ipv4_can_be_forgotten_too():
    rule = {"action": "Deny", "source": {"nets": ["::/0"]}}
    assert [("hosts", "fail", "high", ["w1"], 4)] == found(
        *HOSTS, guard(rule, selector="on == 'w1'")
    )


NOT_MET = make_network_policy(
    "in", namespace="shop", selector="app == 'web'", types=["Ingress"], ingress=[V4_DENY]
)


def test_a_policy_that_ends_in_a_deny_of_its_tier_forgets_nobody():
    assert [] == found(*SHOP, NOT_MET)


def test_hosts_are_told_before_pods_and_without_them():
    deny = make_gnp("both", order=1, selector="all()", types=["Ingress"], ingress=[V4_DENY, PASS])
    told = [("hosts", "fail", "high", ["w1", "w2"], 6)]
    assert told == found(*HOSTS, *SHOP, deny)
    assert ["pods"] == [one[0] for one in found(*SHOP, deny)]


PASS = {"action": "Pass"}
