"""Cluster-wide policies of sig-network, in both versions of their API."""

from __future__ import annotations

import pytest

from service.model.cluster_policy import ClusterPeer, ClusterRule, Subject
from service.model.cluster_ports import ClusterPort
from service.model.kinds.cluster_network_policy import ClusterNetworkPolicy
from service.model.label_selector import LabelSelector
from service.model.meta import Layer
from service.net.prefixes import parse_cidr
from tests.factories import (
    decode,
    make_admin_network_policy,
    make_baseline_admin_network_policy,
    make_cluster_network_policy,
    raw,
)

EVERYONE = {"namespaces": {}}
PROD = {"matchLabels": {"env": "prod"}}
WEB = {"matchLabels": {"app": "web"}}
PLAIN = {"tier": "Admin", "priority": 10, "subject": EVERYONE}


def cluster(**spec):
    version = "policy.networking.k8s.io/v1alpha2"
    return decode(raw("ClusterNetworkPolicy", api_version=version, spec={**PLAIN, **spec}))


def admin(**spec):
    version = "policy.networking.k8s.io/v1alpha1"
    spec = {"priority": 10, "subject": EVERYONE, **spec}
    return decode(raw("AdminNetworkPolicy", api_version=version, spec=spec))


def with_rule(**rule):
    return cluster(egress=[{"action": "Deny", "to": [EVERYONE], **rule}])


def with_port(**port):
    return admin(ingress=[{"action": "Deny", "from": [EVERYONE], "ports": [port]}])


def problems(one):
    return [(problem.layer, problem.location.pointer) for problem in one.problems]


def test_a_cluster_policy_is_read_in_full():
    ingress = {
        "name": "from-prod",
        "action": "Accept",
        "from": [
            {"namespaces": PROD},
            {"pods": {"namespaceSelector": PROD, "podSelector": WEB}},
        ],
        "protocols": [
            {"tcp": {"destinationPort": {"number": 80}}},
            {"udp": {"destinationPort": {"range": {"start": 50, "end": 60}}}},
            {"destinationNamedPort": "dns"},
        ],
    }
    egress = {"action": "Pass", "to": [{"networks": ["10.0.0.0/8", "fd00::/8"]}]}
    policy = make_cluster_network_policy(
        tier="Baseline",
        priority=7,
        subject={"pods": {"namespaceSelector": {}, "podSelector": WEB}},
        ingress=[ingress],
        egress=[egress],
    )
    prod, web = LabelSelector({"env": "prod"}), LabelSelector({"app": "web"})
    assert policy == ClusterNetworkPolicy(
        meta=policy.meta,
        tier="Baseline",
        priority=7,
        subject=Subject(LabelSelector(), web),
        ingress=(
            ClusterRule(
                name="from-prod",
                action="Accept",
                peers=(ClusterPeer(prod), ClusterPeer(prod, web)),
                ports=(ClusterPort(6, 80, 80), ClusterPort(17, 50, 60), ClusterPort(name="dns")),
                pointer="/spec/ingress/0",
            ),
        ),
        egress=(
            ClusterRule(
                name="",
                action="Pass",
                peers=(ClusterPeer(networks=(parse_cidr("10.0.0.0/8"), parse_cidr("fd00::/8"))),),
                pointer="/spec/egress/0",
            ),
        ),
    )


def test_the_subject_of_namespaces_has_no_selector_of_pods():
    policy = make_cluster_network_policy(subject={"namespaces": PROD})
    assert Subject(LabelSelector({"env": "prod"})) == policy.subject


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"tier": "admin"}, "/spec/tier"),
        ({"tier": None}, "/spec/tier"),
        ({"priority": None}, "/spec/priority"),
        ({"priority": 1001}, "/spec/priority"),
        ({"subject": None}, "/spec/subject"),
        ({"subject": {}}, "/spec/subject"),
        ({"subject": {"namespaces": {}, "pods": {}}}, "/spec/subject"),
    ],
)
def test_a_policy_that_no_api_server_takes_is_refused_with_its_place(spec, pointer):
    one = cluster(**spec)
    assert ([(Layer.SCHEMA, pointer)], False) == (problems(one), one.in_effect)


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"action": "Allow"}, "action"),
        ({"action": None}, "action"),
        ({"to": []}, "to"),
        ({"to": [{}]}, "to/0"),
        ({"to": [{"namespaces": {}, "networks": []}]}, "to/0"),
        ({"name": "x" * 101}, "name"),
        ({"protocols": []}, "protocols"),
        ({"protocols": [{}]}, "protocols/0"),
        ({"protocols": [{"tcp": {}}]}, "protocols/0/tcp"),
        ({"protocols": [{"tcp": {"destinationPort": {}}}]}, "protocols/0/tcp/destinationPort"),
        (
            {"protocols": [{"tcp": {"destinationPort": {"number": 0}}}]},
            "protocols/0/tcp/destinationPort/number",
        ),
        (
            {"protocols": [{"tcp": {"destinationPort": {"range": {"start": 9, "end": 8}}}}]},
            "protocols/0/tcp/destinationPort/range",
        ),
    ],
)
def test_a_rule_that_no_api_server_takes_is_refused_with_its_place(rule, place):
    assert [(Layer.SCHEMA, f"/spec/egress/0/{place}")] == problems(with_rule(**rule))


