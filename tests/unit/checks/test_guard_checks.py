from __future__ import annotations

import pytest

from service.checks.no_trailing_deny import CHECK as NO_TRAILING_DENY
from service.checks.pinhole_any_source import CHECK as ANY_SOURCE
from service.checks.pinhole_broad import CHECK as BROAD
from service.checks.pinhole_unused import CHECK as UNUSED
from service.checks.settings import CheckSettings
from service.net.prefixes import parse_cidr
from service.policy.world import World
from tests.factories import (
    make_felix_configuration,
    make_hep,
    make_ippool,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
)

NODE = make_node("w1", internal="10.0.0.11")
HEP = make_hep(labels={"role": "node"}, expectedIPs=["10.0.0.11"])
WILDCARD = make_hep("w1-all", interfaceName="*")
DENY = {"action": "Deny"}
WEB = {"protocol": "TCP", "destination": {"ports": [30080]}}
ALLOW_WEB = {"action": "Allow", **WEB}
OFFICE = {"action": "Allow", "source": {"nets": ["198.51.100.0/24"]}}
OFFICE_WEB = {**OFFICE, **WEB}
EVERYONE = [
    {"action": "Allow", "source": {"nets": [half]}, **WEB} for half in ("0.0.0.0/1", "128.0.0.0/1")
]


def found(check, *objects, **settings):
    world = World(make_snapshot(*objects))
    return [
        (one.subject.name, one.reason, one.result.value)
        for one in check.audit(world, CheckSettings(**settings))
    ]


def guard(*ingress, name="guard", **spec):
    return make_prednat(name, ingress=list(ingress), **spec)


@pytest.mark.parametrize(
    "rules",
    [
        [OFFICE_WEB],
        [OFFICE],
        [OFFICE_WEB, {**DENY, **WEB, "source": {"nets": ["192.0.2.0/24"]}}],
        [OFFICE_WEB, {**DENY, "protocol": "UDP", "destination": {"ports": [30080]}}],
        [OFFICE_WEB, {**DENY, "ipVersion": 6}],
    ],
)
@pytest.mark.parametrize("objects", [[NODE, HEP], [NODE, WILDCARD], []])
def test_an_allow_of_some_sources_that_no_deny_ends_is_told(rules, objects):
    assert [("guard", "allow-only", "fail")] == found(NO_TRAILING_DENY, *objects, guard(*rules))


@pytest.mark.parametrize(
    "rules",
    [
        [OFFICE_WEB, DENY],
        [OFFICE, {**DENY, **WEB}],
        [OFFICE_WEB, {**DENY, **WEB, "source": {"notNets": ["10.0.0.0/8"]}}],
        [ALLOW_WEB],
        [DENY],
    ],
)
@pytest.mark.parametrize("objects", [[NODE, HEP], []])
def test_a_set_that_ends_in_a_deny_or_bounds_no_source_is_not_told(rules, objects):
    assert [] == found(NO_TRAILING_DENY, *objects, guard(*rules))


def test_the_deny_of_another_policy_ends_the_set_where_it_governs_the_endpoint():
    end = guard(DENY, name="the-end", order=20, selector="role == 'node'")
    assert [] == found(NO_TRAILING_DENY, NODE, HEP, guard(OFFICE_WEB, order=10), end)
    elsewhere = guard(DENY, name="the-end", order=20, selector="role == 'edge'")
    expected = [("guard", "allow-only", "fail")]
    assert expected == found(NO_TRAILING_DENY, NODE, HEP, guard(OFFICE_WEB, order=10), elsewhere)


def test_untracked_policy_is_a_guard_as_well():
    untracked = make_prednat(
        "guard", preDNAT=None, doNotTrack=True, types=["Ingress"], ingress=[OFFICE_WEB]
    )
    assert [("guard", "allow-only", "fail")] == found(NO_TRAILING_DENY, NODE, HEP, untracked)


def test_nothing_is_said_where_the_dataplane_is_not_known():
    refused = make_felix_configuration(failsafeInboundHostPorts=[{"protocol": "SCTP", "port": 9}])
    assert [] == found(NO_TRAILING_DENY, NODE, HEP, refused, guard(OFFICE_WEB))


@pytest.mark.parametrize("hep", [HEP, WILDCARD])
def test_a_guard_of_ebpf_programs_has_no_default_deny_either(hep):
    bpf = make_felix_configuration(bpfEnabled=True)
    expected = [("guard", "allow-only", "fail")]
    assert expected == found(NO_TRAILING_DENY, NODE, hep, bpf, guard(OFFICE_WEB))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([ALLOW_WEB, DENY], [("guard", "any-source", "warn")]),
        ([{"action": "Allow"}], [("guard", "everything", "fail")]),
        ([{"action": "Allow", "protocol": "TCP"}], [("guard", "everything", "fail")]),
        ([{"action": "Allow", "protocol": "ICMP"}, DENY], []),
        ([OFFICE_WEB, DENY], []),
        ([*EVERYONE, DENY], []),
        (
            [{"action": "Allow", "source": {"nets": ["0.0.0.0/1", "128.0.0.0/1"]}, **WEB}],
            [("guard", "any-source", "warn")],
        ),
        ([DENY, ALLOW_WEB], []),
    ],
)
def test_an_exception_for_everyone_is_told_by_what_it_bounds(rules, expected):
    assert expected == found(ANY_SOURCE, NODE, HEP, guard(*rules))


