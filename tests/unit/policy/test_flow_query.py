"""The flow of the trace format, read strictly."""

from __future__ import annotations

import pytest

from service.net.intervals import IntervalSet
from service.net.prefixes import Family, parse_ip
from service.policy.flow_query import (
    CLIENT_PORTS,
    Access,
    FlowError,
    IpPeer,
    NodePeer,
    PodPeer,
    ServicePeer,
    Via,
    parse_flow,
)


def flow(**changed):
    """A raw flow; None leaves a field out."""
    raw = {
        "from": {"ip": "203.0.113.9"},
        "to": {"node": "w1"},
        "protocol": "TCP",
        "port": 30080,
        **changed,
    }
    return {name: value for name, value in raw.items() if value is not None}


def pointer_of(raw):
    with pytest.raises(FlowError) as caught:
        parse_flow(raw)
    return caught.value.location.pointer


def test_an_address_is_read_with_its_family():
    assert IpPeer(parse_ip("203.0.113.9")) == parse_flow(flow()).source
    assert Family.V6 == parse_flow(flow(**{"from": {"ip": "2001:db8::1"}})).family


@pytest.mark.parametrize(
    ("raw", "peer"),
    [
        ({"node": "w1"}, NodePeer("w1")),
        ({"pod": "a/web"}, PodPeer("a", "web")),
        ({"service": "a/web"}, ServicePeer("a", "web", Access.CLUSTER_IP)),
        ({"service": "a/web", "as": "nodePort"}, ServicePeer("a", "web", Access.NODE_PORT)),
    ],
)
def test_every_kind_of_destination_is_read(raw, peer):
    assert peer == parse_flow(flow(to=raw)).destination


@pytest.mark.parametrize(
    ("written", "number"), [("TCP", 6), ("udp", 17), ("132", 132), (253, 253), ("ICMP", 1)]
)
def test_a_protocol_is_a_name_or_a_number(written, number):
    port = 80 if number in {6, 17, 132} else None
    assert number == parse_flow(flow(protocol=written, port=port)).protocol


def test_a_source_port_that_is_not_given_is_any_of_a_client():
    assert CLIENT_PORTS == parse_flow(flow()).src_ports
    assert IntervalSet.single(40000) == parse_flow(flow(src_port=40000)).src_ports


def test_icmp_is_an_echo_request_unless_the_flow_says_otherwise():
    assert (8, 0) == parse_flow(flow(protocol="ICMP", port=None)).icmp
    assert (128, 0) == parse_flow(flow(**v6(), protocol="ICMPv6", port=None)).icmp
    assert (3, 1) == parse_flow(flow(protocol=1, port=None, icmp={"type": 3, "code": 1})).icmp


def v6():
    return {"from": {"ip": "2001:db8::1"}}


def test_the_family_is_four_where_both_fit():
    assert Family.V4 == parse_flow(flow(**{"from": {"node": "w2"}})).family
    assert Family.V6 == parse_flow(flow(**{"from": {"node": "w2"}}, family=6)).family


def test_via_may_leave_the_interface_open():
    assert Via("w1") == parse_flow(flow(via={"node": "w1"})).via
    assert Via("w1", "eth1") == parse_flow(flow(via={"node": "w1", "interface": "eth1"})).via


def test_the_answer_shows_the_flow_with_what_was_understood():
    raw = flow()
    assert {**raw, "family": 4, "established": False} == parse_flow(raw).to_json()


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (["TCP"], ""),
        (flow(**{"from": None}), "/from"),
        (flow(**{"from": {}}), "/from"),
        (flow(**{"from": {"ip": "1.2.3.4", "node": "w1"}}), "/from"),
        (flow(**{"from": {"ip": "1.2.3"}}), "/from/ip"),
        (flow(**{"from": {"ip": 7}}), "/from/ip"),
        (flow(**{"from": {"host": "w1"}}), "/from/host"),
        (flow(**{"from": {"service": "a/b"}}), "/from/service"),
        (flow(to={"pod": "web"}), "/to/pod"),
        (flow(to={"pod": "a/b/c"}), "/to/pod"),
        (flow(to={"node": ""}), "/to/node"),
        (flow(to={"node": "w1", "as": "nodePort"}), "/to/as"),
        (flow(to={"service": "a/b", "as": "hostPort"}), "/to/as"),
        (flow(protocol=None), "/protocol"),
        (flow(protocol="TCPP"), "/protocol"),
        (flow(protocol=0), "/protocol"),
        (flow(protocol=256), "/protocol"),
        (flow(protocol=True), "/protocol"),
        (flow(protocol="9" * 5000), "/protocol"),
        (flow(port=None), "/port"),
        (flow(port=0), "/port"),
        (flow(port=70000), "/port"),
        (flow(port="80"), "/port"),
        (flow(port=True), "/port"),
        (flow(protocol=253), "/port"),
        (flow(src_port=65536), "/src_port"),
        (flow(protocol=253, port=None, src_port=7), "/src_port"),
        (flow(icmp={"type": 8}), "/icmp"),
        (flow(protocol=1, port=None, icmp={"code": 8}), "/icmp/type"),
        (flow(protocol=1, port=None, icmp={"type": 256}), "/icmp/type"),
        (flow(family=5), "/family"),
        (flow(family=6), "/family"),
        (flow(protocol="ICMPv6", port=None), "/family"),
        (flow(to={"ip": "::1"}), "/family"),
        (flow(via={}), "/via/node"),
        (flow(via="w1"), "/via"),
        (flow(established="no"), "/established"),
        (flow(dport=80), "/dport"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(raw, pointer):
    assert pointer == pointer_of(raw)
