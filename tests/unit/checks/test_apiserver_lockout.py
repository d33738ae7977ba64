from __future__ import annotations

import pytest

from service.checks.apiserver_lockout import CHECK
from service.checks.contract import Transition
from service.checks.settings import CheckSettings, Strictness, Unknown
from service.net.prefixes import parse_cidr, parse_ip
from service.policy.world import World
from tests.factories import (
    make_change,
    make_endpoint_slice,
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
)

OPEN = {"profiles": ["projectcalico-default-allow"]}
CP1 = make_node("cp1", internal="10.0.0.10")
W1 = make_node("w1", internal="10.0.0.11")
HEP = make_hep("cp1-eth0", node="cp1", labels={"role": "node"}, expectedIPs=["10.0.0.10"], **OPEN)
ON_8443 = make_endpoint_slice(addresses=["10.0.0.10"], port=8443)
ON_6443 = make_endpoint_slice(addresses=["10.0.0.10"])
WIPED = make_felix_configuration(failsafeInboundHostPorts=[], failsafeOutboundHostPorts=[])
CLUSTER = (CP1, W1, HEP, ON_8443)
DENY = make_prednat()
OPERATORS = (parse_cidr("198.51.100.0/24"),)


def transition(objects, before, after):
    world = World(make_snapshot(*objects))
    change = make_change(before, after)
    return Transition(world, world.with_change(change), change)


def reviewed(objects, before, after, **settings):
    settings = {"operators": OPERATORS, **settings}
    found = CHECK.review(transition(objects, before, after), CheckSettings(**settings))
    return [(one.reason, one.result.value, one.key[-1] if one.key else "") for one in found]


def audited(*objects, **settings):
    world = World(make_snapshot(*objects))
    return [
        (one.reason, one.result.value, one.key[-1] if one.key else "")
        for one in CHECK.audit(world, CheckSettings(**settings))
    ]


def allow(*nets):
    return {"action": "Allow", "source": {"nets": list(nets)}}


NODES, OUTSIDE, OPS = "nodes", "outside sources", "operators"


def test_a_deny_of_everything_cuts_nodes_and_operators_off():
    assert [("lost", "fail", NODES), ("lost", "fail", OPS)] == reviewed(CLUSTER, None, DENY)


@pytest.mark.parametrize(
    ("nets", "expected"),
    [
        (["10.0.0.0/24", "198.51.100.0/24"], []),
        (["10.0.0.0/24"], [("lost", "fail", OPS)]),
        (["10.0.0.0/24", "198.51.100.0/25"], [("lost", "fail", OPS)]),
        (["198.51.100.0/24"], [("lost", "fail", NODES)]),
    ],
)
def test_half_a_network_that_is_lost_is_a_loss(nets, expected):
    guard = make_prednat(ingress=[allow(*nets), {"action": "Deny"}])
    assert expected == reviewed(CLUSTER, None, guard)


def test_an_end_of_tier_is_a_loss_too():
    assert ("lost", "fail", NODES) in reviewed(CLUSTER, None, make_gnp(ingress=[]))


def test_what_a_node_may_not_send_out_is_lost():
    sender = make_hep("w1-eth0", node="w1", expectedIPs=["10.0.0.11"], **OPEN)
    silent = make_gnp(types=["Egress"], egress=[])
    found = reviewed((*CLUSTER, sender, WIPED), None, silent)
    assert [("lost", "fail", NODES)] == found


def test_the_api_server_s_own_node_goes_over_loopback():
    wildcard = make_hep("cp1-all", node="cp1", interfaceName="*", labels={"lo": "1"}, **OPEN)
    deny = make_gnp(selector="has(lo)", ingress=[{"action": "Deny"}])
    found = reviewed((CP1, HEP, wildcard, ON_8443), None, deny)
    assert ("lost", "fail", NODES) in found


def test_a_failsafe_list_that_is_wiped_is_a_loss():
    closed = make_hep("cp1-eth0", node="cp1", expectedIPs=["10.0.0.10"])
    found = reviewed((CP1, W1, closed, ON_6443), None, WIPED)
    assert [("lost", "fail", NODES), ("lost", "fail", OPS)] == found


@pytest.mark.parametrize(
    ("strictness", "expected"),
    [(Strictness.REJECT, "fail"), (Strictness.WARN, "warn"), (Strictness.IGNORE, "skip")],
)
def test_an_explicit_deny_that_only_a_failsafe_survives_is_what_the_owner_says(
    strictness, expected
):
    found = reviewed((CP1, W1, HEP, ON_6443), None, DENY, failsafe_only=strictness)
    assert {("failsafe-only", expected)} == {one[:2] for one in found}


def test_an_implicit_deny_that_only_a_failsafe_survives_warns():
    found = reviewed((CP1, W1, HEP, ON_6443), None, make_gnp(ingress=[]))
    assert {("failsafe-only", "warn")} == {one[:2] for one in found}


def test_an_old_fault_never_blocks_an_unrelated_edit():
    other = make_gnp("other", types=["Egress"], egress=[{"action": "Allow"}])
    found = reviewed((*CLUSTER, DENY), None, other)
    assert {("lost", "warn")} == {one[:2] for one in found}


def test_repair_passes():
    assert [] == reviewed((*CLUSTER, DENY), DENY, None)


def test_a_service_changes_nobody_s_access():
    assert [] == reviewed(CLUSTER, None, make_service())


