"""Kubernetes' NetworkPolicy in Calico's form."""

from __future__ import annotations

import pytest

from service.policy.cause import Direction
from service.policy.convert_kubernetes import kubernetes_policy
from service.policy.order import policy_key
from tests.factories import make_knp

PODS = 'projectcalico.org/orchestrator == "k8s"'
HERE = 'projectcalico.org/namespace == "default"'


def ingress(**rule):
    return kubernetes_policy(make_knp(ingress=[rule])).ingress


def source(peer):
    entity = ingress(**{"from": [peer]})[0].source
    return entity.positive and entity.positive.canonical()


def test_it_stands_in_the_default_tier_at_order_1000_under_a_kind_of_its_own():
    policy = kubernetes_policy(make_knp("a"))
    assert ("default", (1000.0, "a/default/KubernetesNetworkPolicy")) == (
        policy.tier,
        policy_key(policy),
    )


def test_it_selects_pods_of_its_namespace_alone():
    policy = kubernetes_policy(make_knp(podSelector={"matchLabels": {"app": "web"}}))
    assert f'(({PODS} && app == "web") && {HERE})' == policy.applies_to.canonical()


@pytest.mark.parametrize(
    ("spec", "directions"),
    [
        ({}, {Direction.INGRESS}),
        ({"egress": [{}]}, set(Direction)),
        ({"policyTypes": ["Egress"]}, {Direction.EGRESS}),
    ],
)
def test_its_types_are_those_in_effect(spec, directions):
    assert directions == kubernetes_policy(make_knp(**spec)).directions


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ({"podSelector": {}}, f"({HERE} && {PODS})"),
        ({"namespaceSelector": {}}, f"(has(projectcalico.org/namespace) && {PODS})"),
        (
            {
                "namespaceSelector": {"matchLabels": {"env": "x"}},
                "podSelector": {"matchLabels": {"a": "b"}},
            },
            f'(pcns.env == "x" && ({PODS} && a == "b"))',
        ),
        ({"ipBlock": {"cidr": "10.0.0.0/8"}}, None),
    ],
)
def test_a_peer_means_pods_or_addresses(peer, expected):
    assert expected == source(peer)


def test_a_block_leaves_out_its_exceptions():
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}
    rule = ingress(**{"from": [block]})[0].source.rule
    assert (["10.0.0.0/8"], ["10.1.0.0/16"]) == ([*map(str, rule.nets)], [*map(str, rule.not_nets)])


def test_a_rule_without_peers_and_ports_matches_everything():
    [rule] = ingress()
    assert (None, None, ()) == (
        rule.rule.protocol,
        rule.source.positive,
        rule.destination.rule.ports,
    )


def test_the_ports_of_a_protocol_make_one_rule_for_each_peer():
    ports = [{"port": 80}, {"port": 443, "endPort": 445}, {"protocol": "UDP", "port": "dns"}]
    rules = ingress(ports=ports, **{"from": [{"podSelector": {}}, {"namespaceSelector": {}}]})
    assert [(6, "80, 443:445")] * 2 + [(17, "dns")] * 2 == [
        (one.rule.protocol, ", ".join(map(str, one.destination.rule.ports))) for one in rules
    ]
    assert {0} == {one.index for one in rules}


def test_a_protocol_without_a_port_overrides_its_other_entries():
    [rule] = ingress(ports=[{"port": 80}, {"protocol": "TCP"}])
    assert ((), 6) == (rule.destination.rule.ports, rule.rule.protocol)


def test_the_peer_of_an_egress_rule_is_its_destination_with_the_ports():
    policy = kubernetes_policy(
        make_knp(egress=[{"to": [{"podSelector": {}}], "ports": [{"port": 80}]}])
    )
    destination = policy.egress[0].destination
    assert (f"({HERE} && {PODS})", 80) == (
        destination.positive.canonical(),
        destination.rule.ports[0].lo,
    )


@pytest.mark.parametrize("rule", [{}, {"from": []}, {"from": [{}]}])
def test_a_rule_without_peers_means_everybody(rule):
    [one] = ingress(**rule)
    assert (None, None, ()) == (one.source.positive, one.source.negative, one.source.rule.nets)


def test_a_peer_means_pods_of_here_or_of_the_namespaces_that_it_selects():
    web = {"matchLabels": {"app": "web"}}
    assert f'({HERE} && ({PODS} && app == "web"))' == source({"podSelector": web})
    both = source({"podSelector": web, "namespaceSelector": {"matchLabels": {"team": "a"}}})
    assert HERE not in both
    assert 'pcns.team == "a"' in both
    assert 'app == "web"' in both
