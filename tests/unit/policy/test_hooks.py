from __future__ import annotations

import pytest

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.prefixes import Family, cidrs, parse_ip
from service.policy.cause import Decision, Direction, Hook, Reason
from service.policy.world import World
from tests.factories import (
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_namespace,
    make_prednat,
    make_service_account,
    make_snapshot,
    make_tier,
)

ALLOW_WEB = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [80]}}
DENY, PASS, LOG = ({"action": action} for action in ("Deny", "Pass", "Log"))
NO_FAILSAFES = make_felix_configuration(failsafeInboundHostPorts=[], failsafeOutboundHostPorts=[])


def part(*objects, hook=Hook.NORMAL, direction=Direction.INGRESS, port=80, **packet):
    """The one part of the world's first endpoint that has the packet."""
    world = World(make_snapshot(*objects))
    hep = next(iter(world.endpoints("w1").active))
    family = Family(packet.get("family", 4))
    live = Bounds.exact(HeaderSpace.everything(family))
    found = world.evaluate(hep, live, hook=hook, direction=direction)
    fields = {
        Field.PROTOCOL: packet.get("protocol", 6),
        Field.SRC_PORT: packet.get("src_port", 40000),
        Field.DST_PORT: port,
        Field.ICMP_TYPE: 0,
        Field.ICMP_CODE: 0,
        Field.SRC: parse_ip(packet.get("src", "203.0.113.9"))[1],
        Field.DST: parse_ip("10.0.0.11")[1],
    }
    (one,) = [part for part in found.parts if part.space.may.contains(fields)]
    return one


def fate(*objects, **asked):
    one = part(*objects, **asked)
    return one.decision.value, one.cause.reason.value


HEP = make_hep()
RULE, END, PROFILE = "rule", "end-of-tier", "profile"


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([make_hep()], ("deny", "default-action")),
        ([make_hep(profiles=["projectcalico-default-allow"])], ("allow", PROFILE)),
        ([make_hep(profiles=["gone", "projectcalico-default-allow"])], ("deny", PROFILE)),
        (
            [
                make_hep(profiles=["ksa.shop.x", "kns.shop"]),
                make_namespace("shop"),
                make_service_account("x", namespace="shop"),
            ],
            ("allow", PROFILE),
        ),
        ([make_hep(profiles=["kns.shop"])], ("deny", PROFILE)),
        ([HEP, make_gnp(ingress=[ALLOW_WEB])], ("allow", RULE)),
        ([HEP, make_gnp(ingress=[LOG, DENY])], ("deny", RULE)),
        ([HEP, make_gnp(ingress=[LOG])], ("deny", END)),
        ([HEP, make_gnp(types=["Egress"])], ("deny", "default-action")),
        ([HEP, make_gnp(ingress=[PASS])], ("deny", "default-action")),
        (
            [make_hep(profiles=["projectcalico-default-allow"]), make_gnp(ingress=[PASS, DENY])],
            ("allow", PROFILE),
        ),
        ([HEP, make_gnp(tier="kube-admin", ingress=[])], ("deny", "default-action")),
        ([HEP, make_gnp(tier="gone", ingress=[])], ("deny", END)),
        (
            [
                HEP,
                make_tier(order=1),
                make_gnp("a", tier="security", ingress=[PASS]),
                make_gnp("b", ingress=[ALLOW_WEB]),
            ],
            ("allow", RULE),
        ),
        (
            [
                HEP,
                make_tier(order=1),
                make_gnp("a", tier="security"),
                make_gnp("b", ingress=[ALLOW_WEB]),
            ],
            ("deny", END),
        ),
        (
            [
                HEP,
                make_tier(order=1, defaultAction="Pass"),
                make_gnp("a", tier="security"),
                make_gnp("b", ingress=[ALLOW_WEB]),
            ],
            ("allow", RULE),
        ),
    ],
)
def test_local_packets_go_by_tiers_then_profiles_then_a_drop(objects, expected):
    assert expected == fate(*objects)


