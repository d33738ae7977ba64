from __future__ import annotations

import pytest

from service.checks.contract import Transition
from service.checks.nodeport_unguarded import CHECK
from service.checks.settings import CheckSettings, Unknown
from service.net.prefixes import parse_cidr
from service.policy.world import World
from tests.factories import (
    decode,
    make_change,
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_kube_controllers_configuration,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
    raw,
)

NODE = make_node("w1", internal="10.0.0.11")
HEP = make_hep("w1-eth0", labels={"role": "node"}, expectedIPs=["10.0.0.11"])
UNLISTED = make_hep("w1-eth0", labels={"role": "node"})
WEB = make_service("web", ipFamilies=["IPv4"])
DENY = {"action": "Deny"}
FOR_IPV6 = {**DENY, "ipVersion": 6}
OFFICE = {"action": "Allow", "source": {"nets": ["198.51.100.0/24"]}}
TCP_RANGE = {"protocol": "TCP", "destination": {"ports": ["30000:32767"]}}
DISCARDED = decode(
    raw(
        "GlobalNetworkPolicy",
        "broken",
        spec={
            "preDNAT": True,
            "applyOnForward": True,
            "ingress": [{**DENY, "destination": {"ports": [30080]}}],
        },
    )
)
WINDOWS = raw("Node", "w1", api_version="v1", labels={"kubernetes.io/os": "windows"})
WINDOWS["status"] = {"addresses": [{"type": "InternalIP", "address": "10.0.0.11"}]}


WILDCARD = make_hep("w1-all", interfaceName="*", expectedIPs=["10.0.0.11"])
EBPF = make_felix_configuration(bpfEnabled=True)
REFUSED = make_felix_configuration(failsafeInboundHostPorts=[{"protocol": "SCTP", "port": 9}])


def audited(*objects, **settings):
    world = World(make_snapshot(*objects))
    return [(one.reason, one.result.value) for one in CHECK.audit(world, CheckSettings(**settings))]


def reviewed(objects, before, after, **settings):
    world = World(make_snapshot(*objects))
    change = make_change(before, after)
    transition = Transition(world, world.with_change(change), change)
    return [
        (one.reason, one.result.value)
        for one in CHECK.review(transition, CheckSettings(**settings))
    ]


def rules(*ingress, **spec):
    return make_prednat(ingress=list(ingress), **spec)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([NODE], ("node-without-host-endpoint", "fail")),
        ([NODE, HEP], ("no-policy", "fail")),
        ([NODE, HEP, rules(DENY)], ("guarded", "pass")),
        ([NODE, UNLISTED, rules(DENY)], ("interface-assumed", "pass")),
        ([NODE, HEP, rules(OFFICE)], ("no-trailing-deny", "fail")),
        (
            [NODE, HEP, rules({**DENY, "source": {"nets": ["198.51.100.0/24"]}})],
            ("no-trailing-deny", "fail"),
        ),
        ([NODE, HEP, rules({**DENY, "source": {"notNets": ["10.0.0.0/8"]}})], ("guarded", "pass")),
        ([NODE, HEP, rules({**DENY, "ipVersion": 6})], ("family-open", "fail")),
        ([NODE, HEP, rules({**DENY, **TCP_RANGE, "protocol": "UDP"})], ("protocol-open", "fail")),
        (
            [
                NODE,
                HEP,
                rules({**DENY, "protocol": "TCP", "destination": {"ports": [30000, 32767]}}),
            ],
            ("port-open", "fail"),
        ),
        ([NODE, HEP, rules({"action": "Allow"}, DENY)], ("allow-all", "fail")),
        ([NODE, HEP, DISCARDED], ("policy-discarded", "fail")),
        ([WINDOWS], ("not-policeable", "fail")),
        (
            [
                NODE,
                HEP,
                rules(DENY),
                make_felix_configuration(
                    failsafeInboundHostPorts=[{"protocol": "TCP", "port": 30080}]
                ),
            ],
            ("failsafe", "fail"),
        ),
        (
            [NODE, rules(DENY), make_kube_controllers_configuration(autoCreate="Enabled")],
            ("guarded", "pass"),
        ),
        ([NODE, HEP, rules(DENY), EBPF], ("guarded", "pass")),
        ([NODE, WILDCARD, rules(DENY), EBPF], ("unknown", "warn")),
        ([NODE, WILDCARD, EBPF], ("no-policy", "fail")),
        ([NODE, HEP, rules(DENY), REFUSED], ("unknown", "warn")),
    ],
)
def test_each_mistake_has_its_reason(objects, expected):
    assert expected == audited(WEB, *objects)[0]


