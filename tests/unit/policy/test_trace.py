"""The way of one packet: which hooks it meets, in which order, and what they say."""

from __future__ import annotations

import pytest

from service.policy.flow_query import parse_flow
from service.policy.stages import Detail
from service.policy.trace import trace
from service.policy.world import World
from tests.factories import (
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_node,
    make_prednat,
    make_snapshot,
    raw,
)
from tests.trace_factories import (
    CLIENT,
    EGRESS_ANY,
    TO_W1,
    W2,
    allow,
    answer,
    disposition,
    met,
    via,
    w1_hep,
    world,
)


def test_nobody_looks_where_no_endpoint_is():
    assert [
        ("w1", "untracked", "undecided"),
        ("w1", "preDNAT", "undecided"),
        ("w1", "normal", "undecided"),
    ] == met(world())
    assert "allowed" == disposition(world())


def test_an_endpoint_without_policy_and_profile_denies_its_host():
    assert ("w1", "normal", "deny") == met(world(w1_hep()))[-1]


def test_a_failsafe_port_is_carried_to_the_host():
    found = answer(world(w1_hep()), port=22)
    assert ("allowed", "failsafe") == (found.disposition, found.stages[-1].reason)


def test_the_deciding_rule_is_named():
    last = answer(world(w1_hep(), allow(9100))).stages[-1]
    assert ("allow", 0, "default", "rule") == (last.policy, last.rule, last.tier, last.reason)
    assert "w1-eth0" == last.endpoint


def test_the_end_of_a_tier_names_its_last_policy():
    last = answer(world(w1_hep(), allow(80))).stages[-1]
    assert ("end-of-tier", "allow", None) == (last.reason, last.policy, last.rule)


def test_what_prednat_accepts_skips_the_hosts_own_policy():
    open_it = make_prednat("open", ingress=[{"action": "Allow"}])
    assert ("w1", "normal", "skipped") == met(world(w1_hep(), open_it))[-1]
    assert "allowed" == disposition(world(w1_hep(), open_it))


def test_nothing_is_told_after_a_denial():
    assert [("w1", "untracked", "undecided"), ("w1", "preDNAT", "deny")] == met(
        world(w1_hep(), make_prednat())
    )


def test_a_staged_prednat_policy_keeps_the_wildcards_from_standing_in():
    wildcard = make_hep("w1-all", labels={"all": ""}, interfaceName="*")
    deny = make_prednat("deny", selector="has(all)")
    staged = raw(
        "StagedGlobalNetworkPolicy",
        "later",
        spec={
            "preDNAT": True,
            "applyOnForward": True,
            "selector": "role == 'node'",
            "ingress": [{"action": "Allow"}],
        },
    )
    assert "denied" == disposition(world(w1_hep(), wildcard, deny, allow(9100)))
    assert "allowed" == disposition(world(w1_hep(), wildcard, deny, staged, allow(9100)))


def test_the_source_is_any_client_port_if_none_is_given():
    by_port = make_prednat(
        "by-port",
        ingress=[{"action": "Deny", "protocol": "TCP", "source": {"ports": ["1:2000"]}}],
    )
    found = answer(world(w1_hep(), by_port, allow(9100)), src_port=None)
    assert "unknown" == found.disposition
    assert ("the verdict depends on the source port",) == found.unknown
    assert "denied" == disposition(world(w1_hep(), by_port), src_port=1500)


def test_what_is_denied_in_any_case_is_no_unknown():
    by_port = make_prednat(
        "by-port",
        ingress=[{"action": "Deny", "protocol": "TCP", "source": {"ports": ["1:2000"]}}],
    )
    found = answer(world(w1_hep(), by_port), src_port=None)
    assert ("denied", ()) == (found.disposition, found.unknown)


def test_a_node_sends_through_its_own_egress_and_the_receivers_ingress():
    w2 = make_hep("w2-eth0", node="w2", expectedIPs=[W2])
    assert [
        ("w2", "untracked", "undecided"),
        ("w2", "normal", "allow"),
        ("w1", "untracked", "undecided"),
        ("w1", "preDNAT", "undecided"),
        ("w1", "normal", "deny"),
    ] == met(world(w1_hep(), w2, EGRESS_ANY), **{"from": {"node": "w2"}})


def test_an_address_of_a_node_stands_for_the_node():
    by_name = met(world(w1_hep(), EGRESS_ANY), **{"from": {"node": "w2"}})
    assert by_name == met(world(w1_hep(), EGRESS_ANY), **{"from": {"ip": W2}})


def test_a_forged_node_address_comes_in_where_the_flow_says():
    nodes = {node for node, _, _ in met(world(w1_hep()), **{"from": {"ip": W2}, "via": via()})}
    assert {"w1"} == nodes


def test_only_a_wildcard_judges_what_a_node_sends_to_itself():
    itself = {"from": {"node": "w1"}}
    assert "allowed" == disposition(world(w1_hep()), **itself)
    wildcard = make_hep("w1-all", interfaceName="*")
    assert [("w1", "untracked", "undecided"), ("w1", "normal", "deny")] == met(
        world(wildcard), **itself
    )


