"""What stops Felix from programming, on which nodes, and what a trace through them says."""

from __future__ import annotations

import pytest

from service.model.snapshot import Snapshot
from service.policy.stalls import Effect, stalls
from service.policy.world import World
from tests.factories import (
    decode,
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_node,
    make_pod,
    make_snapshot,
    raw,
)
from tests.trace_factories import W1, W2, answer, disposition, w1_hep, world

PING = {"action": "Allow", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}}
NOT_PING = {"action": "Deny", "protocol": "ICMP", "notICMP": {"type": 8, "code": 0}}
RAW_SERVICE = {
    "action": "Allow",
    "protocol": 253,
    "destination": {"services": {"name": "web", "namespace": "shop"}},
}
NFT = make_felix_configuration(nftablesMode="Enabled")
IPTABLES = make_felix_configuration(nftablesMode="Disabled")
W2_HEP = make_hep("w2-eth0", node="w2", labels={"role": "edge"}, expectedIPs=[W2])


def ping(rule=PING, **spec):
    return make_gnp("ping", types=["Ingress"], ingress=[rule], **spec)


def told(*objects):
    return [(one.ref.name, one.effect, one.nodes, one.is_sure) for one in stalls(world(*objects))]


@pytest.mark.parametrize("rule", [PING, NOT_PING])
def test_an_icmp_code_stops_the_nodes_where_its_policy_is_active(rule):
    policy = ping(rule, selector="role == 'node'")
    assert [("ping", Effect.AT_ONCE, {"w1"}, True)] == told(NFT, w1_hep(), W2_HEP, policy)
    assert [] == told(IPTABLES, w1_hep(), W2_HEP, policy)


def test_where_the_mode_is_not_known_neither_is_whether_it_stops():
    assert [("ping", Effect.AT_ONCE, {"w1"}, False)] == told(w1_hep(), ping())


def test_a_policy_is_active_where_it_selects_a_pod():
    pod = make_pod("web", node="w2", ips=["10.244.2.5"], labels={"app": "web"})
    policy = ping(selector="app == 'web'")
    assert [("ping", Effect.AT_ONCE, {"w2"}, True)] == told(NFT, w1_hep(), pod, policy)


@pytest.mark.parametrize(
    "policy",
    [ping(selector="role == 'gone'"), make_gnp("ping", types=["Egress"], ingress=[PING])],
)
def test_a_policy_that_is_active_nowhere_or_in_the_other_direction_stops_nothing(policy):
    assert [] == told(NFT, w1_hep(), policy)


def test_a_rejecting_configuration_stops_the_nodes_with_host_endpoints():
    rejecting = make_felix_configuration(nftablesMode="Enabled", nftablesFilterDenyAction="Reject")
    assert [("default", Effect.AT_ONCE, {"w1"}, True)] == told(rejecting, w1_hep())
    assert [] == told(rejecting)


def test_the_configuration_of_the_node_itself_is_the_one_that_stops_it():
    default = make_felix_configuration(nftablesMode="Enabled", nftablesFilterDenyAction="Reject")
    own = make_felix_configuration(
        "node.w2", nftablesMode="Enabled", nftablesFilterDenyAction="Reject"
    )
    dropping = make_felix_configuration("node.w1", nftablesFilterDenyAction="Drop")
    assert [("node.w2", Effect.AT_ONCE, {"w2"}, True)] == told(
        default, own, dropping, w1_hep(), W2_HEP
    )


def test_a_service_without_ports_is_programmed_and_fails_at_the_next_restart():
    policy = make_gnp("raw", types=["Egress"], egress=[RAW_SERVICE])
    assert [("raw", Effect.AT_RESTART, {"w1"}, True)] == told(NFT, w1_hep(), policy)
    assert "denied" == disposition(world(NFT, w1_hep(), policy))


def backwards(name="broken"):
    ports = {"ports": ["32767:30000"]}
    ingress = [{"action": "Deny", "protocol": "TCP", "destination": ports}]
    return decode(raw("GlobalNetworkPolicy", name, spec={"types": ["Ingress"], "ingress": ingress}))


def test_an_object_that_does_not_decode_may_stop_every_node():
    nodes = (make_node("w1", internal=W1), w1_hep())
    known = list(make_snapshot(*nodes).decoded())
    where = World.of(Snapshot.of([*known, backwards()]))
    [stall] = stalls(where)
    assert ("broken", None, False) == (stall.ref.name, stall.nodes, stall.is_sure)
    assert stall.holds_on("w1")
    found = answer(where)
    assert "unknown" == found.disposition
    assert "GlobalNetworkPolicy broken" in found.unknown[0]


def test_an_object_that_the_api_server_refuses_stops_nothing():
    body = raw("GlobalNetworkPolicy", "typo", spec={"types": "Ingress"})
    assert () == stalls(World.of(Snapshot.of([decode(body)])))


def test_a_packet_through_a_stopped_node_is_unknown_and_through_another_is_not():
    where = world(NFT, w1_hep(), W2_HEP, ping(selector="role == 'node'"))
    found = answer(where)
    assert "unknown" == found.disposition
    assert "which nft refuses" in found.unknown[0]
    assert "denied" == disposition(where, to={"node": "w2"})


def test_a_configuration_that_says_nothing_of_rejecting_is_not_blamed():
    default = make_felix_configuration(nftablesMode="Enabled", nftablesFilterDenyAction="Reject")
    own = make_felix_configuration("node.w1", nftablesMode="Enabled")
    assert [("default", Effect.AT_ONCE, {"w1"}, True)] == told(default, own, w1_hep())
