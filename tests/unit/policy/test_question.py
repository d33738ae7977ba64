"""Questions with fields left open, read strictly."""

from __future__ import annotations

import pytest

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, parse_cidr
from service.policy.flow_query import CLIENT_PORTS, Access, FlowError, ServicePeer, Via
from service.policy.question import Addresses, Nodes, Outside, PodsNamed, parse_question

RANGE = "/port port is text: a number or the text of a range, as in 80-90"
WEB = ServicePeer("shop", "web", Access.CLUSTER_IP)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, ()),
        ({"ip": "10.0.0.1"}, (Addresses(parse_cidr("10.0.0.1/32")),)),
        (
            {"ip": ["10.0.0.0/8", "fd00::/8"]},
            (Addresses(parse_cidr("10.0.0.0/8")), Addresses(parse_cidr("fd00::/8"))),
        ),
        ({"node": "*"}, (Nodes("*"),)),
        ([{"node": "w1"}, {"outside": True}], (Nodes("w1"), Outside())),
        ({"pod": "*"}, (PodsNamed("*", "*"),)),
        ({"pod": ["shop/*", "shop/web"]}, (PodsNamed("shop", "*"), PodsNamed("shop", "web"))),
    ],
)
def test_whoever_sends_or_gets_is_read(raw, expected):
    assert expected == parse_question({"from": raw}).sources
    assert expected == parse_question({"to": raw}).destinations


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"service": "shop/web"}, (WEB,)),
        ({"service": ["shop/web", "shop/db"]}, (WEB, ServicePeer("shop", "db", Access.CLUSTER_IP))),
        (
            {"service": "shop/web", "as": "nodePort"},
            (ServicePeer("shop", "web", Access.NODE_PORT),),
        ),
        ([{"service": "shop/web"}, {"node": "w1"}], (WEB, Nodes("w1"))),
    ],
)
def test_a_service_is_read_with_how_it_is_called(raw, expected):
    assert expected == parse_question({"to": raw}).destinations


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ({"from": "w1"}, "/from an object is needed, not text"),
        ({"from": {}}, "/from exactly one of ip, node, pod, outside is needed"),
        ({"to": {}}, "/to exactly one of ip, node, pod, outside, service is needed"),
        ({"to": {"ip": "10.0.0.1", "as": "nodePort"}}, "/to/as as belongs to a service"),
        (
            {"to": {"service": "a/b", "node": "w1"}},
            "/to exactly one of ip, node, pod, outside, service is needed",
        ),
        (
            {"to": {"service": "a/b", "as": "x"}},
            "/to/as as is 'x', none of clusterIP, nodePort, loadBalancer, externalIP",
        ),
        ({"to": {"service": "a/b/c"}}, "/to/service service is written namespace/name"),
        ({"to": {"service": "a/"}}, "/to/service service is written namespace/name"),
        ({"from": {"pod": "/b"}}, "/from/pod pod is written namespace/name"),
        ({"from": {"node": 3}}, "/from/node node is a whole number, not text, or a list of texts"),
        ({"from": {"node": [""]}}, "/from/node node is text, not text, or a list of texts"),
        (
            {"from": {"ip": "10.0.0.0/33"}},
            "/from/ip ip is no address and no CIDR: '10.0.0.0/33': the prefix length exceeds 32",
        ),
        ({"family": 5}, "/family family is 5, neither 4 nor 6"),
        ({"port": "80-70"}, RANGE),
        ({"port": "80-"}, RANGE),
        ({"port": "-80"}, RANGE),
        ({"port": "1e3"}, RANGE),
        ({"port": "٣"}, RANGE),
        ({"port": "000080"}, RANGE),
        (
            {"port": True},
            "/port port is true or false: a number or the text of a range, as in 80-90",
        ),
        ({"port": [80, 0]}, "/port port is 0, 80, beyond 1 to 65535"),
        ({"src_port": 65536}, "/src_port src_port is 65536, beyond 1 to 65535"),
        ({"icmp": {"type": 256}}, "/icmp/type type is 256, beyond 0 to 255"),
        ({"icmp": {"kind": 1}}, "/icmp/kind kind is no field here: code, type"),
        ({"via": {"interface": "eth0"}}, "/via/node node is missing"),
        ({"via": {"node": "w1", "interface": ""}}, "/via/interface interface is empty"),
        ({"established": 1}, "/established established is a whole number, not true or false"),
        ({"protocol": "ICMP", "port": 80}, " no packet has such a protocol, port or ICMP type"),
        ({"port": 80, "icmp": {"type": 8}}, " no packet has such a protocol, port or ICMP type"),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_place(raw, complaint):
    with pytest.raises(FlowError) as caught:
        parse_question(raw)
    assert complaint == f"{caught.value.location.pointer} {caught.value.detail}"


