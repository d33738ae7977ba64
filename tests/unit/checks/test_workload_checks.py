from __future__ import annotations

import pytest

from service.checks.dead_call import CHECK as DEAD_CALL
from service.checks.exposed_without_policy import CHECK as EXPOSED
from service.checks.namespace_without_policy import CHECK as NAMESPACE
from service.checks.pod_without_policy import CHECK as POD
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import (
    make_global_network_set,
    make_gnp,
    make_knp,
    make_namespace,
    make_network_policy,
    make_pod,
    make_service,
    make_service_account,
    make_snapshot,
    make_workload,
)


def namespace(name):
    return make_namespace(name), make_service_account(namespace=name)


def pod(name, ip, *, namespace="shop", **rest):
    return make_pod(name, namespace=namespace, labels={"app": name}, ips=ip, **rest)


SHOWN = 3
PG = [{"name": "pg", "containerPort": 5432}]
SHOP = (*namespace("shop"), pod("web", "10.244.1.5"), pod("db", "10.244.1.6", ports=PG))
PLANNED = (
    *namespace("shop"),
    make_workload(name="web", namespace="shop", labels={"app": "web"}),
    make_workload(
        name="db", namespace="shop", labels={"app": "db"}, containers=[{"name": "c", "ports": PG}]
    ),
)
DNS = (
    *namespace("kube-system"),
    make_pod("coredns", namespace="kube-system", labels={"k8s-app": "kube-dns"}, ips="10.244.2.2"),
    make_service(
        "kube-dns",
        namespace="kube-system",
        type="ClusterIP",
        selector={"k8s-app": "kube-dns"},
        ports=({"port": 53, "protocol": "UDP"},),
    ),
)
DENY = make_knp("default-deny", namespace="shop", policyTypes=["Ingress", "Egress"])
DENY_INGRESS = make_knp("default-deny", namespace="shop", policyTypes=["Ingress"])
TO_DNS = {"to": [{"namespaceSelector": {}}], "ports": [{"protocol": "UDP", "port": 53}]}
ALLOW_DNS = make_knp("dns", namespace="shop", policyTypes=["Egress"], egress=[TO_DNS])

TO_KUBE_DNS = make_knp(
    "dns",
    namespace="shop",
    policyTypes=["Egress"],
    egress=[
        {
            "to": [
                {"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}
            ],
            "ports": [{"protocol": "UDP", "port": 53}],
        }
    ],
)


def app(name):
    return {"podSelector": {"matchLabels": {"app": name}}}


def ports(*numbers):
    return [{"protocol": "TCP", "port": number} for number in numbers]


def egress(*numbers, name="out", to=None, **spec):
    rule = {"to": [to or app("db")], "ports": ports(*numbers)}
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"], **spec}
    return make_knp(name, namespace="shop", egress=[rule], **spec)


def ingress(*numbers, name="in"):
    rule = {"from": [app("web")], "ports": ports(*numbers)}
    chosen = {"matchLabels": {"app": "db"}}
    return make_knp(
        name, namespace="shop", podSelector=chosen, policyTypes=["Ingress"], ingress=[rule]
    )


def found(check, *objects, **settings):
    world = World(make_snapshot(*objects))
    return [
        (one.subject.name, one.reason, one.result.value)
        for one in check.audit(world, CheckSettings(**settings))
    ]


@pytest.mark.parametrize(
    ("objects", "result"), [((*DNS, *SHOP), "fail"), (PLANNED, "warn")], ids=["pods", "templates"]
)
@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ((DENY, ALLOW_DNS, egress(5432), ingress(5432)), []),
        ((DENY, ALLOW_DNS, egress(5432), ingress("pg")), []),
        ((DENY, ALLOW_DNS, egress("pg"), ingress(5432)), []),
        ((ALLOW_DNS, egress(5432)), []),
        ((ingress(5432),), []),
        ((DENY, ALLOW_DNS, egress(5432)), [("out", "no-ingress")]),
        ((DENY, ALLOW_DNS, ingress(5432)), [("in", "no-egress")]),
        (
            (DENY, ALLOW_DNS, egress(80), ingress(5432)),
            [("in", "does-not-fit"), ("out", "does-not-fit")],
        ),
    ],
)
def test_a_rule_is_dead_if_the_other_side_refuses_each_of_its_calls(
    objects, result, policies, expected
):
    wanted = [(*one, result) for one in expected]
    assert wanted == found(DEAD_CALL, *objects, *policies)


