from __future__ import annotations

import pytest

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Hook
from service.policy.gates import Gate
from service.policy.world import World
from tests.factories import make_gnp, make_hep, make_prednat, make_snapshot, raw

NAMED = make_hep("named", labels={"role": "node"})
WILDCARD = make_hep("wild", labels={"role": "all"}, interfaceName="*")
HIGH_PORT = Bounds.exact(
    HeaderSpace.box(
        Family.V4,
        {
            Field.PROTOCOL: IntervalSet.single(6),
            Field.DST_PORT: IntervalSet.single(30080),
            Field.SRC_PORT: IntervalSet.single(40000),
        },
    )
)
ALLOW = [{"action": "Allow"}]
DENY = [{"action": "Deny"}]


def untracked(**spec):
    return make_gnp("ut", doNotTrack=True, applyOnForward=True, **spec)


def gate(*policies, named=NAMED, wildcard=WILDCARD):
    heps = [hep for hep in (named, wildcard) if hep]
    return World(make_snapshot(*heps, *policies)), Gate(named, wildcard)


def governing(hook, *policies, **heps):
    world, one = gate(*policies, **heps)
    endpoint = one.endpoint(world, hook)
    return endpoint and endpoint.meta.ref.name


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (Hook.UNTRACKED, "named"),
        (Hook.NORMAL, "named"),
        (Hook.FORWARD, "named"),
        (Hook.PRE_DNAT, "wild"),
    ],
)
def test_the_interface_s_own_endpoint_governs_but_without_prednat_policy(hook, expected):
    assert expected == governing(hook)


def test_a_prednat_policy_that_selects_it_makes_the_own_endpoint_govern():
    assert "named" == governing(Hook.PRE_DNAT, make_prednat(selector="role == 'node'"))


def test_a_staged_prednat_policy_counts_for_that_too():
    staged = raw(
        "StagedGlobalNetworkPolicy",
        "s",
        spec={"preDNAT": True, "applyOnForward": True, "selector": "role == 'node'"},
    )
    assert "named" == governing(Hook.PRE_DNAT, staged)


@pytest.mark.parametrize(
    ("hook", "expected"), [(Hook.UNTRACKED, None), (Hook.PRE_DNAT, "wild"), (Hook.NORMAL, "wild")]
)
def test_without_one_of_its_own_the_wildcard_governs_but_untracked_policy(hook, expected):
    assert expected == governing(hook, named=None)


def decisions(partition):
    return [(part.cause.hook.value, part.decision.value) for part in partition.parts]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], [("preDNAT", "undecided")]),
        ([make_prednat()], [("preDNAT", "deny")]),
        ([untracked(ingress=ALLOW), make_prednat()], [("untracked", "allow")]),
        ([make_gnp(ingress=DENY)], [("preDNAT", "undecided")]),
    ],
)
def test_a_node_port_is_guarded_by_untracked_then_prednat_policy(policies, expected):
    world, one = gate(*policies, wildcard=None)
    assert expected == decisions(one.guard(world, HIGH_PORT))


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], [("normal", "deny")]),
        ([make_prednat(ingress=ALLOW), make_gnp("n", ingress=DENY)], [("preDNAT", "allow")]),
        ([make_gnp(ingress=ALLOW)], [("normal", "allow")]),
    ],
)
def test_a_process_of_the_host_is_guarded_by_normal_policy_as_well(policies, expected):
    world, one = gate(*policies, wildcard=None)
    assert expected == decisions(one.to_host(world, HIGH_PORT))


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], [("normal", "deny")]),
        ([untracked(types=["Egress"], egress=ALLOW)], [("untracked", "allow")]),
        ([make_gnp(types=["Egress"], egress=ALLOW)], [("normal", "allow")]),
    ],
)
def test_what_the_host_sends_is_judged_by_egress_policy(policies, expected):
    world, one = gate(*policies, wildcard=None)
    assert expected == decisions(one.from_host(world, HIGH_PORT))
