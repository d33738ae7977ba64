from __future__ import annotations

import pytest

from service.checks.contradictory_rules import CHECK as CONTRADICTORY
from service.checks.redundant_rule import CHECK as REDUNDANT
from service.checks.settings import CheckSettings
from service.checks.shadowed_rule import CHECK as SHADOWED
from service.policy.world import World
from tests.factories import (
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_knp,
    make_namespace,
    make_network_policy,
    make_pod,
    make_prednat,
    make_service_account,
    make_snapshot,
    make_tier,
    make_workload,
)

HEP = make_hep(labels={"role": "node"}, expectedIPs=["10.0.0.11"])
SHOP = (
    make_namespace("shop"),
    make_service_account(namespace="shop"),
    make_pod("web", namespace="shop", labels={"app": "web"}, ips="10.244.1.5"),
    make_pod("db", namespace="shop", labels={"app": "db"}, ips="10.244.1.6"),
)
ALLOW, DENY, LOG, PASS = ({"action": name} for name in ("Allow", "Deny", "Log", "Pass"))
OFFICE = {"source": {"nets": ["198.51.100.0/24"]}}
DESK = {"source": {"nets": ["198.51.100.7/32"]}}
SSH = {"protocol": "TCP", "destination": {"ports": [22]}}
KUBELET = {"protocol": "TCP", "destination": {"ports": [10250]}}


def found(check, *objects):
    world = World(make_snapshot(*objects))
    return [
        (one.subject.name, one.reason, one.result.value, *one.key)
        for one in check.audit(world, CheckSettings())
    ]


def guard(*ingress, name="guard", **spec):
    return make_prednat(name, ingress=list(ingress), **spec)


def policy(name, *ingress, **spec):
    spec = {"types": ["Ingress"], "selector": "app == 'web'", **spec}
    return make_network_policy(name, namespace="shop", ingress=list(ingress), **spec)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ([{**ALLOW}, {**DENY, **OFFICE}], "never-denies"),
        ([{**DENY}, {**ALLOW, **OFFICE}], "never-allows"),
        ([{**DENY, **OFFICE}, {**ALLOW, **DESK}], "never-allows"),
        ([{**DENY, **OFFICE}, {**PASS, **DESK}], "never-passes"),
        ([{**DENY, **OFFICE}, {**LOG, **DESK}], "never-logs"),
    ],
)
def test_a_rule_behind_one_that_decides_otherwise_is_shadowed(rules, reason):
    assert [("guard", reason, "fail", "ingress", "1")] == found(SHADOWED, HEP, guard(*rules))


@pytest.mark.parametrize(
    "rules",
    [
        [{**DENY, **DESK}, {**ALLOW, **OFFICE}],
        [{**ALLOW, **DESK}, {**DENY, **OFFICE}],
        [{**LOG, **OFFICE}, {**DENY, **OFFICE}],
        [{**PASS, **DESK}, {**DENY, **OFFICE}],
        [{**DENY, **DESK, "ipVersion": 4}, {**ALLOW, "ipVersion": 6}],
    ],
)
def test_a_rule_that_meets_some_packet_is_not_shadowed(rules):
    assert [] == found(SHADOWED, HEP, guard(*rules))


def test_a_deny_of_failsafe_ports_alone_is_told_and_an_allow_of_them_is_not():
    rules = [{**DENY, **SSH}]
    assert [("deny", "failsafe", "fail", "ingress", "0")] == found(
        SHADOWED, HEP, guard(*rules, name="deny")
    )
    assert [] == found(SHADOWED, HEP, guard({**ALLOW, **SSH}, DENY))
    assert [] == found(REDUNDANT, HEP, guard({**ALLOW, **SSH}, DENY))


def test_a_failsafe_list_without_the_port_leaves_the_deny_its_packets():
    emptied = make_felix_configuration(failsafeInboundHostPorts=[])
    assert [] == found(SHADOWED, HEP, emptied, guard({**DENY, **SSH}))


def test_the_end_of_an_earlier_tier_is_told_apart_from_its_rules():
    tier = make_tier("security", order=10, defaultAction="Deny")
    early = make_gnp(
        "early",
        tier="security",
        selector="role == 'node'",
        types=["Ingress"],
        ingress=[{**DENY, **OFFICE}],
    )
    late = make_gnp(
        "late", selector="role == 'node'", types=["Ingress"], ingress=[{**ALLOW, **KUBELET}]
    )
    assert [("late", "end-of-tier", "warn", "ingress", "0")] == found(
        SHADOWED, HEP, tier, early, late
    )
    passing = make_tier("security", order=10, defaultAction="Pass")
    assert [] == found(SHADOWED, HEP, passing, early, late)
    desk = make_gnp(
        "late", selector="role == 'node'", types=["Ingress"], ingress=[{**ALLOW, **DESK}]
    )
    assert [("late", "earlier-tier", "warn", "ingress", "0")] == found(
        SHADOWED, HEP, passing, early, desk
    )


def test_a_rule_that_is_met_on_one_of_its_endpoints_is_not_shadowed():
    deny_db = policy("a-deny-db", DENY, selector="app == 'db'", order=1)
    allow = policy("allow", {**ALLOW, **OFFICE}, selector="all()", order=2)
    assert [] == found(SHADOWED, *SHOP, deny_db, allow)
    deny_both = policy("a-deny", DENY, selector="all()", order=1)
    assert [("allow", "never-allows", "fail", "ingress", "0")] == found(
        SHADOWED, *SHOP, deny_both, allow
    )


def test_rules_of_a_policy_that_selects_nothing_are_judged_by_themselves():
    alone = policy("nobody", DENY, {**ALLOW, **OFFICE}, selector="app == 'gone'")
    assert [("nobody", "never-allows", "fail", "ingress", "1")] == found(SHADOWED, *SHOP, alone)