FORWARD = {"hook": Hook.FORWARD}


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([HEP], ("allow", "default-action")),
        ([HEP, make_gnp(ingress=[DENY])], ("allow", "default-action")),
        ([HEP, make_gnp(applyOnForward=True, ingress=[DENY])], ("deny", RULE)),
        ([HEP, make_gnp(applyOnForward=True)], ("deny", END)),
        ([HEP, make_gnp(applyOnForward=True, types=["Egress"])], ("allow", "default-action")),
        ([HEP, make_gnp(applyOnForward=True, ingress=[PASS])], ("allow", "default-action")),
    ],
)
def test_forwarded_packets_are_denied_only_where_a_policy_for_them_stands(objects, expected):
    assert expected == fate(*objects, **FORWARD)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([HEP], ("undecided", "default-action")),
        ([HEP, make_prednat()], ("deny", RULE)),
        ([HEP, make_prednat(ingress=[ALLOW_WEB])], ("allow", RULE)),
        ([HEP, make_prednat(ingress=[])], ("undecided", "default-action")),
        ([HEP, make_prednat(ingress=[PASS, DENY])], ("undecided", "default-action")),
    ],
)
def test_prednat_policy_leaves_open_what_no_rule_decides(objects, expected):
    assert expected == fate(*objects, hook=Hook.PRE_DNAT)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"port": 22}, ("allow", "failsafe")),
        ({"port": 22, "protocol": 17}, ("deny", "default-action")),
        ({"port": 22, "direction": Direction.EGRESS}, ("deny", "default-action")),
        ({"port": 53, "protocol": 17, "direction": Direction.EGRESS}, ("allow", "failsafe")),
        ({"port": 22, "hook": Hook.PRE_DNAT}, ("undecided", "failsafe")),
        ({"port": 22, "hook": Hook.UNTRACKED}, ("undecided", "failsafe")),
        ({"port": 80, "src_port": 6443, "hook": Hook.UNTRACKED}, ("undecided", "failsafe")),
        ({"port": 80, "src_port": 6443, "hook": Hook.PRE_DNAT}, ("undecided", "default-action")),
        ({"port": 22, "hook": Hook.FORWARD}, ("allow", "default-action")),
    ],
)
def test_failsafe_ports_pass_before_any_policy_but_forwarded(asked, expected):
    assert expected == fate(HEP, **asked)


@pytest.mark.parametrize(
    ("src", "family", "expected"),
    [("203.0.113.9", 4, "allow"), ("192.0.2.1", 4, "deny"), ("2001:db8::1", 6, "deny")],
)
def test_a_failsafe_entry_may_be_for_one_net(src, family, expected):
    entry = {"protocol": "TCP", "port": 22, "net": "203.0.113.0/24"}
    felix = make_felix_configuration(failsafeInboundHostPorts=[entry])
    assert expected == fate(HEP, felix, port=22, src=src, family=family)[0]


def test_untracked_policy_on_a_wildcard_endpoint_is_ignored():
    untracked = make_gnp(doNotTrack=True, applyOnForward=True, ingress=[DENY])
    found = part(make_hep(interfaceName="*"), untracked, hook=Hook.UNTRACKED)
    assert (Decision.UNDECIDED, Reason.NO_HOST_ENDPOINT) == (found.decision, found.cause.reason)


def test_without_ipv6_support_felix_leaves_ipv6_alone():
    felix = make_felix_configuration(ipv6Support=False)
    assert ("undecided", "no-host-endpoint") == fate(HEP, felix, family=6, src="::9")


def test_where_felix_is_not_known_to_run_anything_may_happen():
    refused = make_felix_configuration(failsafeInboundHostPorts=[{"protocol": "SCTP", "port": 9}])
    world = World(make_snapshot(HEP, refused))
    live = Bounds.exact(HeaderSpace.everything(Family.V4))
    hep = world.endpoints("w1").named[0]
    found = world.evaluate(hep, live, hook=Hook.NORMAL, direction=Direction.INGRESS)
    assert {*Decision} == {one.decision for one in found.parts if one.unknown}


def test_an_interface_without_an_endpoint_is_not_policed():
    live = Bounds.exact(HeaderSpace.everything(Family.V4))
    found = World(make_snapshot()).evaluate(
        None, live, hook=Hook.NORMAL, direction=Direction.INGRESS
    )
    assert [Reason.NO_HOST_ENDPOINT] == [one.cause.reason for one in found.parts]


def test_a_rule_that_may_match_leaves_a_doubt_on_all_that_follows():
    by_pods = {"action": "Allow", "source": {"selector": "app == 'web'"}}
    world = World(make_snapshot(HEP, NO_FAILSAFES, make_gnp(ingress=[by_pods, DENY])))
    live = Bounds.exact(HeaderSpace.everything(Family.V4))
    hep = world.endpoints("w1").named[0]
    found = world.evaluate(hep, live, hook=Hook.NORMAL, direction=Direction.INGRESS)
    assert [("allow", 1), ("deny", 1)] == [
        (one.decision.value, len(one.unknown)) for one in found.parts
    ]


def test_a_deny_tells_what_it_spares():
    world = World(
        make_snapshot(HEP, make_prednat(ingress=[{**DENY, "source": {"notNets": ["10.0.0.0/8"]}}]))
    )
    live = Bounds.exact(HeaderSpace.everything(Family.V4))
    hep = world.endpoints("w1").named[0]
    (spared,) = world.evaluate(hep, live, hook=Hook.PRE_DNAT, direction=Direction.INGRESS).spared
    assert ["10.0.0.0/8"] == cidrs(Family.V4, spared.space.may.project(Field.SRC))
