"""Calico's IP pools and profiles."""

from __future__ import annotations

import pytest

from service.model.kinds.ip_pool import IPPool
from service.model.meta import Layer
from service.model.rule import Action, Rule
from service.net.prefixes import parse_cidr
from tests.factories import V1, complaints, decode, make_ippool, make_profile, raw


def pool(**spec):
    return decode(raw("IPPool", spec=spec))


def problems(one):
    return [(problem.layer, problem.location.pointer) for problem in one.problems]


def test_a_pool_is_read_in_full():
    one = pool(
        cidr="10.244.0.0/16",
        natOutgoing=True,
        ipipMode="CrossSubnet",
        disabled=True,
        nodeSelector="all()",
        blockSize=26,
        allowedUses=["Workload"],
        assignmentMode="Automatic",
    )
    assert () == one.problems
    assert one.obj == IPPool(
        meta=one.meta,
        cidr=parse_cidr("10.244.0.0/16"),
        nat_outgoing=True,
        ipip_mode="CrossSubnet",
        disabled=True,
        node_selector="all()",
    )


def test_a_pool_wraps_nothing_and_hides_nobody_unless_told():
    one = make_ippool()
    assert ("Never", "Never", False, False) == (
        one.ipip_mode,
        one.vxlan_mode,
        one.nat_outgoing,
        one.disabled,
    )


def test_the_modes_that_are_absent_are_on_record():
    found = {one.pointer: one.value for one in pool(cidr="10.0.0.0/8").defaults}
    assert {"/spec/ipipMode": '"Never"', "/spec/vxlanMode": '"Never"'} == found


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, [(Layer.SCHEMA, "/spec/cidr")]),
        ({"cidr": "banana"}, [(Layer.VALIDATOR, "/spec/cidr"), (Layer.FELIX, "/spec/cidr")]),
        ({"cidr": "10.0.0.1/8"}, [(Layer.VALIDATOR, "/spec/cidr")]),
        ({"cidr": "10.0.0.0/8", "ipipMode": "always"}, [(Layer.SCHEMA, "/spec/ipipMode")]),
        (
            {"cidr": "10.0.0.0/8", "ipipMode": "Always", "vxlanMode": "Always"},
            [(Layer.VALIDATOR, "/spec/ipipMode")],
        ),
        ({"cidr": "fd00::/8", "ipipMode": "Always"}, [(Layer.VALIDATOR, "/spec/ipipMode")]),
        ({"cidr": "10.0.0.0/8", "nodeSelector": "a ="}, [(Layer.VALIDATOR, "/spec/nodeSelector")]),
    ],
)
def test_a_wrong_pool_is_told_with_its_place(spec, expected):
    assert expected == problems(pool(**spec))


@pytest.mark.parametrize("cidr", [None, "banana"])
def test_a_pool_without_legible_addresses_is_none(cidr):
    assert not pool(cidr=cidr).in_effect


def test_a_pool_with_host_bits_is_masked():
    assert parse_cidr("10.0.0.0/8") == pool(cidr="10.0.0.1/8").obj.cidr


def test_felix_has_no_filter_for_pools():
    assert "n/a" == pool(cidr="10.0.0.0/8").felix_verdict


def test_a_profile_is_read_in_full():
    one = make_profile(
        "p", ingress=[{"action": "Allow"}], egress=[{"action": "Deny"}], labelsToApply={"a": "b"}
    )
    assert (Rule(Action.ALLOW, pointer="/spec/ingress/0"),) == one.ingress
    assert (Rule(Action.DENY, pointer="/spec/egress/0"),) == one.egress
    assert {"a": "b"} == one.labels_to_apply


def test_a_profile_with_a_broken_rule_is_dropped_by_felix():
    rules = [{"action": "Allow", "source": {"selector": "a ="}}]
    assert "drops" == decode(raw("Profile", spec={"ingress": rules})).felix_verdict


def test_a_v1_pool_is_read_as_well():
    assert () == decode(raw("IPPool", api_version=V1, spec={"cidr": "10.0.0.0/8"})).problems


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_service_in_a_profile_needs_a_namespace_as_in_any_global_rule(side):
    direction = "egress" if side == "destination" else "ingress"
    rule = {"action": "Deny", side: {"services": {"name": "web"}}}
    policy = raw("GlobalNetworkPolicy", "p", spec={direction: [rule]})
    profile = raw("Profile", "p", spec={direction: [rule]})
    named = raw("NetworkPolicy", "p", namespace="shop", spec={direction: [rule]})
    assert complaints(policy) == complaints(profile) != complaints(named)