@pytest.mark.parametrize(
    ("rule", "settings", "expected"),
    [
        (OFFICE, {}, []),
        ({**TCP_RANGE, "action": "Allow"}, {}, [("allowed-from-everywhere", "warn")]),
        (OFFICE, {"permitted": (parse_cidr("10.0.0.0/8"),)}, [("source-not-permitted", "fail")]),
        (OFFICE, {"permitted": (parse_cidr("198.51.0.0/16"),)}, []),
        (OFFICE, {"proxies": (parse_cidr("198.51.100.7/32"),)}, [("behind-proxy", "warn")]),
    ],
)
def test_what_is_let_through_on_purpose_is_compared_with_what_the_owner_wants(
    rule, settings, expected
):
    found = audited(WEB, NODE, HEP, rules(rule, DENY), **settings)
    assert [*expected, ("guarded", "pass")] == found


def test_a_deny_before_an_allow_of_the_port_hides_it():
    allow = {**TCP_RANGE, **OFFICE}
    assert ("shadowed-by-order", "warn") in audited(WEB, NODE, HEP, rules(DENY, allow))


def test_an_unallocated_port_warns_where_some_of_the_range_is_guarded():
    unallocated = make_service("web", ports=[{"port": 80}], ipFamilies=["IPv4"])
    half = {**DENY, "protocol": "TCP", "destination": {"ports": ["30000:31000"]}}
    results = [audited(unallocated, NODE, HEP, rules(rule))[0][1] for rule in (half, DENY, OFFICE)]
    assert ["warn", "pass", "fail"] == results


def test_a_health_check_port_only_warns():
    service = make_service(
        "web",
        ipFamilies=["IPv4"],
        type="LoadBalancer",
        externalTrafficPolicy="Local",
        healthCheckNodePort=32100,
    )
    found = audited(service, make_node("w1", internal="10.0.0.11"))
    assert [
        ("node-without-host-endpoint", "fail"),
        ("node-without-host-endpoint", "warn"),
    ] == sorted(found)


def test_without_nodes_the_answer_says_so():
    assert [("guarded", "pass"), ("node-without-host-endpoint", "warn")] == sorted(
        audited(WEB, HEP, rules(DENY))
    )


def test_without_nodes_and_endpoints_everything_is_open():
    assert [("node-without-host-endpoint", "fail"), ("selects-nothing", "fail")] == audited(
        WEB, rules(DENY)
    )


def test_a_service_without_families_is_judged_in_those_of_the_nodes():
    dual = make_node("w1", internal=["10.0.0.11", "fd00::11"])
    assert 2 == len(audited(make_service("web"), dual))


def test_a_service_that_was_open_before_is_no_new_harm():
    assert ["warn"] == [result for _, result in reviewed([NODE, WEB], WEB, WEB)]


def test_the_deletion_of_a_service_says_nothing():
    assert [] == reviewed([NODE, WEB], WEB, None)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (rules(DENY), None, [("no-policy", "fail")]),
        (rules(DENY), rules(OFFICE), [("no-trailing-deny", "fail")]),
        (rules(DENY), rules(DENY, OFFICE), []),
        (rules(OFFICE), rules(DENY), []),
        (rules(FOR_IPV6), rules(FOR_IPV6, selector="role == 'x'"), [("selects-nothing", "warn")]),
    ],
)
def test_a_policy_fails_for_what_it_newly_exposes(before, after, expected):
    found = reviewed([NODE, HEP, WEB, before], before, after)
    assert expected == [one for one in found if one[1] != "pass"][: len(expected) or None]


def test_a_policy_that_touches_no_node_is_not_asked_about_any_port():
    pods = make_gnp("pods", selector="app == 'x'")
    assert [] == reviewed([NODE, HEP, WEB], None, pods)


@pytest.mark.parametrize(("unknown", "expected"), [(Unknown.WARN, "warn"), (Unknown.DENY, "fail")])
def test_harm_that_is_not_known_is_refused_where_the_owner_says_so(unknown, expected):
    doubtful = REFUSED
    found = reviewed([NODE, HEP, WEB, rules(DENY)], None, doubtful, unknown=unknown)
    assert [("unknown", expected)] == found


def test_nodes_that_a_change_tells_apart_by_addresses_are_compared_one_by_one():
    other = make_node("w2", internal="10.0.0.12")
    hep = make_hep("w2-eth0", node="w2", expectedIPs=["10.0.0.12"])
    narrow = rules({**DENY, "destination": {"nets": ["10.0.0.11/32"]}})
    found = reviewed([NODE, HEP, other, hep, WEB, rules(DENY)], rules(DENY), narrow)
    assert [("no-trailing-deny", "fail")] == found


