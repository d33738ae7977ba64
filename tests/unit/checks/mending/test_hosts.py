"""What is proposed for hosts, as objects; that a proposal holds is the law of tests/property/test_fixes.py."""

from __future__ import annotations

import pytest

from service.checks.mending import hosts
from service.checks.mending.edits import written
from service.checks.settings import CheckSettings
from service.checks.verdict import Result, Severity, Verdict
from service.policy.world import World
from tests.factories import decode, make_hep, make_node, make_prednat, make_snapshot, raw

ALLOW, DENY = {"action": "Allow"}, {"action": "Deny"}
V4 = {"nets": ["192.0.2.0/24"]}


def policy(name="own", **spec):
    return raw("GlobalNetworkPolicy", name, spec=spec)


def proposed(remedies, *objects, subject, key=("ingress rule 0",), **details):
    """The objects of each remedy for a finding about *subject*, in the world of *objects*."""
    verdict = Verdict(
        check="a-check",
        subject=decode(subject).ref if isinstance(subject, dict) else subject.meta.ref,
        result=Result.FAIL,
        severity=Severity.HIGH,
        reason="",
        message="",
        key=key,
        details=details,
    )
    world = World(make_snapshot(*objects))
    return [list(remedy) for remedy in remedies(world, CheckSettings(), verdict)]


def test_a_node_gets_an_endpoint_for_its_free_addresses_with_the_labels_of_a_guarded_one():
    w1 = make_node("w1", internal="10.0.0.11")
    w2 = make_node("w2", internal=["10.0.0.12", "fd00::12", "10.0.0.13"])
    heps = (
        make_hep(labels={"role": "node"}, expectedIPs=["10.0.0.11"]),
        make_hep("w2-eth1", node="w2", interfaceName="eth1", expectedIPs=["10.0.0.13"]),
    )
    guard = make_prednat(selector="role == 'node'")
    expected = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "HostEndpoint",
        "metadata": {"name": "w2-nodeward", "labels": {"role": "node"}},
        "spec": {
            "node": "w2",
            "expectedIPs": ["10.0.0.12", "fd00::12"],
            "profiles": ["projectcalico-default-allow"],
        },
    }
    assert [[expected]] == proposed(hosts.with_endpoint, w1, w2, *heps, guard, subject=w2)


def test_a_missing_tier_comes_last_and_ends_in_a_deny():
    own = policy(tier="secops", ingress=[])
    expected = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "Tier",
        "metadata": {"name": "secops"},
        "spec": {"order": 20_000_000, "defaultAction": "Deny"},
    }
    assert [[expected]] == proposed(hosts.with_tier, own, subject=own, tier="secops")


@pytest.mark.parametrize("field", ["namespaceSelector", "serviceAccountSelector"])
def test_a_selector_is_made_to_ask_for_pods_first(field):
    own = policy(**{field: "x != 'y'", "selector": "all()"})
    [[mended]] = proposed(hosts.for_pods_only, own, subject=own)
    expected = {field: "has(projectcalico.org/name) && (x != 'y')", "selector": "all()"}
    assert expected == mended["spec"]
    empty = policy(namespaceSelector="", selector="all()")
    [[kept]] = proposed(hosts.for_pods_only, empty, subject=empty)
    assert empty["spec"] == kept["spec"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({**DENY, "source": V4}, DENY),
        ({**DENY, "destination": {"notNets": ["192.0.2.0/24"]}}, DENY),
        (
            {**DENY, "protocol": "TCP", "destination": {**V4, "ports": [22]}},
            {**DENY, "protocol": "TCP", "destination": {"ports": [22]}},
        ),
    ],
)
def test_a_deny_of_one_family_gets_one_of_the_other_beside_it(rule, expected):
    own = policy(ingress=[ALLOW, rule, ALLOW])
    plain, with_discovery = proposed(
        hosts.for_both_families, own, subject=own, key=("ingress rule 1",), family=6
    )
    other = {**expected, "ipVersion": 6}
    assert [ALLOW, rule, other, ALLOW] == plain[0]["spec"]["ingress"]
    discovery = {"action": "Allow", "protocol": "ICMPv6"}
    assert [ALLOW, rule, discovery, other, ALLOW] == with_discovery[0]["spec"]["ingress"]


def test_ipv4_needs_no_neighbour_discovery_and_a_rule_that_is_gone_no_company():
    own = policy(ingress=[{**DENY, "source": {"nets": ["fd00::/8"]}}])
    [[mended]] = proposed(hosts.for_both_families, own, subject=own, family=4)
    assert {**DENY, "ipVersion": 4} == mended["spec"]["ingress"][1]
    gone = ("ingress rule 1",)
    assert [] == proposed(hosts.for_both_families, own, subject=own, key=gone, family=4)
    assert [] == proposed(hosts.for_both_families, subject=own, family=4)
    assert [] == proposed(hosts.answered, own, subject=own, key=gone)
    assert [] == proposed(hosts.answered, subject=own)


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_what_is_accepted_untracked_is_answered_by_its_mirror(direction):
    other = "egress" if direction == "ingress" else "ingress"
    rule = {
        **ALLOW,
        "protocol": "TCP",
        "ipVersion": 4,
        "metadata": {"annotations": {"a": "b"}},
        "source": V4,
        "destination": {"ports": [22]},
    }
    own = policy(doNotTrack=True, **{direction: [DENY, rule], other: [DENY]})
    key = (f"{direction} rule 1",)
    [[mended]] = proposed(hosts.answered, own, subject=own, key=key)
    mirror = {
        **ALLOW,
        "protocol": "TCP",
        "ipVersion": 4,
        "source": {"ports": [22]},
        "destination": V4,
    }
    assert [DENY, mirror] == mended["spec"][other]
    assert ([DENY, rule], ["Ingress", "Egress"]) == (
        mended["spec"][direction],
        mended["spec"]["types"],
    )


