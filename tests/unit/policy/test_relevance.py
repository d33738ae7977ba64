from __future__ import annotations

import pytest

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Direction
from service.policy.convert import global_policy
from service.policy.hooks import TierPolicies
from service.policy.profile import NEWEST
from service.policy.relevance import RuleIndex
from tests.factories import make_gnp

TCP = 6
RULES = [
    {"action": "Allow", "protocol": "TCP", "destination": {"ports": [80]}},
    {"action": "Allow", "protocol": "TCP", "destination": {"ports": ["30000:30100"]}},
    {"action": "Allow", "protocol": "UDP", "destination": {"ports": [80]}},
    {"action": "Allow", "protocol": "TCP", "destination": {"ports": ["70:90"]}},
    {"action": "Deny"},
]


def index(*more):
    policy = global_policy(make_gnp(ingress=[*RULES, *more]))
    return RuleIndex([TierPolicies(NEWEST.built_in["default"], (policy,))], Direction.INGRESS)


def packets(**fields):
    return HeaderSpace.box(
        Family.V4, {Field[name]: IntervalSet.of(one) for name, one in fields.items()}
    )


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (packets(PROTOCOL=(6, 6), DST_PORT=(80, 80)), [0, 3, 4]),
        (packets(PROTOCOL=(6, 6), DST_PORT=(85, 99)), [3, 4]),
        (packets(PROTOCOL=(17, 17), DST_PORT=(80, 80)), [2, 4]),
        (packets(PROTOCOL=(1, 1)), [4]),
        (packets(PROTOCOL=(6, 17), DST_PORT=(80, 80)), [0, 1, 2, 3, 4]),
        (packets(), [0, 1, 2, 3, 4]),
    ],
)
def test_rules_that_no_packet_can_meet_are_left_out(space, expected):
    (stretch,) = index().meeting(space)
    assert expected == [rule.index for _, rule in stretch.lines]


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (80, [(80, 80)]),
        (75, [(70, 79), (81, 90)]),
        (30_050, [(30_000, 30_100)]),
        (1, [(0, 69), (91, 29_999), (30_101, 65_535)]),
    ],
)
def test_ports_that_no_rule_tells_apart_are_alike(port, expected):
    assert IntervalSet.of(*expected) == index().alike(TCP, port)


NAMED = {"protocol": "TCP", "destination": {"ports": [90, "web"]}}
BEYOND = {"protocol": "TCP", "destination": {"notPorts": [75]}}
ENDPOINTS = {"destination": {"services": {"name": "web", "namespace": "shop"}}}


@pytest.mark.parametrize("more", [NAMED, ENDPOINTS])
def test_no_ports_are_alike_where_a_rule_names_some_in_other_words(more):
    one = index({"action": "Deny", **more})
    assert (IntervalSet.single(1), True) == (
        one.alike(TCP, 1),
        one.alike(TCP, 1) is one.alike(TCP, 1),
    )


def test_a_rule_that_names_some_ports_in_other_words_is_never_left_out():
    space = packets(PROTOCOL=(6, 6), DST_PORT=(1, 1))
    (stretch,) = index({"action": "Deny", **NAMED}).meeting(space)
    assert [4, 5] == [rule.index for _, rule in stretch.lines]


def test_ports_that_a_rule_excludes_are_told_apart():
    one = index({"action": "Deny", **BEYOND})
    assert IntervalSet.of((70, 74), (76, 79), (81, 90)) == one.alike(TCP, 72)


def test_what_is_remembered_of_packets_is_bounded(monkeypatch):
    monkeypatch.setattr("service.policy.relevance._MEMO_LIMIT", 1)
    one = index()
    for port in (80, 81):
        one.meeting(packets(PROTOCOL=(6, 6), DST_PORT=(port, port)))
    assert 1 == len(one._narrowed)
