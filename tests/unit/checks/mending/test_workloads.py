"""What is proposed for workloads, as objects; that a proposal holds is the law of tests/property/test_fixes.py."""

from __future__ import annotations

import pytest

from service.checks.mending import workloads
from service.checks.settings import CheckSettings
from service.checks.verdict import Result, Severity, Verdict
from service.policy.world import World
from tests.factories import (
    decode,
    make_namespace,
    make_pod,
    make_service,
    make_service_account,
    make_snapshot,
    raw,
)

WEB, DB = ({"matchLabels": {"app": name}} for name in ("web", "db"))
DATA = {"matchLabels": {"kubernetes.io/metadata.name": "data"}}
PORTS = [{"protocol": "TCP", "port": 5432}]


def knp(name="own", **spec):
    version = "networking.k8s.io/v1"
    return raw("NetworkPolicy", name, api_version=version, namespace="shop", spec=spec)


def proposed(remedies, *objects, subject, reason="no-ingress", key=("egress", "0"), **details):
    verdict = Verdict(
        check="a-check",
        subject=decode(subject).ref if isinstance(subject, dict) else subject,
        result=Result.FAIL,
        severity=Severity.HIGH,
        reason=reason,
        message="",
        key=key,
        details=details,
    )
    world = World(make_snapshot(*objects))
    return [list(remedy) for remedy in remedies(world, CheckSettings(), verdict)]


def half(name, namespace, selector, direction, allow):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": selector,
            "policyTypes": [direction.capitalize()],
            direction: [allow],
        },
    }


def test_the_other_half_of_calls_out_lets_them_in_at_each_peer():
    peers = [{"podSelector": DB}, {"namespaceSelector": DATA}]
    own = knp(podSelector=WEB, egress=[{"to": peers, "ports": PORTS}])
    shop = {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}
    expected = [
        half(
            "own-ingress", "shop", DB, "ingress", {"from": [{"podSelector": WEB}], "ports": PORTS}
        ),
        half(
            "own-ingress-2",
            "data",
            {},
            "ingress",
            {"from": [{"podSelector": WEB, "namespaceSelector": shop}], "ports": PORTS},
        ),
    ]
    assert [expected] == proposed(workloads.called, own, subject=own)


def test_the_other_half_of_calls_in_lets_them_out():
    own = knp(ingress=[{}, {"from": [{"podSelector": WEB}]}])
    expected = half("own-egress", "shop", WEB, "egress", {"to": [{"podSelector": {}}]})
    assert [[expected]] == proposed(workloads.called, own, subject=own, key=("ingress", "1"))


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"to": [{"podSelector": DB}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]},
        {"to": [{"namespaceSelector": {}}]},
        {"to": [{"namespaceSelector": {"matchLabels": {"team": "data"}}}]},
    ],
)
def test_peers_that_are_no_pods_of_one_namespace_have_no_other_half(rule):
    own = knp(podSelector=WEB, egress=[rule])
    assert [] == proposed(workloads.called, own, subject=own)
    assert [] == proposed(workloads.called, own, subject=own, key=("egress", "1"))


def test_kubernetes_policy_gets_a_rule_for_dns():
    own = knp(podSelector=WEB, egress=[{"to": [{"podSelector": DB}]}])
    [[mended]] = proposed(workloads.called, own, subject=own, reason="no-dns", refused="egress")
    expected = {
        "to": [
            {
                "namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": "kube-system"}
                },
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }
    assert [*own["spec"]["egress"], expected] == mended["spec"]["egress"]


def test_calico_policy_gets_rules_for_dns_before_all_others():
    own = raw("NetworkPolicy", "own", namespace="shop", spec={"egress": [{"action": "Deny"}]})
    [[mended]] = proposed(workloads.called, own, subject=own, reason="no-dns", refused="egress")
    where = {
        "namespaceSelector": "projectcalico.org/name == 'kube-system'",
        "selector": "k8s-app == 'kube-dns'",
        "ports": [53],
    }
    udp, tcp = (
        {"action": "Allow", "protocol": one, "destination": where} for one in ("UDP", "TCP")
    )
    assert [udp, tcp, {"action": "Deny"}] == mended["spec"]["egress"]


def test_what_dns_itself_refuses_is_not_mended_at_the_caller():
    own = knp(podSelector=WEB, egress=[])
    assert [] == proposed(workloads.called, own, subject=own, reason="no-dns", refused="ingress")
    calico = raw("NetworkPolicy", "own", namespace="shop", spec={"egress": []})
    assert [] == proposed(workloads.called, calico, subject=calico)


def test_an_exposed_workload_gets_a_policy_for_the_ports_that_it_and_its_services_name():
    ports = [
        {"name": "http", "containerPort": 8080},
        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
    ]
    pod = make_pod("web", namespace="shop", labels={"app": "web"}, ips="10.244.1.5", ports=ports)
    service = make_service(
        namespace="shop",
        selector={"app": "web"},
        ports=[
            {"name": "a", "port": 80, "targetPort": "http"},
            {"name": "b", "port": 81, "targetPort": 8081},
            {"name": "c", "port": 82},
            {"name": "d", "port": 83, "targetPort": "nobody"},
        ],
    )
    around = (make_namespace("shop"), make_service_account(namespace="shop"))
    [[made]] = proposed(workloads.guarded, *around, pod, service, subject=pod.meta.ref)
    listed = [("TCP", 8081), ("TCP", 82), ("TCP", "nobody"), ("TCP", 8080), ("UDP", 53)]
    expected = {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"protocol": one, "port": port} for one, port in listed]}],
    }
    assert ({"name": "web-ingress", "namespace": "shop"}, expected) == (
        made["metadata"],
        made["spec"],
    )
    assert [] == proposed(workloads.guarded, *around, pod, subject=pod.meta.ref)
