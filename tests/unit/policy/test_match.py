from __future__ import annotations

import pytest

from service.net.headerspace import Field
from service.net.prefixes import Family, parse_ip
from service.policy.world import World
from tests.factories import (
    make_endpoint_slice,
    make_global_network_set,
    make_gnp,
    make_hep,
    make_snapshot,
)

V4 = {"src": "203.0.113.9", "dst": "10.0.0.11"}
V6 = {"src": "2001:db8::9", "dst": "fd00::11"}
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
HEP = make_hep(
    labels={"role": "node"},
    expectedIPs=["10.0.0.11"],
    ports=[{"name": "web", "protocol": "TCP", "port": 30080}],
)
OUTSIDE = make_global_network_set(labels={"who": "them"}, nets=["203.0.113.0/24"])
HOSTS_ONLY = " && !has(projectcalico.org/namespace)"
THEM = "who == 'them'" + HOSTS_ONLY
NODE = "role == 'node'" + HOSTS_ONLY


def packet(family=Family.V4, protocol=TCP, **fields):
    texts = {**(V4 if family is Family.V4 else V6), **fields}
    return {
        Field.PROTOCOL: protocol,
        Field.SRC: parse_ip(texts["src"])[1],
        Field.DST: parse_ip(texts["dst"])[1],
        Field.SRC_PORT: fields.get("src_port", 40000),
        Field.DST_PORT: fields.get("dst_port", 30080),
        Field.ICMP_TYPE: fields.get("type", 8),
        Field.ICMP_CODE: fields.get("code", 0),
    }


def match(rule, family=Family.V4, *objects):
    world = World(
        make_snapshot(HEP, OUTSIDE, *objects, make_gnp(ingress=[{"action": "Deny", **rule}]))
    )
    return world.matcher.match(world.policies[0].ingress[0], family)


def verdict(rule, asked, family=Family.V4, objects=()):
    """True or False; None where it is not known."""
    space = match(rule, family, *objects).space
    known = space.must.contains(asked)
    return known if known is space.may.contains(asked) else None


@pytest.mark.parametrize(
    ("rule", "asked", "expected"),
    [
        ({}, packet(), True),
        ({"protocol": "TCP"}, packet(), True),
        ({"protocol": "TCP"}, packet(protocol=UDP), False),
        ({"notProtocol": "TCP"}, packet(), False),
        ({"notProtocol": "TCP"}, packet(protocol=UDP), True),
        ({"protocol": "TCP", "notProtocol": "UDP"}, packet(), True),
        ({"protocol": "ICMP"}, packet(protocol=ICMP), True),
        ({"protocol": "ICMPv6"}, packet(protocol=ICMPV6), False),
        ({"protocol": "ICMP", "icmp": {"type": 8}}, packet(protocol=ICMP), True),
        ({"protocol": "ICMP", "icmp": {"type": 8, "code": 1}}, packet(protocol=ICMP), False),
        ({"protocol": "ICMP", "icmp": {}}, packet(protocol=ICMP), True),
        ({"protocol": "ICMP", "notICMP": {"type": 8}}, packet(protocol=ICMP), False),
        ({"notICMP": {"type": 8}}, packet(protocol=ICMP, type=0), True),
        ({"notICMP": {"type": 8}}, packet(protocol=TCP), False),
        ({"notICMP": {}}, packet(protocol=TCP), True),
        ({"source": {"nets": ["203.0.113.0/24"]}}, packet(), True),
        ({"source": {"nets": ["203.0.113.0/24"]}}, packet(src="192.0.2.1"), False),
        ({"source": {"notNets": ["203.0.113.0/24"]}}, packet(), False),
        ({"source": {"nets": ["203.0.113.0/24", "2001:db8::/32"]}}, packet(), True),
        ({"source": {"selector": THEM}}, packet(), True),
        ({"source": {"selector": THEM, "nets": ["192.0.2.0/24"]}}, packet(), False),
        ({"source": {"notSelector": THEM}}, packet(), False),
        ({"source": {"notSelector": THEM}}, packet(src="192.0.2.1"), True),
        ({"destination": {"selector": NODE}}, packet(), True),
        ({"protocol": "TCP", "destination": {"ports": ["30000:32767"]}}, packet(), True),
        ({"protocol": "TCP", "destination": {"ports": [30000, 32767]}}, packet(), False),
        ({"protocol": "TCP", "destination": {"notPorts": [30080]}}, packet(), False),
        ({"protocol": "TCP", "source": {"ports": [40000]}}, packet(), True),
        ({"destination": {"selector": NODE, "ports": ["web"]}}, packet(), True),
        ({"destination": {"selector": NODE, "ports": ["web"]}}, packet(protocol=UDP), False),
        ({"destination": {"selector": NODE, "ports": ["dns"]}}, packet(), False),
        ({"destination": {"selector": NODE, "notPorts": ["web"]}}, packet(), False),
    ],
)
def test_a_packet_is_matched_by_all_criteria_that_are_present(rule, asked, expected):
    assert expected is verdict(rule, asked)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, True),
        ({"ipVersion": 4}, False),
        ({"ipVersion": 6}, True),
        ({"source": {"nets": ["10.0.0.0/8"]}}, False),
        ({"source": {"notNets": ["10.0.0.0/8"]}}, False),
        ({"source": {"notNets": ["10.0.0.0/8", "fd00::/8"]}}, True),
        ({"destination": {"notNets": ["::/0"]}}, False),
        ({"protocol": "ICMP"}, False),
    ],
)
def test_a_rule_may_be_none_for_a_family(rule, expected):
    protocol = ICMP if rule.get("protocol") else TCP
    assert expected is verdict(rule, packet(Family.V6, protocol), Family.V6)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"source": {"selector": "role == 'x'"}}, "pods that match"),
        ({"source": {"notSelector": "role == 'x'"}}, "pods that match"),
        ({"destination": {"ports": ["web"]}}, "pods that have a port named web"),
        (
            {"destination": {"services": {"name": "gone", "namespace": "shop"}}},
            "the endpoints of Service shop/gone are not known",
        ),
    ],
)
def test_what_pods_would_add_is_not_known_and_said_to_be_so(rule, reason):
    found = match(rule)
    assert (False, True) == (found.space.is_exact, any(reason in why for why in found.unknown))


