"""Snapshots: lookup, replacement, overlays that share what they do not touch."""

from __future__ import annotations

import pytest

from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.kinds.host_endpoint import HostEndpoint
from service.model.kinds.k8s_service import Service
from service.model.kinds.network_set import NetworkSet
from service.model.refs import CALICO_V3, ObjectRef
from service.model.snapshot import Change, Operation, Snapshot
from tests.factories import (
    V1,
    decode,
    make_change,
    make_global_network_set,
    make_gnp,
    make_hep,
    make_network_set,
    make_service,
    make_snapshot,
    raw,
)

BROKEN = raw("GlobalNetworkPolicy", "broken", spec={"selector": "a ="})


def test_objects_are_found_by_type_and_name():
    snapshot = make_snapshot(make_gnp("a"), make_hep("b"), make_service("web", namespace="shop"))
    assert "a" == snapshot.get(GlobalNetworkPolicy, "a").meta.ref.name
    assert "shop" == snapshot.get(Service, "web", "shop").meta.ref.namespace
    assert None is snapshot.get(Service, "web")
    assert None is snapshot.get(HostEndpoint, "a")


def test_two_kinds_that_share_a_type_are_told_apart_by_the_namespace():
    snapshot = make_snapshot(make_global_network_set("a"), make_network_set("a", namespace="n"))
    assert "GlobalNetworkSet" == snapshot.get(NetworkSet, "a").meta.ref.kind
    assert "NetworkSet" == snapshot.get(NetworkSet, "a", "n").meta.ref.kind
    assert 2 == len(snapshot.all(NetworkSet))


def test_an_object_that_is_not_in_effect_is_kept_apart():
    snapshot = make_snapshot(BROKEN, make_gnp("a"))
    ref = ObjectRef(CALICO_V3, "GlobalNetworkPolicy", "", "broken")
    assert ["a"] == [one.name for one in snapshot.all(GlobalNetworkPolicy)]
    assert ref == snapshot.find(ref).ref
    assert [ref] == [one.ref for one in snapshot.problems()]


def test_nothing_is_found_in_an_empty_snapshot():
    snapshot = Snapshot()
    ref = ObjectRef("", "Service", "a", "b")
    assert ({}, None, []) == (snapshot.all(Service), snapshot.find(ref), list(snapshot.decoded()))


def test_a_later_object_replaces_an_earlier_one_of_its_name():
    snapshot = make_snapshot(make_gnp("a", order=1), make_gnp("a", order=2))
    assert 2 == snapshot.get(GlobalNetworkPolicy, "a").order
    assert [1] == [one.obj.order for one in snapshot.replaced]


def test_the_same_object_of_both_groups_is_one():
    v1 = raw("GlobalNetworkPolicy", "default.a", api_version=V1, spec={})
    snapshot = make_snapshot(make_gnp("a"), v1)
    assert 1 == len(snapshot.all(GlobalNetworkPolicy))
    assert [CALICO_V3] == [one.ref.group for one in snapshot.replaced]


def test_the_problems_of_a_replaced_object_are_still_told():
    fixed = raw("GlobalNetworkPolicy", "broken", spec={})
    assert ["broken"] == [one.ref.name for one in make_snapshot(BROKEN, fixed).problems()]


def test_objects_come_sorted_by_reference():
    names = [one.ref.name for one in make_snapshot(*map(make_gnp, "cab")).decoded()]
    assert ["a", "b", "c"] == names


def test_a_change_shares_the_maps_that_it_does_not_touch():
    before = make_snapshot(make_gnp("a"), make_hep("b"))
    after = before.with_change(make_change(None, make_gnp("c")))
    assert before.all(HostEndpoint) is after.all(HostEndpoint)
    assert {"a", "c"} == {ref.name for ref in after.all(GlobalNetworkPolicy)}
    assert {"a"} == {ref.name for ref in before.all(GlobalNetworkPolicy)}


@pytest.mark.parametrize("first", [make_gnp("a"), BROKEN])
def test_deleting_what_was_created_gives_the_same_snapshot(first):
    before = make_snapshot(make_hep("b"))
    after = before.with_change(make_change(None, first)).with_change(make_change(first, None))
    assert (before.maps, before.digest) == (after.maps, after.digest)


def test_an_update_that_breaks_an_object_takes_it_out_of_effect():
    before = make_snapshot(make_gnp("broken"))
    after = before.with_change(make_change(make_gnp("broken"), BROKEN))
    assert ({}, 1) == (after.all(GlobalNetworkPolicy), len(list(after.problems())))


def test_deleting_what_is_not_there_changes_nothing():
    before = make_snapshot(make_hep("b"))
    after = before.with_change(make_change(make_gnp("a"), None))
    assert (before.maps, before.digest) == (after.maps, after.digest)


def test_a_change_of_nothing_has_no_reference():
    with pytest.raises(ValueError, match="before it or after it"):
        _ = Change(Operation.UPDATE, None, None).ref


def test_the_digest_does_not_depend_on_the_order():
    one, two = raw("Tier", "a", spec={"order": 1}), raw("Tier", "b", spec={})
    assert make_snapshot(one, two).digest == make_snapshot(two, one).digest


def test_the_digest_depends_on_every_field():
    one = make_snapshot(raw("Tier", "a", spec={"order": 1}))
    two = make_snapshot(raw("Tier", "a", spec={"order": 2}))
    assert one.digest != two.digest == two.digest


def test_the_digest_does_not_depend_on_places():
    body = raw("Tier", "a", spec={})
    assert make_snapshot(decode(body)).digest == make_snapshot(body, revision="7").digest


def test_replaced_objects_without_problems_are_none_with_problems():
    first, last = (raw("GlobalNetworkPolicy", "a", spec={"order": order}) for order in (1, 2))
    assert [] == list(make_snapshot(first, last).problems())
    mended = raw("GlobalNetworkPolicy", "broken", spec={"order": 1})
    assert ["a ="] == [
        one.raw["spec"]["selector"] for one in make_snapshot(BROKEN, mended).problems()
    ]


def test_objects_of_one_name_and_of_several_kinds_are_told_apart():
    policy, service = make_gnp("web"), make_service("web")
    snapshot = make_snapshot(policy, service)
    assert [policy, service] == [snapshot.find(one.meta.ref).obj for one in (policy, service)]
    assert None is snapshot.find(make_hep("web").meta.ref)