def test_what_nftables_refuses_is_taken_out():
    icmp = {**ALLOW, "protocol": "ICMP", "icmp": {"type": 8, "code": 0}}
    no_icmp = {**ALLOW, "protocol": "ICMP", "notICMP": {"type": 8, "code": 0}}
    own = policy(ingress=[icmp, ALLOW], egress=[no_icmp])
    [[mended]] = proposed(hosts.programmable, own, subject=own)
    expected = {
        "ingress": [{**icmp, "icmp": {"type": 8}}, ALLOW],
        "egress": [{**no_icmp, "notICMP": {"type": 8}}],
    }
    assert expected == mended["spec"]


@pytest.mark.parametrize(
    ("action", "expected"), [("Reject", {}), ("Drop", {"nftablesFilterDenyAction": "Drop"})]
)
def test_a_reject_before_the_filter_table_is_taken_out(action, expected):
    own = raw("FelixConfiguration", "default", spec={"nftablesFilterDenyAction": action})
    [[mended]] = proposed(hosts.programmable, own, subject=own)
    assert expected == mended["spec"]


GUARD = {"selector": "all()", "preDNAT": True, "applyOnForward": True, "types": ["Ingress"]}


@pytest.mark.parametrize(
    ("address", "net"), [("192.0.2.10", "192.0.2.10/32"), ("2001:DB8::A", "2001:db8::a/128")]
)
def test_an_address_is_denied_behind_every_guard(address, net):
    own = raw("Service", "web", api_version="v1", namespace="shop", spec={"ports": [{"port": 80}]})
    standing = policy("standing", **GUARD, order=40, ingress=[ALLOW])
    [[made]] = proposed(hosts.denied_address, own, standing, subject=own, address=address)
    assert {"name": "nodeward-guard-address-web"} == made["metadata"]
    deny = {**DENY, "destination": {"nets": [net]}}
    assert 40 < made["spec"].pop("order")
    assert {**GUARD, "ingress": [deny]} == made["spec"]


@pytest.mark.parametrize(
    ("key", "name", "protocol", "ports"),
    [
        ("TCP 8080", "tcp-8080", "TCP", [8080]),
        ("UDP 53, 8000-8100", "udp-53", "UDP", [53, "8000:8100"]),
        ("TCP 8000-8100", "tcp-8000-8100", "TCP", ["8000:8100"]),
    ],
)
def test_a_port_is_denied_behind_every_guard(key, name, protocol, ports):
    own = make_node("w1", internal="10.0.0.11")
    unordered = policy("standing", **GUARD, ingress=[ALLOW])
    [[made]] = proposed(hosts.denied_port, own, unordered, subject=own, key=(key,))
    assert {"name": f"zz-nodeward-guard-{name}"} == made["metadata"]
    deny = {**DENY, "protocol": protocol, "destination": {"ports": ports}}
    assert {**GUARD, "ingress": [deny]} == made["spec"]


def test_an_object_is_shown_as_its_author_wrote_it():
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    own = raw(
        "GlobalNetworkPolicy", "own", labels={"a": "b"}, annotations=applied, spec={"order": 1}
    )
    own["metadata"] |= {"uid": "1", "resourceVersion": "2"}
    own["status"] = {"a": 1}
    world = World(make_snapshot(own))
    expected = raw("GlobalNetworkPolicy", "own", labels={"a": "b"}, spec={"order": 1})
    assert expected == written(world, decode(own).ref)
    own["metadata"]["annotations"] = {**applied, "team": "net"}
    kept = written(World(make_snapshot(own)), decode(own).ref)
    assert {"team": "net"} == kept["metadata"]["annotations"]
    assert None is written(World(make_snapshot()), decode(own).ref)


LACKING = [{"protocol": "TCP", "port": 6443}]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], LACKING),
        ([{"protocol": "UDP", "port": 53}], [{"protocol": "UDP", "port": 53}, *LACKING]),
    ],
)
def test_a_failsafe_list_gets_what_it_lacks(before, after):
    key = ("failsafeInboundHostPorts",)
    own = raw("FelixConfiguration", "default", spec={key[0]: before})
    [[made]] = proposed(hosts.with_failsafes, own, subject=own, key=key, missing=LACKING)
    assert {key[0]: after} == made["spec"]
    assert [] == proposed(hosts.with_failsafes, own, subject=own, key=key)


def test_a_balancers_address_is_meant_to_be_open():
    own = raw("Service", "web", api_version="v1", namespace="shop", spec={"ports": [{"port": 80}]})
    told = Verdict(
        check="a-check",
        subject=decode(own).ref,
        result=Result.WARN,
        severity=Severity.LOW,
        reason="load-balancer",
        message="",
        details={"address": "192.0.2.9"},
    )
    world = World(make_snapshot(own))
    assert [] == [*hosts.denied_address(world, CheckSettings(), told)]