def numbers(*ends):
    return IntervalSet.of(*ends)


@pytest.mark.parametrize(
    ("raw", "field", "expected"),
    [
        ({"port": 80}, "ports", numbers((80, 80))),
        ({"port": "80"}, "ports", numbers((80, 80))),
        ({"port": "80-90"}, "ports", numbers((80, 90))),
        ({"port": "80-80"}, "ports", numbers((80, 80))),
        ({"port": [22, "80-90", 443]}, "ports", numbers((22, 22), (80, 90), (443, 443))),
        ({"port": [1, 65535]}, "ports", numbers((1, 1), (65535, 65535))),
        ({"src_port": "00080"}, "src_ports", numbers((80, 80))),
        ({}, "ports", None),
        ({}, "src_ports", None),
        ({}, "icmp", None),
        ({"icmp": {}}, "icmp", (numbers((0, 255)),) * 2),
        ({"icmp": {"type": 8}}, "icmp", (numbers((8, 8)), numbers((0, 255)))),
        ({"icmp": {"type": 3, "code": "0-1"}}, "icmp", (numbers((3, 3)), numbers((0, 1)))),
        ({"protocol": ["TCP", 17]}, "protocols", numbers((6, 6), (17, 17))),
        ({"family": 6}, "families", (Family.V6,)),
        ({}, "families", (Family.V4, Family.V6)),
        ({"via": {"node": "w1"}}, "via", Via("w1", "")),
        ({"via": {"node": "w1", "interface": "eth0"}}, "via", Via("w1", "eth0")),
        ({}, "via", None),
        ({}, "established", False),
        ({"established": True}, "established", True),
    ],
)
def test_fields_are_read(raw, field, expected):
    assert expected == getattr(parse_question(raw), field)


def box(family, *ranges, **fields):
    own = {Field.PROTOCOL: numbers(*ranges)}
    own |= {Field[name.upper()]: numbers(*ends) for name, ends in fields.items()}
    return HeaderSpace.box(family, own)


@pytest.mark.parametrize(("family", "icmp", "foreign"), [(Family.V4, 1, 58), (Family.V6, 58, 1)])
def test_a_question_without_ports_means_every_packet_that_can_be(family, icmp, foreign):
    found = parse_question({}).packets(family)
    assert numbers((1, 255)) - numbers((foreign, foreign)) == found.project(Field.PROTOCOL)
    for protocol in (6, 17, 132):
        own = found.restrict(Field.PROTOCOL, numbers((protocol, protocol)))
        assert numbers((1, 65535)) == own.project(Field.DST_PORT)
        assert CLIENT_PORTS == own.project(Field.SRC_PORT)
    assert numbers((0, 255)) == found.restrict(Field.PROTOCOL, numbers((icmp, icmp))).project(
        Field.ICMP_TYPE
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"port": 80}, [(6, 6), (17, 17), (132, 132)]),
        ({"port": 80, "protocol": "TCP"}, [(6, 6)]),
        ({"icmp": {"type": 8}}, [(1, 1)]),
        ({"protocol": ["ICMP", 47]}, [(1, 1), (47, 47)]),
        ({"protocol": ["ICMP", 47], "icmp": {"type": 8}}, [(1, 1)]),
    ],
)
def test_a_question_means_the_protocols_that_have_what_it_names(raw, expected):
    found = parse_question(raw).packets(Family.V4)
    assert numbers(*expected) == found.project(Field.PROTOCOL)


def test_source_ports_and_icmp_are_those_that_are_named():
    found = parse_question({"protocol": "TCP", "port": 80, "src_port": 53}).packets(Family.V4)
    assert box(Family.V4, (6, 6), src_port=[(53, 53)], dst_port=[(80, 80)]) == found
    found = parse_question({"icmp": {"type": 8, "code": 0}}).packets(Family.V4)
    assert box(Family.V4, (1, 1), icmp_type=[(8, 8)], icmp_code=[(0, 0)]) == found