@pytest.mark.parametrize(
    ("ingress", "expected"),
    [
        ([{"action": "Deny"}], ("unreachable-from-outside", "fail", OUTSIDE)),
        (
            [allow("10.0.0.0/8", "203.0.113.0/24"), {"action": "Deny"}],
            ("fewer-outside", "warn", OUTSIDE),
        ),
    ],
)
def test_without_operators_what_remains_for_outsiders_is_told(ingress, expected):
    assert expected in reviewed(CLUSTER, None, make_prednat(ingress=ingress), operators=())


def test_what_may_be_lost_warns_or_is_refused():
    by_pods = make_prednat(ingress=[{"action": "Deny", "source": {"selector": "app == 'x'"}}])
    results = [
        reviewed(CLUSTER, None, by_pods, unknown=unknown)
        for unknown in (Unknown.WARN, Unknown.DENY)
    ]
    assert [[("may-be-lost", one, OPS)] for one in ("warn", "fail")] == results


@pytest.mark.parametrize(
    ("strictness", "expected"),
    [(Strictness.REJECT, {"fail"}), (Strictness.WARN, {"warn"}), (Strictness.IGNORE, set())],
)
def test_a_policy_that_selects_nothing_yet_is_told_by_what_it_would_cut(strictness, expected):
    idle = make_prednat(selector="role == 'later'")
    found = reviewed(CLUSTER, None, idle, latent=strictness)
    assert expected == {result for reason, result, _ in found if reason == "latent"}


@pytest.mark.parametrize(
    "selector",
    ["projectcalico.org/namespace == 'x' && app == 'y'", "projectcalico.org/orchestrator == 'k8s'"],
)
def test_a_policy_that_can_select_pods_only_is_no_latent_danger(selector):
    assert [] == reviewed(CLUSTER, None, make_gnp(selector=selector, ingress=[{"action": "Deny"}]))


def test_a_policy_for_everything_is_latent_while_there_is_no_endpoint():
    found = reviewed((CP1, W1, ON_8443), None, DENY)
    assert {("latent", "warn")} == {one[:2] for one in found}


def test_without_an_endpoint_known_that_is_said():
    assert ("endpoints-unknown", "warn", "") in audited(W1, HEP)


def test_without_an_endpoint_known_a_change_is_refused_where_the_owner_says_so():
    assert [("endpoints-unknown", "fail", "")] == reviewed(
        (W1, HEP), None, DENY, unknown=Unknown.DENY
    )


def test_without_host_endpoints_nothing_is_cut_off():
    assert [] == audited(W1)


def test_an_endpoint_that_is_no_node_s_has_no_receiving_stages():
    vip = (parse_ip("192.0.2.10"), 443)
    found = audited(CP1, HEP, DENY, apiserver_endpoints=(vip,), operators=OPERATORS)
    assert ("reachable", "pass", OPS) in found


def test_control_plane_nodes_stand_for_endpoints_that_nobody_names():
    control_plane = make_node(
        "cp1", labels={"node-role.kubernetes.io/control-plane": ""}, internal="10.0.0.10"
    )
    world = World(make_snapshot(control_plane, HEP))
    found = list(CHECK.audit(world, CheckSettings(apiserver_port=7443)))
    assert {"10.0.0.10:7443"} == {one.key[0] for one in found}


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        (CLUSTER, {("reachable", "pass", NODES), ("reachable", "pass", OUTSIDE)}),
        (
            (*CLUSTER, DENY),
            {("lost", "fail", NODES), ("unreachable-from-outside", "warn", OUTSIDE)},
        ),
        (
            (CP1, W1, HEP, ON_6443, DENY),
            {("failsafe-only", "warn", OUTSIDE)},
        ),
    ],
)
def test_an_audit_tells_how_things_stand(objects, expected):
    assert expected == set(audited(*objects))


def test_operators_of_the_other_family_are_no_senders():
    found = audited(*CLUSTER, operators=(parse_cidr("2001:db8::/32"),))
    assert [("reachable", "pass", NODES)] == found


def test_the_way_out_is_the_interface_whose_prefix_holds_the_destination():
    sender = make_node("w1", interfaces={"eth0": ["10.0.0.11/24"], "eth1": ["10.1.0.11/24"]})
    hep = make_hep("w1-eth1", node="w1", interfaceName="eth1", labels={"n": "1"}, **OPEN)
    deny = make_gnp(selector="has(n)", types=["Egress"], egress=[{"action": "Deny"}])
    assert [] == [
        one for one in reviewed((CP1, sender, HEP, hep, ON_8443), None, deny) if one[1] == "fail"
    ]


def test_a_node_without_an_address_of_the_family_sends_nothing():
    silent = make_node("w2", internal="fd00::12")
    assert ("reachable", "pass", NODES) in audited(*CLUSTER, silent)


def test_a_doubt_that_becomes_sure_is_a_loss_that_was_not_before():
    by_pods = make_prednat(ingress=[{"action": "Deny", "source": {"selector": "app == 'x'"}}])
    surely = make_prednat(ingress=[{"action": "Deny", "source": {"nets": ["198.51.100.0/24"]}}])
    found = reviewed((*CLUSTER, by_pods), by_pods, surely, unknown=Unknown.DENY)
    assert [("lost", "warn", OPS), ("may-be-lost", "fail", OPS)] == found


def test_what_only_a_failsafe_carries_is_told_with_the_rules_of_the_policy_that_changes():
    deny = make_gnp("mine", order=2, types=["Ingress"], ingress=[{"action": "Deny"}])
    objects = (CP1, W1, HEP, ON_6443)
    step = transition(objects, None, deny)
    found = [
        one
        for one in CHECK.review(step, CheckSettings(operators=OPERATORS))
        if one.reason == "failsafe-only"
    ]
    assert found
    assert [["mine"]] * len(found) == [[cause.policy.name for cause in one.causes] for one in found]