def test_an_address_of_a_node_is_no_pod_s():
    assert verdict({"source": {"selector": "role == 'x'"}}, packet(src="10.0.0.11")) is False


SLICE = make_endpoint_slice(addresses=["10.0.0.10"])
SERVICES = {"services": {"name": "kubernetes", "namespace": "default"}}


@pytest.mark.parametrize(
    ("rule", "asked", "expected"),
    [
        ({"destination": SERVICES}, packet(dst="10.0.0.10", dst_port=6443), True),
        ({"destination": SERVICES}, packet(dst="10.0.0.10", dst_port=22), False),
        ({"source": SERVICES}, packet(src="10.0.0.10"), True),
        ({"source": SERVICES}, packet(), False),
    ],
)
def test_a_service_is_its_ports_as_a_destination_and_its_addresses_as_a_source(
    rule, asked, expected
):
    assert expected is verdict(rule, asked, objects=[SLICE])


def exceptions(rule, family=Family.V4):
    world = World(make_snapshot(OUTSIDE, make_gnp(ingress=[{"action": "Deny", **rule}])))
    return world.matcher.exceptions(world.policies[0].ingress[0], family)


@pytest.mark.parametrize("source", [{"notNets": ["203.0.113.0/24"]}, {"notSelector": THEM}])
def test_the_exceptions_of_a_rule_are_what_it_spares(source):
    found = exceptions({"source": source})
    assert [True, False] == [
        found.contains(packet(src=src)) for src in ("203.0.113.9", "192.0.2.1")
    ]


def test_a_rule_without_negations_has_no_exceptions():
    assert exceptions({"source": {"nets": ["10.0.0.0/8"]}}) is None


def test_a_rule_that_is_none_for_the_family_has_no_exceptions_there():
    assert exceptions({"source": {"notNets": ["10.0.0.0/8"]}}, Family.V6) is None


def test_a_match_is_worked_out_once():
    world = World(make_snapshot(make_gnp(ingress=[{"action": "Deny"}])))
    rule = world.policies[0].ingress[0]
    assert world.matcher.match(rule, Family.V4) is world.matcher.match(rule, Family.V4)
