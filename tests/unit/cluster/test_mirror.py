from __future__ import annotations

import pytest

from service.cluster.events import Failed, Resumed, Withdrawn
from service.cluster.mirror import REBUILD, Progress
from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.kinds.tier import Tier
from tests.live_factories import (
    POLICIES,
    SERVICES,
    STORED_POLICIES,
    TIERS,
    changed,
    counted,
    deleted,
    listed,
    make_item,
    make_mirror,
    progressed,
)


def orders(mirror):
    """The tiers that stand, with their orders."""
    found = mirror.world.snapshot.all(Tier)
    return {ref.name: tier.order for ref, tier in found.items()}


@pytest.fixture
def mirror():
    """Of tiers: those that were listed at 10."""
    mirror = make_mirror(TIERS)
    mirror.apply([listed(TIERS, 10, make_item(TIERS, "a", 5, order=1))])
    return mirror


def test_there_is_no_world_before_every_kind_is_listed():
    mirror = make_mirror(TIERS, POLICIES)
    assert not mirror.apply([listed(TIERS, 10), changed(POLICIES, "p", 11)])
    assert mirror.world is None


def test_there_is_one_once_every_kind_is_listed():
    mirror = make_mirror(TIERS, POLICIES)
    assert mirror.apply([listed(TIERS, 10), listed(POLICIES, 11)])
    assert mirror.world is not None


def test_a_list_replaces_what_stood(mirror):
    mirror.apply([listed(TIERS, 20, make_item(TIERS, "b", 15, order=2))])
    assert {"b": 2} == orders(mirror)


def test_a_list_of_a_server_that_was_restored_rules_over_newer_objects(mirror):
    mirror.apply([listed(TIERS, 8, make_item(TIERS, "a", 3, order=7))])
    assert ({"a": 7}, 8) == (orders(mirror), mirror.progress[TIERS].version)


def test_a_change_is_taken_in(mirror):
    assert mirror.apply([changed(TIERS, "a", 11, order=3), changed(TIERS, "b", 12, order=4)])
    assert {"a": 3, "b": 4} == orders(mirror)


def test_a_deletion_is_taken_in(mirror):
    assert mirror.apply([deleted(TIERS, "a", 11)])
    assert {} == orders(mirror)


def test_a_deletion_of_what_is_not_there_changes_nothing(mirror):
    assert not mirror.apply([deleted(TIERS, "z", 11)])


def test_an_object_does_not_come_back_by_a_message_from_before_its_deletion(mirror):
    mirror.apply([deleted(TIERS, "a", 12), changed(TIERS, "a", 11, order=3)])
    assert {} == orders(mirror)


def test_an_object_that_is_made_again_stands(mirror):
    mirror.apply([deleted(TIERS, "a", 12), changed(TIERS, "a", 13, order=3)])
    assert {"a": 3} == orders(mirror)


def test_what_a_bookmark_has_passed_is_not_told_again(mirror):
    mirror.apply([deleted(TIERS, "a", 12), progressed(TIERS, 20), changed(TIERS, "a", 11, order=3)])
    assert {} == orders(mirror)


def test_a_change_of_nothing_that_is_kept_leaves_the_world_as_it_is(mirror):
    world = mirror.world
    assert not mirror.apply([changed(TIERS, "a", 11, order=1)])
    assert (world, 11) == (mirror.world, mirror.progress[TIERS].version)


def test_what_is_told_of_a_kind_that_is_not_watched_is_no_news(mirror):
    assert not mirror.apply([changed(POLICIES, "p", 99)])
    assert 10 == mirror.revision


def test_the_world_keeps_what_a_change_leaves_alone(mirror):
    before = mirror.world.policies
    mirror.apply([progressed(TIERS, 12)])
    assert before is mirror.world.policies


def test_the_revision_is_the_highest_that_any_watch_has_come_to():
    mirror = make_mirror(TIERS, POLICIES)
    mirror.apply([listed(TIERS, 10), listed(POLICIES, 30), progressed(TIERS, 20)])
    assert (30, "30") == (mirror.revision, mirror.world.snapshot.revision)


def test_a_changed_world_bears_its_revision(mirror):
    mirror.apply([changed(TIERS, "a", 11, order=3)])
    assert "11" == mirror.world.snapshot.revision