def test_a_rule_is_alive_if_one_of_the_calls_it_means_gets_through():
    everyone = {"podSelector": {}}
    out = egress(5432, to=everyone)
    third = pod("job", "10.244.1.7")
    deny_web = make_knp("deny", namespace="shop", podSelector={"matchLabels": {"app": "db"}})
    assert [] == found(DEAD_CALL, *DNS, *SHOP, third, ALLOW_DNS, deny_web, out)


def test_a_rule_whose_own_side_denies_its_calls_says_nothing_of_the_other_half():
    deny = make_gnp(
        "deny",
        order=1,
        selector="app == 'web'",
        types=["Egress"],
        egress=[{"action": "Deny", "protocol": "TCP"}],
    )
    assert [] == found(DEAD_CALL, *DNS, *SHOP, deny, DENY_INGRESS, ALLOW_DNS, egress(5432))


def test_a_template_is_not_told_apart_from_a_network_that_may_hold_its_pods():
    block = {"from": [{"ipBlock": {"cidr": "10.244.0.0/16"}}]}
    into = make_knp(
        "in", namespace="shop", podSelector={"matchLabels": {"app": "db"}}, ingress=[block]
    )
    assert [] == found(DEAD_CALL, *PLANNED, ALLOW_DNS, into, egress(5432))
    outside = {"from": [{"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24"]}}]}
    apart = make_knp(
        "in", namespace="shop", podSelector={"matchLabels": {"app": "db"}}, ingress=[outside]
    )
    expected = [("out", "no-ingress", "fail")]
    assert expected == found(DEAD_CALL, *DNS, *SHOP, ALLOW_DNS, apart, egress(5432))


def test_a_network_set_that_a_rule_selects_may_hold_the_pods_of_a_template():
    nets = make_global_network_set("pods", labels={"role": "pods"}, nets=["10.244.0.0/16"])
    rule = {"action": "Allow", "source": {"selector": "role == 'pods'"}}
    into = make_gnp("in", selector="app == 'db'", types=["Ingress"], ingress=[rule])
    assert [] == found(DEAD_CALL, nets, *PLANNED, ALLOW_DNS, into, egress(5432))
    rule = {"action": "Allow", "source": {"notSelector": "app == 'web'"}}
    into = make_gnp("in", selector="app == 'db'", types=["Ingress"], ingress=[rule])
    assert [("out", "no-ingress", "warn")] == found(
        DEAD_CALL, *PLANNED, ALLOW_DNS, into, egress(5432)
    )


def test_not_ports_narrow_a_call_as_ports_do():
    rule = {"action": "Allow", "protocol": "TCP", "destination": {"notPorts": ["pg"]}}
    into = make_network_policy(
        "in", namespace="shop", selector="app == 'db'", types=["Ingress"], ingress=[rule]
    )
    expected = [("out", "does-not-fit", "warn")]
    assert expected == found(DEAD_CALL, *PLANNED, ALLOW_DNS, into, egress(5432))


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ((*DNS, *SHOP), [("out", "no-dns", "fail")]),
        (PLANNED, [("out", "no-dns", "fail")]),
        ((*DNS, *SHOP, ALLOW_DNS), []),
        ((*PLANNED, ALLOW_DNS), []),
        (SHOP, []),
    ],
    ids=["server", "assumed", "allowed", "assumed-allowed", "unknown"],
)
def test_a_workload_that_may_call_pods_needs_a_name_server(objects, expected):
    assert expected == found(DEAD_CALL, *objects, egress(5432))


def test_a_cache_on_the_node_is_a_name_server_too():
    cache = {
        "to": [{"ipBlock": {"cidr": "169.254.20.10/32"}}],
        "ports": [{"protocol": "UDP", "port": 53}],
    }
    allow = make_knp("cache", namespace="shop", policyTypes=["Egress"], egress=[cache])
    assert [] == found(DEAD_CALL, *DNS, *SHOP, allow, egress(5432))


def test_a_name_server_that_refuses_the_workload_is_told():
    closed = make_knp("closed", namespace="kube-system")
    refused = [("dns", "no-ingress", "fail")]
    assert refused == found(DEAD_CALL, *DNS, *SHOP, DENY_INGRESS, closed, ALLOW_DNS)
    called = [("dns", "no-ingress", "fail"), ("out", "no-dns", "fail")]
    assert called == found(DEAD_CALL, *DNS, *SHOP, closed, TO_KUBE_DNS, egress(5432))


def test_a_workload_that_calls_nobody_or_addresses_only_needs_no_names():
    block = {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}
    only = make_knp("only", namespace="shop", policyTypes=["Egress"], egress=[block])
    assert [] == found(DEAD_CALL, *DNS, *SHOP, DENY)
    assert [] == found(DEAD_CALL, *DNS, *SHOP, only)


