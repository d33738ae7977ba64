from __future__ import annotations

import threading
import time

import pytest

from service.cluster import state as module
from service.cluster.events import Expected, Failed
from service.cluster.state import ClusterState, View
from tests.live_factories import PODS, POLICIES, TIERS, changed, listed, make_item, progressed

SOON_S = 10.0


@pytest.fixture
def worlds():
    """The worlds that were prepared, in order."""
    return []


@pytest.fixture
def state(worlds):
    made = ClusterState(worlds.append)
    yield made
    made.close()


def soon(state, done):
    return state.wait_for(done, time.monotonic() + SOON_S)


def has_world(view):
    return view.world is not None


def test_before_anything_was_told_there_is_no_world(state):
    reading = state.view.reading()
    assert (None, "", ()) == (reading.world, reading.revision, reading.waiting)
    assert reading.read_at < 0


def test_what_is_not_listed_yet_is_told(state):
    state.start([TIERS, POLICIES])
    state.tell(listed(TIERS, 10))
    assert soon(state, lambda view: view.progress[TIERS].listed)
    reading = state.view.reading()
    assert (None, ("globalnetworkpolicies.projectcalico.org",)) == (reading.world, reading.waiting)


def test_once_all_is_listed_there_is_a_world_that_was_prepared(state, worlds):
    state.start([TIERS])
    state.tell(listed(TIERS, 10, make_item(TIERS, "a", 5)))
    assert soon(state, has_world)
    assert [state.view.world] == worlds
    assert {TIERS: 1} == dict(state.view.counts)


def test_the_age_is_that_of_the_kind_that_was_heard_of_longest_ago(state):
    state.start([TIERS, POLICIES])
    state.tell(listed(TIERS, 10))
    state.tell(listed(POLICIES, 20))
    assert soon(state, has_world)
    assert 10.0 == state.view.reading().read_at
    state.tell(progressed(TIERS, 30))
    assert soon(state, lambda view: view.revision == 30)
    assert 20.0 == state.view.reading().read_at


def test_an_old_view_stays_as_it_was(state):
    state.start([TIERS])
    state.tell(listed(TIERS, 10))
    assert soon(state, has_world)
    old = state.view
    snapshot = old.world.snapshot
    state.tell(changed(TIERS, "a", 11))
    assert soon(state, lambda view: view.revision == 11)
    assert (10, [], snapshot) == (old.revision, [*old.world.snapshot.decoded()], old.world.snapshot)


def test_failures_are_told_together(state):
    state.start([TIERS, POLICIES])
    state.tell(Failed(TIERS, "b"))
    state.tell(Failed(POLICIES, "a"))
    assert soon(state, lambda view: "; " in view.failure)
    assert "no discovery; a; b" == state.view.reading("no discovery").failure


def test_a_kind_can_be_expected_later(state):
    state.start([TIERS])
    state.tell(listed(TIERS, 10))
    assert soon(state, has_world)
    state.tell(Expected(POLICIES))
    assert soon(state, lambda view: POLICIES in view.progress)
    assert state.view.world is not None


def test_waiting_ends_at_the_deadline(state):
    state.start([TIERS])
    began = time.monotonic()
    assert not state.wait_for(has_world, began + 0.05)
    assert 0.04 < time.monotonic() - began < 5


def test_a_defect_leaves_the_view_and_the_writer_goes_on(state, worlds, monkeypatch):
    state.start([TIERS])
    state.tell(listed(TIERS, 10))
    assert soon(state, has_world)
    broken = threading.Event()

    def fail(_events):
        broken.set()
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(state._mirror, "apply", fail)
        state.tell(changed(TIERS, "a", 11))
        assert broken.wait(SOON_S)
    state.tell(changed(TIERS, "b", 12))
    assert soon(state, lambda view: view.revision == 12)


def test_a_full_queue_makes_the_teller_wait_and_closing_frees_it(worlds, monkeypatch):
    monkeypatch.setattr(module, "_QUEUE", 1)
    monkeypatch.setattr(module, "_IDLE_S", 0.02)
    state = ClusterState(worlds.append)
    state.tell(listed(TIERS, 10))
    teller = threading.Thread(target=state.tell, args=(progressed(TIERS, 11),))
    teller.start()
    teller.join(0.1)
    assert teller.is_alive()
    state._stop.set()
    teller.join(SOON_S)
    assert not teller.is_alive()


def test_a_view_of_nothing_is_infinitely_old():
    assert float("-inf") == View().proven_at


def test_what_a_cluster_has_many_of_is_taken_in_together_now_and_then(state, monkeypatch):
    monkeypatch.setattr(module, "PACE_S", 60.0)
    state.start([TIERS, PODS])
    state.tell(listed(TIERS, 10))
    state.tell(listed(PODS, 10))
    assert soon(state, has_world)
    state.tell(changed(PODS, "p", 11))
    state.tell(changed(TIERS, "a", 12))
    assert soon(state, lambda view: view.progress[TIERS].version == 12)
    assert 10 == state.view.progress[PODS].version


def test_its_turn_comes(state, monkeypatch):
    monkeypatch.setattr(module, "PACE_S", 0.05)
    monkeypatch.setattr(module, "_IDLE_S", 0.02)
    state.start([PODS])
    state.tell(listed(PODS, 10))
    assert soon(state, has_world)
    for version in (11, 12, 13):
        state.tell(changed(PODS, "p", version))
    assert soon(state, lambda view: view.progress[PODS].version == 13)