def test_an_owner_who_permits_everyone_hears_nothing_of_it():
    everyone = tuple(map(parse_cidr, ("0.0.0.0/0", "::/0")))
    assert [] == found(ANY_SOURCE, NODE, HEP, guard(ALLOW_WEB, DENY), permitted=everyone)
    half = [("guard", "any-source", "warn")]
    assert half == found(ANY_SOURCE, NODE, HEP, guard(ALLOW_WEB), permitted=everyone[:1])


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([OFFICE], [("guard", "no-destination", "fail")]),
        ([{"action": "Allow", "source": {"nets": ["10.0.0.0/24", "10.244.0.0/16"]}}], []),
        ([{"action": "Allow", "source": {"nets": ["10.0.0.0/8"]}}], []),
        ([OFFICE_WEB], []),
        ([{**OFFICE, "destination": {"nets": ["10.0.0.11/32"]}}], []),
        ([{**OFFICE, "destination": {"selector": "role == 'node'"}}], []),
        ([{"action": "Allow"}], []),
    ],
)
def test_outsiders_that_are_let_in_to_every_port_are_told(rules, expected):
    assert expected == found(BROAD, NODE, HEP, make_ippool(), guard(*rules))


def test_without_the_addresses_of_pods_nobody_can_tell_who_is_an_outsider():
    assert [("guard", "no-destination", "skip")] == found(BROAD, NODE, HEP, guard(OFFICE))


def test_trusted_sources_may_have_every_port():
    trusted = (parse_cidr("198.51.100.0/24"),)
    assert [] == found(BROAD, NODE, HEP, make_ippool(), guard(OFFICE), trusted=trusted)


SERVICE = make_service("web", ports=(30080,))


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([30080], []),
        ([30081], [("guard", "no-service", "fail")]),
        ([30080, 30081], [("guard", "no-service", "fail")]),
        (["30000:32767"], []),
        (["30100:30200"], [("guard", "no-service", "fail")]),
        (["30000:30100"], []),
        ([22, 10250], []),
    ],
)
def test_an_exception_for_a_node_port_that_no_service_has_is_told(ports, expected):
    rule = {**OFFICE, "protocol": "TCP", "destination": {"ports": ports}}
    assert expected == found(UNUSED, NODE, HEP, SERVICE, guard(rule))


def test_a_port_of_another_protocol_is_not_used():
    rule = {**OFFICE, "protocol": "UDP", "destination": {"ports": [30080]}}
    assert [("guard", "no-service", "fail")] == found(UNUSED, NODE, HEP, SERVICE, guard(rule))


def test_without_services_or_with_one_that_may_get_the_port_nothing_is_said():
    rule = {**OFFICE, "protocol": "TCP", "destination": {"ports": [30081]}}
    waiting = make_service("new", ports=({"port": 80},))
    assert [] == found(UNUSED, NODE, HEP, guard(rule))
    assert [] == found(UNUSED, NODE, HEP, SERVICE, waiting, guard(rule))


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, " and 1 more")])
def test_the_endpoints_that_stay_open_are_told_and_what_a_deny_would_name(count, more):
    nodes = [make_node(f"n{n}", internal=f"10.0.1.{n}") for n in range(count)]
    heps = [
        make_hep(f"n{n}-eth0", node=f"n{n}", expectedIPs=[f"10.0.1.{n}"], labels={"id": f"{n}"})
        for n in range(count)
    ]
    udp = {**OFFICE, "protocol": "UDP", "destination": {"ports": ["100:200", 7]}}
    world = World(make_snapshot(*nodes, *heps, guard(OFFICE_WEB, udp)))
    [verdict] = NO_TRAILING_DENY.audit(world, CheckSettings())
    shown = ", ".join(f"n{n}-eth0" for n in range(5))
    assert (
        "ingress rule 0, 1 lets certain sources in, and nothing denies the others on "
        f"{shown}{more}: preDNAT policy has no default deny"
    ) == verdict.message
    assert [f"n{n}-eth0" for n in range(count)] == verdict.details["endpoints"]
    assert (["TCP 30080", "UDP 7,100-200"], [0, 1]) == (
        verdict.details["ports"],
        verdict.details["rules"],
    )


@pytest.mark.parametrize(
    "rule", [OFFICE, {**OFFICE, "protocol": "TCP"}, {**OFFICE, "protocol": "ICMP"}]
)
def test_an_allow_without_ports_would_be_ended_by_a_deny_of_everything(rule):
    world = World(make_snapshot(NODE, HEP, guard(OFFICE_WEB, rule)))
    [verdict] = NO_TRAILING_DENY.audit(world, CheckSettings())
    assert [""] == verdict.details["ports"]
