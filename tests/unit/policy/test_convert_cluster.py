"""ClusterNetworkPolicy and its predecessors in Calico's form."""

from __future__ import annotations

import pytest

from service.model.rule import Action
from service.policy.cause import Direction
from service.policy.convert_cluster import admin_policy, baseline_policy, cluster_policy
from service.policy.policies import policies
from service.policy.profile import Release
from tests.factories import (
    make_admin_network_policy,
    make_baseline_admin_network_policy,
    make_cluster_network_policy,
    make_snapshot,
)

PODS = 'projectcalico.org/orchestrator == "k8s"'
ANY_NAMESPACE = "has(projectcalico.org/namespace)"
EVERYBODY = {"namespaces": {}}


def converted(**spec):
    return cluster_policy(make_cluster_network_policy(**spec))


def rules(*written):
    return converted(ingress=list(written)).ingress


@pytest.mark.parametrize(
    ("tier", "expected"), [("Admin", "kube-admin"), ("Baseline", "kube-baseline")]
)
def test_its_tier_is_one_of_calicos_and_its_priority_the_order(tier, expected):
    policy = converted(tier=tier, priority=7)
    assert (expected, 7.0, "KubernetesClusterNetworkPolicy") == (
        policy.tier,
        policy.order,
        policy.kind,
    )


def test_a_subject_never_means_hosts():
    pods = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}
    assert [f"({PODS} && {ANY_NAMESPACE})", f'(({PODS} && a == "b") && {ANY_NAMESPACE})'] == [
        converted(subject=subject).applies_to.canonical() for subject in (EVERYBODY, {"pods": pods})
    ]


def test_namespaces_as_a_peer_mean_network_sets_too():
    [rule] = rules({"action": "Deny", "from": [{"namespaces": {"matchLabels": {"env": "x"}}}]})
    assert (Action.DENY, 'pcns.env == "x"') == (rule.rule.action, rule.source.positive.canonical())


def test_pods_as_a_peer_are_pods_of_namespaces():
    peer = {"pods": {"namespaceSelector": {}, "podSelector": {}}}
    [rule] = rules({"action": "Accept", "from": [peer]})
    assert f"({ANY_NAMESPACE} && {PODS})" == rule.source.positive.canonical()


def test_its_actions_are_calicos():
    actions = [{"action": one, "from": [EVERYBODY]} for one in ("Accept", "Deny", "Pass")]
    assert [Action.ALLOW, Action.DENY, Action.PASS] == [one.rule.action for one in rules(*actions)]


def test_each_protocol_makes_a_rule_and_a_named_port_is_of_any():
    ports = [
        {"tcp": {"destinationPort": {"range": {"start": 80, "end": 90}}}},
        {"destinationNamedPort": "web"},
    ]
    found = rules({"action": "Accept", "from": [EVERYBODY], "protocols": ports})
    assert [(6, "80:90"), (None, "web")] == [
        (one.rule.protocol, str(one.destination.rule.ports[0])) for one in found
    ]


@pytest.mark.parametrize(
    ("action", "expected"), [("Accept", []), ("Deny", [Action.DENY]), ("Pass", [Action.DENY])]
)
def test_a_rule_that_cannot_be_converted_denies_unless_it_would_accept(action, expected):
    egress = [{"action": action, "to": [EVERYBODY, {"nodes": {}}]}]
    found = converted(egress=egress).egress
    assert expected == [one.rule.action for one in found]
    assert all(one.destination.positive is None for one in found)


def test_networks_are_peers_of_egress():
    egress = [{"action": "Deny", "to": [{"networks": ["10.0.0.0/8"]}]}]
    [rule] = converted(egress=egress).egress
    assert ["10.0.0.0/8"] == [*map(str, rule.destination.rule.nets)]


def test_it_counts_in_the_directions_in_which_it_has_rules_and_without_any_in_both():
    ingress = [{"action": "Deny", "from": [EVERYBODY]}]
    assert {Direction.INGRESS} == converted(ingress=ingress).directions
    assert set(Direction) == converted().directions


def test_its_predecessors_stand_in_tiers_of_their_own():
    rule = {"action": "Allow", "from": [EVERYBODY]}
    admin = admin_policy(make_admin_network_policy(priority=3, ingress=[rule]))
    baseline = baseline_policy(make_baseline_admin_network_policy(ingress=[rule]))
    assert [("adminnetworkpolicy", 3.0), ("baselineadminnetworkpolicy", 1000.0)] == [
        (one.tier, one.order) for one in (admin, baseline)
    ]
    assert [Action.ALLOW] * 2 == [one.ingress[0].rule.action for one in (admin, baseline)]


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        (28, []),
        (29, ["KubernetesAdminNetworkPolicy"]),
        (30, ["KubernetesAdminNetworkPolicy", "KubernetesBaselineAdminNetworkPolicy"]),
        (31, ["KubernetesAdminNetworkPolicy", "KubernetesBaselineAdminNetworkPolicy"]),
        (32, ["KubernetesClusterNetworkPolicy"]),
        (34, ["KubernetesClusterNetworkPolicy"]),
    ],
)
def test_each_release_of_calico_knows_its_own_kinds(release, expected):
    every = (
        make_admin_network_policy(),
        make_baseline_admin_network_policy(),
        make_cluster_network_policy(),
    )
    found = policies(make_snapshot(*every), Release(release))
    assert expected == sorted(one.kind for one in found)