def test_an_action_in_the_wrong_case_has_a_hint():
    assert ['write "Accept"'] == [one.hint for one in with_rule(action="accept").problems]


@pytest.mark.parametrize("peer", [{"nodes": {}}, {"domainNames": ["example.com"]}])
def test_a_peer_that_calico_does_not_know_is_one_without_a_field(peer):
    one = with_rule(to=[peer])
    [rule] = one.obj.egress
    assert ((ClusterPeer(),), ()) == (rule.peers, one.problems)


def test_networks_that_calico_cannot_read_are_a_peer_without_a_field():
    one = with_rule(to=[{"networks": ["10.0.0.0/8", "10.0.0.0/99"]}])
    [rule] = one.obj.egress
    assert (ClusterPeer(),) == rule.peers
    assert ([(Layer.RUNTIME, "/spec/egress/0/to/0/networks/1")], True) == (
        problems(one),
        one.in_effect,
    )


def test_an_ingress_rule_has_no_networks():
    one = cluster(ingress=[{"action": "Deny", "from": [{"networks": ["10.0.0.0/8"]}]}])
    assert (Layer.SCHEMA, "/spec/ingress/0/from/0") in problems(one)


def test_a_label_that_no_pod_can_have_is_no_fault_to_the_schema():
    one = cluster(subject={"namespaces": {"matchLabels": {"a": "b c"}}})
    assert [(Layer.RUNTIME, "/spec/subject/namespaces/matchLabels")] == problems(one)
    assert one.in_effect


def test_a_named_port_that_is_none_is_calicos_to_refuse():
    one = with_rule(protocols=[{"destinationNamedPort": "80"}])
    assert [(Layer.RUNTIME, "/spec/egress/0/protocols/0/destinationNamedPort")] == problems(one)


def test_an_admin_policy_says_the_same_in_other_words():
    ports = [
        {"portNumber": {"protocol": "UDP", "port": 53}},
        {"portRange": {"start": 80, "end": 90}},
        {"namedPort": "http"},
    ]
    rule = {"name": "n", "action": "Allow", "from": [{"namespaces": PROD}], "ports": ports}
    assert (
        ClusterRule(
            name="n",
            action="Allow",
            peers=(ClusterPeer(LabelSelector({"env": "prod"})),),
            ports=(ClusterPort(17, 53, 53), ClusterPort(6, 80, 90), ClusterPort(name="http")),
            pointer="/spec/ingress/0",
        ),
    ) == make_admin_network_policy(ingress=[rule]).ingress


@pytest.mark.parametrize(
    ("port", "place"),
    [
        ({}, ""),
        ({"namedPort": "a", "portNumber": {"port": 1}}, ""),
        ({"portNumber": {}}, "/portNumber/port"),
        ({"portRange": {"start": 9, "end": 8}}, "/portRange"),
    ],
)
def test_a_port_that_no_api_server_takes_is_refused_with_its_place(port, place):
    assert (Layer.SCHEMA, f"/spec/ingress/0/ports/0{place}") in problems(with_port(**port))


@pytest.mark.parametrize("port", [{"start": 80, "end": 80}, {"start": 1, "end": 65535}])
def test_a_range_may_be_of_one_port_or_of_all(port):
    assert [] == problems(with_port(portRange=port))


def test_a_baseline_policy_is_read():
    rules = [{"action": "Deny", "to": [{"networks": ["0.0.0.0/0"]}]}]
    [rule] = make_baseline_admin_network_policy(egress=rules).egress
    assert ("Deny", (ClusterPeer(networks=(parse_cidr("0.0.0.0/0"),)),)) == (
        rule.action,
        rule.peers,
    )


@pytest.mark.parametrize(
    ("name", "action", "pointer"),
    [("other", "Deny", "/metadata/name"), ("default", "Pass", "/spec/ingress/0/action")],
)
def test_there_is_one_baseline_and_it_passes_to_nobody(name, action, pointer):
    spec = {"subject": EVERYONE, "ingress": [{"action": action, "from": [EVERYONE]}]}
    version = "policy.networking.k8s.io/v1alpha1"
    one = decode(raw("BaselineAdminNetworkPolicy", name, api_version=version, spec=spec))
    assert [(Layer.SCHEMA, pointer)] == problems(one)
