"""Flow: which fields a packet has, and how it reads."""

import pytest

from service.net.flow import Flow, protocol_name
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, parse_ip

SRC, DST = parse_ip("203.0.113.9")[1], parse_ip("10.0.0.11")[1]
SRC6, DST6 = parse_ip("2001:db8::9")[1], parse_ip("fd00::b")[1]


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        (
            Flow(family=Family.V4, protocol=6, src=SRC, dst=DST, src_port=40000, dst_port=30080),
            "TCP 203.0.113.9:40000 -> 10.0.0.11:30080",
        ),
        (
            Flow(family=Family.V6, protocol=17, src=SRC6, dst=DST6, src_port=1, dst_port=53),
            "UDP [2001:db8::9]:1 -> [fd00::b]:53",
        ),
        (
            Flow(family=Family.V4, protocol=1, src=SRC, dst=DST, icmp_type=8, icmp_code=0),
            "ICMP 203.0.113.9 -> 10.0.0.11 type 8 code 0",
        ),
        (
            Flow(family=Family.V6, protocol=58, src=SRC6, dst=DST6, icmp_type=128),
            "ICMPv6 2001:db8::9 -> fd00::b type 128",
        ),
        (
            Flow(family=Family.V4, protocol=4, src=SRC, dst=DST),
            "protocol 4 203.0.113.9 -> 10.0.0.11",
        ),
    ],
)
def test_a_flow_reads_as_a_person_would_write_it(flow, text) -> None:
    assert str(flow) == text


def test_the_fields_are_those_that_the_packet_has() -> None:
    flow = Flow(family=Family.V4, protocol=1, src=SRC, dst=DST, icmp_type=0, icmp_code=0)
    assert flow.fields() == {
        Field.PROTOCOL: 1,
        Field.ICMP_TYPE: 0,
        Field.ICMP_CODE: 0,
        Field.DST: DST,
        Field.SRC: SRC,
    }


@pytest.mark.parametrize(
    ("family", "protocol", "present"),
    [
        (Family.V4, 6, {Field.SRC_PORT, Field.DST_PORT}),
        (Family.V6, 132, {Field.SRC_PORT, Field.DST_PORT}),
        (Family.V4, 1, {Field.ICMP_TYPE, Field.ICMP_CODE}),
        (Family.V6, 58, {Field.ICMP_TYPE, Field.ICMP_CODE}),
        (Family.V6, 1, set()),
        (Family.V4, 47, set()),
    ],
)
def test_a_sample_keeps_the_fields_of_its_protocol(family, protocol, present) -> None:
    space = HeaderSpace.box(family, {Field.PROTOCOL: IntervalSet.single(protocol)})
    flow = Flow.from_sample(family, space.sample())
    assert flow.fields().keys() == {Field.PROTOCOL, Field.SRC, Field.DST} | present


def test_a_sampled_flow_is_in_the_space_that_it_came_from() -> None:
    fields = {Field.PROTOCOL: IntervalSet.single(6), Field.DST_PORT: IntervalSet.of((80, 90))}
    space = HeaderSpace.box(Family.V4, fields)
    assert space.contains(Flow.from_sample(Family.V4, space.sample()).fields())


def test_a_protocol_without_a_name_is_its_number() -> None:
    assert (protocol_name(58), protocol_name(4)) == ("ICMPv6", "4")
