from __future__ import annotations

import pytest

from service.net.headerspace import Bounds, HeaderSpace
from service.net.prefixes import Family
from service.policy.cause import Direction, Hook
from service.policy.facts import Facts
from service.policy.world import World
from tests.factories import (
    decode,
    make_change,
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_kube_controllers_configuration,
    make_namespace,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
    make_tier,
    raw,
)

HEP = make_hep("w1-eth0", labels={"role": "node", "zone": "a"})
LIKE_IT = make_hep("w2-eth0", node="w2", labels={"role": "node", "zone": "b"})
EVERYTHING = Bounds.exact(HeaderSpace.everything(Family.V4))


def world(*objects):
    return World(make_snapshot(*objects))


def policy_names(one, hep=HEP, hook=Hook.NORMAL):
    tiers = one.resolve(hep, hook, Direction.INGRESS)
    return [policy.meta.ref.name for tier in tiers for policy in tier.policies]


def changed(one, before, after):
    return one.with_change(make_change(before, after))


def test_policies_stand_in_felix_order():
    one = world(
        make_tier(order=1), make_gnp("b", order=2), make_gnp("a"), make_gnp("c", tier="security")
    )
    assert ["c", "b", "a"] == [policy.meta.ref.name for policy in one.policies]


def test_a_policy_is_found_by_its_reference():
    one = world(make_gnp("a"))
    ref = one.policies[0].meta.ref
    assert (one.policies[0], one.policies[0]) == (one.policy(ref), one.find_policy(ref))


def test_a_policy_that_is_not_in_effect_is_not_found():
    ref = make_gnp("a").meta.ref
    assert world().find_policy(ref) is None
    with pytest.raises(KeyError):
        world().policy(ref)


def test_the_nodes_are_those_of_host_endpoints_where_there_is_no_node():
    assert [("w1", "w2"), ("w3",)] == [
        world(HEP, LIKE_IT, *nodes).node_names for nodes in ([], [make_node("w3")])
    ]


@pytest.mark.parametrize(("objects", "expected"), [([], False), ([HEP], True)])
def test_whether_there_is_any_endpoint_is_known(objects, expected):
    assert expected is world(*objects).has_endpoints


def test_a_node_without_endpoints_has_none():
    assert () == world(HEP).endpoints("gone").active


def test_automatic_endpoints_that_are_not_there_yet_count():
    controllers = make_kube_controllers_configuration(autoCreate="Enabled")
    one = world(
        make_node("w1"), make_node("w2"), controllers, make_hep("w1-auto-hep", labels={"made": "1"})
    )
    assert ["w1-auto-hep", "w2-auto-hep"] == sorted(hep.meta.ref.name for hep in one.heps)


def test_labels_are_inherited_from_namespaces_in_order_of_the_profiles():
    hep = make_hep(labels={"own": "1"}, profiles=["kns.a", "kns.b", "kns.gone"])
    one = world(
        make_namespace("a", labels={"env": "x"}), make_namespace("b", labels={"env": "y", "t": "z"})
    )
    labels = one.labels(hep)
    assert ("1", "x", "z") == (labels["own"], labels["pcns.env"], labels["pcns.t"])


def test_only_labels_that_a_policy_asks_for_tell_endpoints_apart():
    one = world(HEP, LIKE_IT, make_gnp(selector="role == 'node' && has(gone)"))
    assert (frozenset({"role"}), one.likeness(HEP)) == (
        one.labels_that_matter,
        one.likeness(LIKE_IT),
    )


def test_endpoints_alike_share_their_chain():
    one = world(HEP, LIKE_IT, make_gnp(selector="role == 'node'"))
    chains = [one.chain(hep, Hook.NORMAL, Direction.INGRESS) for hep in (HEP, LIKE_IT)]
    assert chains[0] is chains[1]


def test_a_partition_is_worked_out_once():
    one = world(HEP, make_gnp())
    found = [
        one.evaluate(HEP, EVERYTHING, hook=Hook.NORMAL, direction=Direction.INGRESS) for _ in "ab"
    ]
    assert found[0] is found[1]


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("service.policy.fates._FATES", 1)
    one = world(HEP, make_gnp())
    for hook in Hook:
        one.evaluate(HEP, EVERYTHING, hook=hook, direction=Direction.INGRESS)
    assert 1 == len(one._fates._known)


def test_without_failsafes_only_the_failsafes_differ():
    one = world(HEP, make_felix_configuration(ipv6Support=False))
    stripped = one.without_failsafes()
    felix = stripped.felix("w1")
    assert ((), (), False) == (felix.failsafe_inbound, felix.failsafe_outbound, felix.ipv6)


def test_the_world_without_failsafes_is_one():
    one = world(HEP)
    assert one.without_failsafes() is one.without_failsafes()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, make_gnp("new", order=1), ["new", "old"]),
        (None, make_gnp("new", order=1, selector="role == 'edge'"), ["old"]),
        (None, make_gnp("new", order=1, selector="zone == 'a'"), ["new", "old"]),
        (None, make_gnp("new", types=["Egress"]), ["old"]),
        (make_gnp("old", order=5), make_gnp("old", types=["Egress"]), []),
        (make_gnp("old", order=5), None, []),
        (None, make_prednat("new"), ["old"]),
    ],
)
def test_an_overlay_has_one_policy_exchanged(before, after, expected):
    base = world(HEP, make_gnp("old", order=5))
    assert expected == policy_names(changed(base, before, after))


def test_an_overlay_leaves_its_base_as_it_was():
    base = world(HEP, make_gnp("old"))
    changed(base, make_gnp("old"), None)
    assert ["old"] == policy_names(base)


def test_a_chain_that_a_policy_does_not_touch_is_the_same_object():
    base = world(HEP, make_gnp("old", selector="role == 'node'"))
    overlay = changed(base, None, make_gnp("new", selector="app == 'x'"))
    chains = [one.chain(HEP, Hook.NORMAL, Direction.INGRESS) for one in (base, overlay)]
    assert chains[0] is chains[1]


UNPOLICED = {Facts.PLACES, Facts.OPENINGS, Facts.BACKENDS, Facts.WRITTEN}
"""What rests on neither policy nor settings nor labels."""


@pytest.mark.parametrize(
    ("after", "shared"),
    [
        (make_gnp("new"), set(Facts) - {Facts.POLICY, Facts.WRITTEN, Facts.PATHS}),
        (make_service(), set(Facts) - {Facts.OPENINGS, Facts.PATHS}),
        (make_felix_configuration(), UNPOLICED),
        (make_namespace("new"), UNPOLICED),
        (make_hep("new"), {Facts.WRITTEN}),
    ],
)
def test_facts_are_shared_where_a_change_leaves_their_objects_alone(after, shared):
    base = world(HEP)
    overlay = changed(base, None, after)
    assert shared == {one for one in Facts if overlay.facts(one) is base.facts(one)}


def test_a_policy_that_felix_drops_changes_nothing():
    broken = decode(raw("GlobalNetworkPolicy", "new", spec={"selector": "role ="}))
    assert ["old"] == policy_names(changed(world(HEP, make_gnp("old")), None, broken))