def test_an_allow_of_everyone_before_a_deny_of_some_hides_it():
    everyone = {**TCP_RANGE, "action": "Allow"}
    some = {**DENY, "source": {"nets": ["198.51.100.0/24"]}}
    assert [("shadowed-by-order", "warn"), ("guarded", "pass")] == audited(
        WEB, NODE, HEP, rules(everyone, some)
    )


def test_a_review_of_a_policy_leaves_health_check_ports_to_the_audit():
    service = make_service(
        "web",
        ports=[],
        ipFamilies=["IPv4"],
        type="LoadBalancer",
        externalTrafficPolicy="Local",
        healthCheckNodePort=32100,
    )
    assert [] == reviewed([NODE, HEP, service, rules(DENY)], rules(DENY), None)


@pytest.mark.parametrize("count", [20, 21, 25])
def test_a_change_that_exposes_many_ports_tells_twenty_singly_and_the_rest_together(count):
    ports = (
        make_service(
            f"web-{number:02}",
            ipFamilies=["IPv4"],
            ports=[{"port": 80, "nodePort": 30100 + number}],
        )
        for number in range(count)
    )
    found = reviewed([NODE, HEP, *ports, rules(DENY)], rules(DENY), None)
    together = ["others-exposed"] if count > 20 else []
    assert ["no-policy"] * 20 + together == sorted(one for one, _ in found)


AUTOMATIC = make_kube_controllers_configuration(autoCreate="Enabled")
EVERY_HOST = {"selector": "has(kubernetes.io/hostname)"}


def test_without_nodes_one_such_as_calico_makes_an_endpoint_for_is_judged_and_told():
    told = ("node-without-host-endpoint", "warn")
    assert [("guarded", "pass"), told] == audited(AUTOMATIC, WEB, rules(DENY, **EVERY_HOST))
    assert ("no-trailing-deny", "fail") in audited(AUTOMATIC, WEB, rules(OFFICE, **EVERY_HOST))
    dual = make_service("web", ipFamilies=["IPv4", "IPv6"])
    only = rules({**DENY, "ipVersion": 4}, **EVERY_HOST)
    assert ("family-open", "fail") in audited(AUTOMATIC, dual, only)


def test_without_nodes_policies_that_ask_for_their_labels_leave_it_unknown():
    by_role = rules(DENY, selector="role == 'edge'")
    assert [("unknown", "warn")] == audited(AUTOMATIC, WEB, by_role)
    assert [("unknown", "fail")] == audited(AUTOMATIC, WEB, by_role, unknown=Unknown.DENY)


def test_without_nodes_and_endpoints_every_node_is_open():
    off = make_kube_controllers_configuration(autoCreate="Disabled")
    assert [("node-without-host-endpoint", "fail")] == audited(off, WEB)


def test_the_reason_why_it_is_not_known_is_told():
    by_role = rules(DENY, selector="role == 'edge'")
    world = World(make_snapshot(AUTOMATIC, WEB, by_role))
    [verdict] = CHECK.audit(world, CheckSettings())
    assert ("the nodes of the cluster are not known",) == verdict.unknown


@pytest.mark.parametrize(("unknown", "expected"), [(Unknown.WARN, "warn"), (Unknown.DENY, "fail")])
def test_many_ports_that_may_be_exposed_are_told_together_with_the_reason(unknown, expected):
    ports = [
        make_service(
            f"web-{number:02}",
            ipFamilies=["IPv4"],
            ports=[{"port": 80, "nodePort": 30100 + number}],
        )
        for number in range(21)
    ]
    world = World(make_snapshot(NODE, HEP, *ports, rules(DENY)))
    change = make_change(None, REFUSED)
    step = Transition(world, world.with_change(change), change)
    *_, together = CHECK.review(step, CheckSettings(unknown=unknown))
    assert ("others-exposed", expected) == (together.reason, together.result.value)
    assert ["w1"] == together.details["nodes"]
    assert ["Service default/web-20 TCP 30120"] == together.details["ports"]
    assert together.unknown


def test_a_repair_tells_what_is_left_open_as_an_old_fault():
    half = rules(OFFICE, {**DENY, **TCP_RANGE, "source": {"nets": ["0.0.0.0/1"]}})
    found = reviewed([NODE, HEP, WEB, rules(OFFICE)], rules(OFFICE), half)
    assert [("no-trailing-deny", "warn")] == found