def test_many_changes_at_once_make_the_world_anew(mirror):
    names = [f"t{index}" for index in range(REBUILD)]
    mirror.apply([changed(TIERS, name, 11 + n, order=n) for n, name in enumerate(names)])
    assert {"a", *names} == orders(mirror).keys()


def test_a_failing_watch_tells_why_and_stays_as_far_as_it_was(mirror):
    mirror.apply([Failed(TIERS, "no route")])
    assert Progress(10, 10.0, listed=True, failure="no route") == mirror.progress[TIERS]


@pytest.mark.parametrize("event", [Resumed(TIERS), progressed(TIERS, 10)])
def test_a_watch_that_goes_on_fails_no_more(mirror, event):
    mirror.apply([Failed(TIERS, "no route"), event])
    assert "" == mirror.progress[TIERS].failure


def test_a_watch_that_goes_on_proves_nothing_yet(mirror):
    mirror.apply([Resumed(TIERS)])
    assert 10.0 == mirror.progress[TIERS].at


def test_a_direct_read_that_finds_nothing_else_proves_its_version(mirror):
    mirror.apply([counted(TIERS, 50, a=5)])
    assert (50, 50.0) == (mirror.progress[TIERS].version, mirror.progress[TIERS].at)


@pytest.mark.parametrize("census", [{"a": 5, "b": 45}, {"a": 45}, {}])
def test_a_direct_read_that_finds_more_proves_nothing(mirror, census):
    mirror.apply([counted(TIERS, 50, **census)])
    assert (10, 10.0) == (mirror.progress[TIERS].version, mirror.progress[TIERS].at)


def test_a_direct_read_proves_its_version_once_the_watch_has_told_what_it_found(mirror):
    mirror.apply([counted(TIERS, 50, b=45)])
    mirror.apply([deleted(TIERS, "a", 44)])
    mirror.apply([changed(TIERS, "b", 45, order=2)])
    assert (50, {"b": 2}) == (mirror.progress[TIERS].version, orders(mirror))


def test_what_is_newer_than_a_direct_read_does_not_hinder_it(mirror):
    mirror.apply([changed(TIERS, "c", 60, order=2), counted(TIERS, 50, a=5)])
    assert 60 == mirror.progress[TIERS].version


def test_a_kind_that_is_no_longer_served_takes_its_objects_along(mirror):
    mirror.apply([Withdrawn(TIERS)])
    assert {} == orders(mirror)


def test_of_two_stored_objects_that_are_one_to_calico_the_last_key_stands():
    mirror = make_mirror(STORED_POLICIES)
    older = make_item(STORED_POLICIES, "default.p", 3, order=1)
    mirror.apply([listed(STORED_POLICIES, 10, older), changed(STORED_POLICIES, "p", 11, order=2)])
    found = mirror.world.snapshot.get(GlobalNetworkPolicy, "p")
    assert 2 == found.order


def test_when_that_one_goes_the_other_stands():
    mirror = make_mirror(STORED_POLICIES)
    items = [make_item(STORED_POLICIES, name, 3, order=1) for name in ("default.p", "p")]
    mirror.apply([listed(STORED_POLICIES, 10, *items)])
    mirror.apply([deleted(STORED_POLICIES, "p", 11)])
    assert "default.p" == mirror.world.snapshot.find(items[0].decoded.ref).raw["metadata"]["name"]


def test_a_defect_in_the_middle_of_a_change_is_made_good_by_the_next(mirror, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(type(mirror.world), "with_change", None)
        with pytest.raises(TypeError):
            mirror.apply([changed(TIERS, "b", 11, order=2)])
    mirror.apply([progressed(TIERS, 12)])
    assert {"a": 1, "b": 2} == orders(mirror)


def test_a_service_is_kept_by_its_namespace():
    mirror = make_mirror(SERVICES)
    mirror.apply([listed(SERVICES, 10), changed(SERVICES, "web", 11), deleted(SERVICES, "web", 12)])
    assert [] == list(mirror.world.snapshot.decoded())


def test_what_was_told_before_a_list_does_not_come_back_after_it(mirror):
    assert not mirror.apply([changed(TIERS, "z", 7, order=3), deleted(TIERS, "a", 8)])
    assert {"a": 1} == orders(mirror)
