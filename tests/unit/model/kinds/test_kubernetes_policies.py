"""Kubernetes' network policies, and Calico's staged form of them."""

from __future__ import annotations

import pytest

from service.model.kinds.k8s_network_policy import NetworkPolicy
from service.model.kinds.staged_kubernetes_network_policy import StagedKubernetesNetworkPolicy
from service.model.kinds.staged_network_policy import StagedNetworkPolicy
from service.model.label_selector import LabelSelector
from service.model.meta import Layer
from service.model.peer_rule import IPBlock, Peer, PeerRule, PolicyPort
from service.net.prefixes import parse_cidr
from tests.factories import decode, make_knp, make_network_policy, make_staged_network_policy, raw

RULES = [{"ports": [{"port": 80}]}]


def decoded(**spec):
    return decode(raw("NetworkPolicy", api_version="networking.k8s.io/v1", spec=spec))


def with_peer(**peer):
    return decoded(ingress=[{"from": [peer]}])


def with_port(**port):
    return decoded(ingress=[{"ports": [port]}])


def problems(one):
    return [(problem.layer, problem.location.pointer) for problem in one.problems]


def test_a_policy_is_read_in_full():
    ingress = {
        "from": [
            {"podSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {}},
            {"ipBlock": {"cidr": "10.1.2.3/8", "except": ["10.1.0.0/16"]}},
        ],
        "ports": [
            {"port": 80, "endPort": 90},
            {"protocol": "UDP", "port": "dns"},
            {"protocol": "SCTP"},
        ],
    }
    policy = make_knp(podSelector={"matchLabels": {"x": "y"}}, ingress=[ingress], egress=[{}])
    assert policy == NetworkPolicy(
        meta=policy.meta,
        pod_selector=LabelSelector({"x": "y"}),
        types=("Ingress", "Egress"),
        ingress=(
            PeerRule(
                peers=(
                    Peer(LabelSelector({"a": "b"}), LabelSelector()),
                    Peer(ip_block=IPBlock(parse_cidr("10.0.0.0/8"), (parse_cidr("10.1.0.0/16"),))),
                ),
                ports=(PolicyPort(6, 80, 90), PolicyPort(17, "dns"), PolicyPort(132)),
                pointer="/spec/ingress/0",
            ),
        ),
        egress=(PeerRule(pointer="/spec/egress/0"),),
    )


def test_a_selector_that_is_absent_is_not_the_empty_one():
    [rule] = make_knp(ingress=[{"from": [{"podSelector": {}}]}]).ingress
    assert (Peer(pod_selector=LabelSelector()),) == rule.peers


@pytest.mark.parametrize("rule", [{}, {"from": [], "ports": []}, {"from": None, "ports": None}])
def test_no_peers_and_no_ports_are_all_of_them(rule):
    assert (PeerRule(pointer="/spec/ingress/0"),) == make_knp(ingress=[rule]).ingress


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ("Ingress",)),
        ({"ingress": RULES}, ("Ingress",)),
        ({"egress": []}, ("Ingress",)),
        ({"egress": RULES}, ("Ingress", "Egress")),
        ({"policyTypes": [], "egress": RULES}, ("Ingress", "Egress")),
        ({"policyTypes": ["Egress"]}, ("Egress",)),
        ({"policyTypes": ["Egress", "Ingress"]}, ("Ingress", "Egress")),
        ({"policyTypes": ["Ingress"], "egress": RULES}, ("Ingress",)),
    ],
)
def test_types_are_ingress_and_egress_where_it_has_rules_unless_told(spec, types):
    assert types == make_knp(**spec).types


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"policyTypes": ["ingress"]}, "/spec/policyTypes"),
        ({"ingress": [{"from": [{}]}]}, "/spec/ingress/0/from/0"),
        ({"egress": [{"to": [{}]}]}, "/spec/egress/0/to/0"),
    ],
)
def test_a_policy_that_no_api_server_takes_is_refused_with_its_place(spec, pointer):
    one = decoded(**spec)
    assert ([(Layer.SCHEMA, pointer)], False) == (problems(one), one.in_effect)


@pytest.mark.parametrize(
    ("peer", "place"),
    [
        ({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}, "ipBlock"),
        ({"ipBlock": {"cidr": "10.0.0.1"}}, "ipBlock/cidr"),
        ({"ipBlock": {}}, "ipBlock/cidr"),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["banana"]}}, "ipBlock/except/0"),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}, "ipBlock/except/0"),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}, "ipBlock/except/0"),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["fd00::/8"]}}, "ipBlock/except/0"),
    ],
)
def test_a_peer_that_no_api_server_takes_is_refused_with_its_place(peer, place):
    assert [(Layer.SCHEMA, f"/spec/ingress/0/from/0/{place}")] == problems(with_peer(**peer))


def test_what_follows_an_illegible_exception_is_left_out():
    block = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "banana", "10.2.0.0/16"]}
    [rule] = with_peer(ipBlock=block).obj.ingress
    [peer] = rule.peers
    assert (parse_cidr("10.1.0.0/16"),) == peer.ip_block.excepts


@pytest.mark.parametrize(
    ("port", "place"),
    [
        ({"port": 0}, "port"),
        ({"port": "80"}, "port"),
        ({"port": True}, "port"),
        ({"port": "Http"}, "port"),
        ({"protocol": "ICMP"}, "protocol"),
        ({"port": 80, "endPort": 79}, "endPort"),
        ({"port": 80, "endPort": 70000}, "endPort"),
        ({"port": "http", "endPort": 90}, "endPort"),
        ({"endPort": 90}, "endPort"),
    ],
)
def test_a_port_that_no_api_server_takes_is_refused_with_its_place(port, place):
    assert [(Layer.SCHEMA, f"/spec/ingress/0/ports/0/{place}")] == problems(with_port(**port))


def test_both_kinds_of_one_name_stand_side_by_side():
    assert make_knp("a").meta.ref != make_network_policy("a").meta.ref


def test_a_staged_policy_carries_one_of_its_namespace():
    staged = make_staged_network_policy(selector="app == 'web'", order=7, stagedAction="Learn")
    assert isinstance(staged, StagedNetworkPolicy)
    assert ("Learn", "app == 'web'", 7.0) == (
        staged.action,
        staged.policy.selector,
        staged.policy.order,
    )
    assert "StagedNetworkPolicy" == staged.meta.ref.kind


def test_a_staged_kubernetes_policy_carries_a_policy_of_kubernetes():
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}]}]}
    one = decode(raw("StagedKubernetesNetworkPolicy", namespace="a", spec=spec))
    assert (StagedKubernetesNetworkPolicy, "Set", ()) == (
        type(one.obj),
        one.obj.action,
        one.problems,
    )
    assert ("Egress",) == one.obj.policy.types
    assert "StagedKubernetesNetworkPolicy" == one.obj.meta.ref.kind


@pytest.mark.parametrize("kind", ["StagedNetworkPolicy", "StagedKubernetesNetworkPolicy"])
def test_a_staged_delete_tells_nothing_of_its_policy(kind):
    spec = {"stagedAction": "Delete", "egress": [{"action": "Deny"}]}
    problems_ = decode(raw(kind, spec=spec)).problems
    assert "a staged Delete has no field but its tier" in [one.message for one in problems_]


def test_felix_does_not_look_at_staged_policies():
    one = decode(raw("StagedNetworkPolicy", spec={"selector": "a ="}))
    assert ("rejects", "n/a") == (one.validator_verdict, one.felix_verdict)