def test_loopback_is_judged_on_the_way_out_and_on_the_way_in():
    wildcard = make_hep("w1-all", interfaceName="*")
    to_loopback = {"from": {"node": "w1"}, "to": {"ip": "127.0.0.1"}}
    assert [
        ("untracked", "undecided"),
        ("normal", "allow"),
        ("untracked", "undecided"),
        ("preDNAT", "undecided"),
        ("normal", "allow"),
    ] == [
        stage[1:] for stage in met(world(wildcard, EGRESS_ANY, allow(9100, order=1)), **to_loopback)
    ]


def test_a_node_leaves_by_the_interface_of_the_network_that_it_calls():
    interfaces = {"eth0": ["10.0.0.11/24"], "eth1": ["10.1.0.11/24"]}
    eth1 = make_hep("w1-eth1", interfaceName="eth1")
    where = world(eth1, interfaces=interfaces)
    out = {"from": {"node": "w1"}}
    assert "allowed" == disposition(where, **out, to={"ip": "198.51.100.7"})
    assert "denied" == disposition(where, **out, to={"ip": "10.1.0.99"})


def test_each_interface_has_its_own_gate_on_the_way_in():
    interfaces = {"eth0": ["10.0.0.11/24"], "eth1": ["10.1.0.11/24"]}
    where = world(w1_hep(), interfaces=interfaces)
    assert "denied" == disposition(where)
    assert "allowed" == disposition(where, to={"ip": "10.1.0.11"})
    assert "allowed" == disposition(where, via=via("eth1"))


def test_an_interface_that_is_not_there_is_unknown():
    where = world(w1_hep(), interfaces={"eth0": ["10.0.0.11/24"]})
    found = answer(where, via=via("eth7"))
    assert ("unknown", ("node w1 has no interface eth7",)) == (found.disposition, found.unknown)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"to": {"node": "w9"}}, "no IPv4 address of a node w9 is known"),
        ({"from": {"node": "w2"}, "family": 6}, "no IPv6 address of a node w1 is known"),
        ({"to": {"ip": "198.51.100.1"}}, "via must say where packets enter"),
        ({"to": {"service": "default/web"}}, "there is no Service default/web"),
        ({"to": {"pod": "a/web"}}, "there is no pod a/web"),
        ({"from": {"pod": "a/web"}}, "there is no pod a/web"),
        ({"from": {"node": "w9"}}, "there is no node w9"),
    ],
)
def test_what_is_not_known_is_never_guessed(changed, why):
    found = answer(world(w1_hep()), **{**TO_W1, "from": CLIENT, **changed})
    assert "unknown" == found.disposition
    assert why in found.unknown[0]


def test_an_established_connection_passes_all_but_untracked_policy():
    where = world(w1_hep(), make_prednat())
    found = answer(where, established=True)
    assert "allowed" == found.disposition
    assert ["default-action", "established", "established"] == [
        stage.reason for stage in found.stages
    ]
    untracked = make_gnp(
        "ut", doNotTrack=True, applyOnForward=True, ingress=[{"action": "Deny"}], types=["Ingress"]
    )
    assert "denied" == disposition(world(w1_hep(), untracked), established=True)


def test_conntrack_decides_nothing_where_felix_programs_no_ipv6():
    on_w3 = make_hep("w3", node="w3", interfaceName="*")
    felix = make_felix_configuration(ipv6Support=False)
    where = world(make_node("w3", internal="fd00::3"), on_w3, felix)
    flow = {"from": {"ip": "2001:db8::9"}, "to": {"node": "w3"}}
    found = answer(where, established=True, **flow)
    assert {"no-host-endpoint"} == {stage.reason for stage in found.stages}


def test_a_windows_node_is_not_judged():
    node = make_node("win", internal="10.0.0.9", labels={"kubernetes.io/os": "windows"})
    found = trace(World.of(make_snapshot(node)), parse_flow({**TO_W1, "to": {"ip": "10.0.0.9"}}))
    assert "runs Windows" in found.unknown[0]


def test_a_rule_that_was_looked_at_tells_why_it_did_not_match():
    where = world(w1_hep(), allow(80), make_gnp("zz", types=["Ingress"], ingress=[]))
    found = trace(where, parse_flow(TO_W1), Detail.RULES)
    assert [
        "default/allow rule 0 Allow, match no: destination.ports 80",
        "default/zz no rule, match no: it has no rule in this direction",
    ] == [str(look) for look in found.stages[-1].looks if look.what == "rule"]


def test_the_answer_has_the_fields_of_the_format_in_every_stage():
    told = answer(world(w1_hep(), allow(80))).to_json()
    assert ["flow", "disposition", "at_host", "stages", "unknown", "defaults"] == list(told)
    assert {
        "node": "w1",
        "hook": "normal",
        "direction": "ingress",
        "endpoint": "w1-eth0",
        "verdict": "deny",
        "tier": "default",
        "policy": "allow",
        "rule": None,
        "reason": "end-of-tier",
        "note": "",
    } == told["stages"][-1]


def test_people_get_a_line_for_each_stage():
    text = answer(world(w1_hep(), allow(9100))).to_text().splitlines()
    assert "TCP 203.0.113.9 -> node w1 port 9100: allowed" == text[0]
    assert "  w1 normal ingress [w1-eth0]: allow (policy allow rule 0, tier default)" == text[-1]
