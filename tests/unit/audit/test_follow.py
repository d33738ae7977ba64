"""The audit of a live cluster after every change; nothing is asked of its server."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from service.audit import follow as module
from service.audit.follow import Follower, Keeping
from service.cluster.kube import Client
from service.cluster.live import LiveCluster
from service.settings import Settings
from service.store.port import Window, open_store
from tests.fake_apiserver import FakeServer
from tests.live_factories import SERVICES, TIERS, changed, deleted, listed

SOON_S = 20.0
OPEN = {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000}]}


@pytest.fixture
def live(tmp_path, monkeypatch):
    """A cluster of nothing, at revision 10."""
    monkeypatch.setattr(module, "SETTLE_S", 0.01)
    with FakeServer() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
        cluster = LiveCluster(Client("fake"), lambda _world: None)
        cluster._state.start([TIERS, SERVICES])
        for resource in (TIERS, SERVICES):
            cluster._state.tell(listed(resource, 10))
        assert cluster.wait_for(lambda view: view.world is not None, time.monotonic() + SOON_S)
        yield cluster
        cluster.close()


@pytest.fixture
def store():
    made = open_store("memory:")
    yield made
    made.close()


@pytest.fixture
def follower(live, store):
    made = Follower(live, "--context=fake", Keeping(store, Settings(), lambda: datetime.now(UTC)))
    yield made
    made.close()


def runs(store):
    return store.runs(Window(limit=100)).items


def wait_until(holds):
    end = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_cluster_is_audited_at_once(follower, store):
    follower.start()
    wait_until(lambda: runs(store))
    (run,) = runs(store)
    assert (("--context=fake",), "10", 0) == (run.sources, run.revision, run.objects)
    assert run.age_s > 0


def test_a_change_that_makes_another_finding_is_kept(live, follower, store):
    follower.start()
    wait_until(lambda: runs(store))
    live._state.tell(changed(SERVICES, "web", 11, **OPEN))
    wait_until(lambda: len(runs(store)) == 2)
    newest = runs(store)[0]
    found = store.stream(newest.id)
    assert "11" == newest.revision
    assert "Service default/web" in {one.subject for one in found}


def test_a_change_that_makes_none_is_audited_and_not_kept(live, follower, store):
    follower.start()
    wait_until(lambda: runs(store))
    first = follower._audited
    live._state.tell(changed(TIERS, "a", 11, order=1))
    wait_until(lambda: follower._audited is not first)
    live._state.tell(deleted(TIERS, "a", 12))
    wait_until(lambda: follower._audited is live.view.world)
    assert 1 == len(runs(store))


def test_now_and_then_an_audit_is_kept_all_the_same(live, follower, store, monkeypatch):
    monkeypatch.setattr(module, "KEEP_S", 0.0)
    follower.start()
    wait_until(lambda: runs(store))
    live._state.tell(changed(TIERS, "a", 11, order=1))
    wait_until(lambda: len(runs(store)) == 2)


def test_a_store_that_fails_is_asked_again_after_the_next_change(
    live, follower, store, monkeypatch
):
    with monkeypatch.context() as broken:
        broken.setattr(type(store), "append", None)
        follower.start()
        wait_until(lambda: follower._audited is not None)
        time.sleep(0.3)
    assert () == tuple(runs(store))
    live._state.tell(changed(SERVICES, "web", 11, **OPEN))
    wait_until(lambda: runs(store))
