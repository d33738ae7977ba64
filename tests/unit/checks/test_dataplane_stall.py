"""Which changes are refused for what they stop."""

from __future__ import annotations

import pytest

from service.checks.contract import Transition
from service.checks.dataplane_stall import CHECK
from service.checks.settings import CheckSettings, Unknown
from service.policy.world import World
from tests.factories import (
    make_change,
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_node,
    make_snapshot,
    raw,
)

PING = {"action": "Allow", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}}
NODES = tuple(make_node(f"w{one}", internal=f"10.0.0.1{one}") for one in (1, 2))
W1, W2 = (
    make_hep(
        f"w{one}-eth0", node=f"w{one}", labels={"on": f"w{one}"}, expectedIPs=[f"10.0.0.1{one}"]
    )
    for one in (1, 2)
)
NFT = make_felix_configuration(nftablesMode="Enabled")


def ping(**spec):
    return make_gnp("ping", types=["Ingress"], ingress=[PING], **spec)


def reviewed(objects, before, after, **settings):
    world = World(make_snapshot(*objects))
    change = make_change(before, after)
    step = Transition(world, world.with_change(change), change)
    return [
        (one.subject.name, one.result.value, one.reason, one.details["nodes"])
        for one in CHECK.review(step, CheckSettings(**settings))
    ]


NARROW, WIDE = ping(selector="on == 'w1'"), ping(selector="has(on)")
STOPPED = ("ping", "fail", "stalls", ["w1"])
DOUBTED = ("ping", "warn", "may-stall", ["w1"])


@pytest.mark.parametrize(
    ("objects", "before", "after", "expected"),
    [
        ((NFT, W1, W2), None, NARROW, [STOPPED]),
        ((W1, W2), None, NARROW, [DOUBTED]),
        ((NFT, W1, W2), NARROW, WIDE, [("ping", "fail", "stalls", ["w1", "w2"])]),
        ((NFT, W1, W2), WIDE, NARROW, []),
        ((NFT, W1, W2), NARROW, ping(selector="on == 'w1'", order=3), []),
        ((NFT, W1, W2), NARROW, None, []),
        ((W1, W2), NARROW, WIDE, [("ping", "warn", "may-stall", ["w1", "w2"])]),
        ((NFT, W1, W2, WIDE), NARROW, None, []),
    ],
)
def test_a_policy_is_told_of_where_it_stops_more_than_before(objects, before, after, expected):
    there = (before,) if before else ()
    assert expected == reviewed((*NODES, *objects, *there), before, after)


@pytest.mark.parametrize(
    ("objects", "before", "after", "expected"),
    [
        ((NFT, WIDE), None, W1, [STOPPED]),
        ((NFT, WIDE, W1), None, W2, [("ping", "fail", "stalls", ["w1", "w2"])]),
        ((NFT, NARROW, W1), None, W2, []),
        ((W1, NARROW), None, NFT, [STOPPED]),
        ((W1, NARROW, NFT), NFT, None, []),
    ],
)
def test_what_places_endpoints_brings_what_others_say(objects, before, after, expected):
    assert expected == reviewed((*NODES, *objects), before, after)


def test_a_doubt_is_refused_where_the_owner_says_so():
    found = reviewed((*NODES, W1, W2), None, NARROW, unknown=Unknown.DENY)
    assert [("ping", "fail", "may-stall", ["w1"])] == found


def test_what_calico_cannot_decode_may_stop_every_node():
    broken = raw(
        "GlobalNetworkPolicy", "odd", spec={"ingress": [{"action": "Deny", "protocol": 300}]}
    )
    [verdict] = CHECK.audit(World(make_snapshot(*NODES, broken)), CheckSettings())
    assert verdict.message.endswith(
        "it may stop Felix from programming policy on every node, at once"
    )
    assert ("high", "may-stall", []) == (
        verdict.severity.value,
        verdict.reason,
        verdict.details["nodes"],
    )
    assert verdict.unknown