def test_two_rules_with_the_same_selector_are_compared_although_no_pod_is_known():
    both = policy(
        "web",
        {**ALLOW, "source": {"selector": "app == 'job'"}},
        {**DENY, "source": {"selector": "app == 'job'"}},
    )
    workload = make_workload(namespace="shop", labels={"app": "web"})
    expected = [("web", "never-denies", "warn", "ingress", "1")]
    assert expected == found(SHADOWED, workload, both)


def test_nothing_is_said_where_the_dataplane_is_not_known():
    refused = make_felix_configuration(failsafeInboundHostPorts=[{"protocol": "SCTP", "port": 9}])
    assert [] == found(SHADOWED, HEP, refused, guard({**ALLOW}, {**DENY, **OFFICE}))


def test_the_order_of_rules_counts_in_ebpf_programs_too():
    rules = guard({**ALLOW}, {**DENY, **OFFICE})
    bpf = make_felix_configuration(bpfEnabled=True)
    assert found(SHADOWED, HEP, rules) == found(SHADOWED, HEP, bpf, rules)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            [{**ALLOW, **OFFICE}, {**ALLOW, **DESK}],
            [("guard", "within-policy", "fail", "ingress", "1")],
        ),
        (
            [{**DENY, **OFFICE}, {**DENY, **DESK}],
            [("guard", "within-policy", "fail", "ingress", "1")],
        ),
        ([{**ALLOW, **DESK}, {**ALLOW, **OFFICE}], []),
        ([DENY, DENY], []),
    ],
)
def test_a_rule_that_earlier_ones_of_its_policy_repeat_is_redundant(rules, expected):
    assert expected == found(REDUNDANT, HEP, guard(*rules))


def test_a_narrow_rule_beside_a_wide_one_of_the_same_owner_is_redundant():
    wide = make_knp("all", namespace="shop", ingress=[{"from": [{"podSelector": {}}]}])
    web = {"podSelector": {"matchLabels": {"app": "web"}}}
    narrow = make_knp(
        "db",
        namespace="shop",
        podSelector={"matchLabels": {"app": "db"}},
        ingress=[{"from": [web]}],
    )
    assert [("db", "wider-rule", "fail", "ingress", "0")] == found(REDUNDANT, *SHOP, wide, narrow)
    everyone = make_gnp("all", order=1, selector="app == 'db'", ingress=[ALLOW])
    assert [] == found(REDUNDANT, *SHOP, everyone, narrow)


def test_a_rule_that_two_policies_have_alike_is_not_redundant():
    same = {**ALLOW, **OFFICE}
    assert [] == found(REDUNDANT, *SHOP, policy("a", same, order=1), policy("b", same, order=2))


def test_policies_of_one_order_that_disagree_are_told_by_the_one_that_denies():
    objects = [*SHOP, policy("allow", {**ALLOW, **DESK}), policy("deny", {**DENY, **OFFICE})]
    assert [("deny", "same-order", "fail", "ingress")] == found(CONTRADICTORY, *objects)


@pytest.mark.parametrize(
    "others",
    [
        (policy("allow", {**ALLOW, **DESK}, order=1), policy("deny", {**DENY, **OFFICE}, order=2)),
        (policy("allow", {**ALLOW, **SSH}), policy("deny", {**DENY, **KUBELET})),
        (policy("allow", {**ALLOW, **DESK}), policy("deny", DENY, selector="app == 'db'")),
        (
            policy("a", {**DENY, **DESK}, order=1),
            policy("allow", {**ALLOW, **DESK}),
            policy("b", {**DENY, **DESK}),
        ),
        (
            policy("both", {**DENY, **DESK}, {**ALLOW, **OFFICE}),
            policy("end", LOG, {**DENY, **DESK}),
        ),
    ],
)
def test_policies_that_orders_matches_or_endpoints_keep_apart_do_not_contradict(others):
    assert [] == found(CONTRADICTORY, *SHOP, *others)


@pytest.mark.parametrize(
    ("family", "expected"),
    [("IPv4", [("guard", "never-allows", "fail", "ingress", "1")]), ("IPv6", [])],
)
def test_where_ipv6_is_off_no_rule_hides_another_in_it(family, expected):
    number = {"IPv4": 4, "IPv6": 6}[family]
    rules = [{**DENY, "ipVersion": number}, {**ALLOW, "ipVersion": number}]
    off = make_felix_configuration(ipv6Support=False)
    assert expected == found(SHADOWED, HEP, off, guard(*rules))


def test_a_policy_for_pods_that_selects_none_is_judged_by_itself():
    rules = [{**DENY, **OFFICE}, {**ALLOW, **DESK}]
    told = [("lone", "never-allows", "fail", "ingress", "1")]
    assert told == found(SHADOWED, *SHOP, policy("lone", *rules, selector="app == 'none'"))


@pytest.mark.parametrize(("count", "expected"), [(3, ""), (4, " and 1 more")])
def test_a_few_of_many_rules_that_hide_one_are_told(count, expected):
    denies = [{**DENY, "source": {"nets": [f"198.51.100.{64 * n}/26"]}} for n in range(4)]
    allow = {**ALLOW, "source": {"nets": [f"198.51.100.{64 * n}/26" for n in range(count)]}}
    world = World(make_snapshot(HEP, guard(*denies, allow)))
    [verdict] = SHADOWED.audit(world, CheckSettings())
    shown = ", ".join(f"GlobalNetworkPolicy guard, ingress rule {n}" for n in range(3))
    assert f": {shown}{expected} denies all that it means" in verdict.message