WEB = make_service("web", namespace="shop", selector={"app": "web"})


def test_a_workload_behind_a_node_port_needs_an_ingress_policy():
    assert [("web", "no-ingress-policy", "fail")] == found(EXPOSED, *SHOP, WEB, ALLOW_DNS)
    assert [] == found(EXPOSED, *SHOP, WEB, DENY)


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"type": "ClusterIP", "ports": ({"port": 80},)}, []),
        ({"type": "ClusterIP", "ports": ({"port": 80},), "externalIPs": ["192.0.2.1"]}, ["web"]),
        ({"type": "LoadBalancer"}, ["web"]),
        ({"selector": {"app": "other"}}, []),
        ({"selector": None}, []),
    ],
)
def test_exposed_is_who_stands_behind_an_address_for_outsiders(service, expected):
    asked = make_service("web", namespace="shop", **{"selector": {"app": "web"}, **service})
    assert expected == [name for name, *_ in found(EXPOSED, *SHOP, asked)]


def test_where_labels_of_a_namespace_decide_and_are_not_known_it_is_a_warning():
    gnp = make_gnp("some", namespaceSelector="env == 'prod'", types=["Ingress"])
    assert [("web", "no-ingress-policy", "warn")] == found(EXPOSED, *SHOP[2:], WEB, gnp)


def test_a_namespace_without_any_policy_is_told_once():
    assert [("shop", "no-policy", "fail")] == found(NAMESPACE, *SHOP)
    assert [] == found(NAMESPACE, *SHOP, ALLOW_DNS)
    assert [] == found(NAMESPACE, *SHOP, protected=frozenset({"shop"}))
    assert [] == found(POD, *SHOP)


def test_a_workload_is_told_by_the_directions_that_others_of_its_namespace_have():
    assert [("db", "no-egress-policy", "fail")] == found(POD, *SHOP, egress(5432))
    both = [("db", "no-egress-policy", "fail"), ("web", "no-ingress-policy", "fail")]
    assert both == found(POD, *SHOP, egress(5432), ingress(5432))
    third = pod("job", "10.244.1.7")
    assert ("job", "no-policy", "fail") in found(POD, *SHOP, third, egress(5432), ingress(5432))
    assert [] == found(POD, *SHOP, egress(5432), ingress(5432), protected=frozenset({"shop"}))


def test_an_exposed_workload_is_not_told_twice():
    assert [("db", "no-egress-policy", "fail")] == found(
        POD, *SHOP, WEB, egress(5432), ingress(5432)
    )


OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d9", "uid": "1"}


def test_pods_of_a_deployment_are_told_by_its_name_whether_its_replica_set_is_there_or_not():
    labels = {"app": "web", "pod-template-hash": "5d9"}
    pods = [
        make_pod(f"web-5d9-{n}", namespace="shop", labels=labels, ips=f"10.244.1.{n}", owner=OWNER)
        for n in (5, 6)
    ]
    assert [("web", "no-ingress-policy", "fail")] == found(EXPOSED, *namespace("shop"), *pods, WEB)
    other = [
        make_pod("web-x", namespace="shop", labels={"app": "web"}, ips="10.244.1.9", owner=OWNER)
    ]
    assert [("web-5d9", "no-ingress-policy", "fail")] == found(
        EXPOSED, *namespace("shop"), *other, WEB
    )


def test_a_pod_that_does_not_run_yet_counts_and_one_on_the_hosts_network_does_not():
    waiting = make_pod("web", namespace="shop", labels={"app": "web"}, node="", phase="")
    assert [("web", "no-ingress-policy", "fail")] == found(
        EXPOSED, *namespace("shop"), waiting, WEB
    )
    host = make_pod(
        "web", namespace="shop", labels={"app": "web"}, ips="10.0.0.11", hostNetwork=True
    )
    assert [] == found(EXPOSED, *namespace("shop"), host, WEB)


@pytest.mark.parametrize("count", [3, 4])
def test_few_of_many_workloads_without_names_are_told(count):
    callers = [pod(f"web-{n}", f"10.244.3.{n}") for n in range(count)]
    out = egress(
        5432,
        podSelector={"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]},
    )
    world = World(make_snapshot(*DNS, *SHOP[:2], SHOP[-1], *callers, out))
    [told] = [one for one in DEAD_CALL.audit(world, CheckSettings()) if one.reason == "no-dns"]
    names = [f"Pod shop/web-{n}" for n in range(count)]
    shown = ", ".join(names[:SHOWN]) + (f" and {count - SHOWN} more" if count > SHOWN else "")
    assert told.message.startswith(f"{shown} may call other pods")
    assert names == told.details["workloads"]
