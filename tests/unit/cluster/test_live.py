"""A live cluster against a server of our own, where the timing of every answer is known."""

from __future__ import annotations

import threading
import time

import pytest

from service.cluster import live as module
from service.cluster import reflector
from service.cluster.live import Certainty, LiveCluster
from service.model.kinds.tier import Tier
from tests.fake_apiserver import WATCHES, Answer, bookmark, page, status, watch
from tests.live_factories import SERVICES, TIERS, make_raw

SOON_S = 10.0
KINDS = {"Tier", "Service"}
V3 = "projectcalico.org/v3"


def tier(name, version, order=1):
    return make_raw(TIERS, name, version, order=order)


def serve(server):
    """A cluster that has tiers and Services, of each none."""
    groups = {"groups": [{"name": "projectcalico.org", "versions": [{"version": "v3"}]}]}
    server.script("/apis", Answer(body=groups))
    server.script("/version", Answer(body={"gitVersion": "v1.36.3"}))
    verbs = ["list", "watch"]
    for path, plural in ((f"/apis/{V3}", "tiers"), ("/api/v1", "services")):
        server.script(path, Answer(body={"resources": [{"name": plural, "verbs": verbs}]}))
    for resource in (TIERS, SERVICES):
        server.script(resource.path, page())
        server.script(resource.path, watch(), kind=WATCHES)


@pytest.fixture
def cluster(server, client, impatient):
    """Not started; ended afterwards."""
    serve(server)
    made = LiveCluster(client, lambda _world: None)
    yield made
    made.close()


@pytest.fixture
def live(cluster):
    """Started, with everything listed at 10."""
    cluster.start()
    assert cluster.wait_for(lambda view: view.world is not None, soon())
    return cluster


def soon():
    return time.monotonic() + SOON_S


def confirm(live, *, within_s=SOON_S, kinds=KINDS):
    return live.confirm(live.view.world, kinds, deadline=time.monotonic() + within_s)


def test_a_cluster_is_watched_as_it_is_discovered(live):
    assert {"services", "tiers.projectcalico.org"} == {one.name for one in live.view.progress}
    assert ("10", "") == (live.current.revision, live.current.failure)
    assert "HostEndpoint" in live.discovery.missing


def test_until_the_server_answers_there_is_no_world_and_the_reason_is_told(server, cluster):
    server.script("/apis", status(503, "not yet"))
    cluster.start()
    end = soon()
    while "not yet" not in cluster.current.failure:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert cluster.current.world is None


def test_closing_ends_every_thread(live):
    live.close()
    ours = ("watch ", "state", "discovery")
    assert [] == [one.name for one in threading.enumerate() if one.name.startswith(ours)]


def test_kinds_that_come_and_go_are_noticed(server, cluster, monkeypatch):
    monkeypatch.setattr(module, "REDISCOVER_S", 0.05)
    cluster.start()
    assert cluster.wait_for(lambda view: view.world is not None, soon())
    listed = {"name": "tiers", "verbs": ["list", "watch"]}, {"name": "ippools", "verbs": []}
    server.script(f"/apis/{V3}", Answer(body={"resources": listed[1:]}))
    assert cluster.wait_for(lambda view: TIERS not in view.progress, soon())
    server.script(f"/apis/{V3}", Answer(body={"resources": listed[:1]}))
    assert cluster.wait_for(lambda view: TIERS in view.progress, soon())


def test_what_the_watch_has_come_to_is_confirmed_by_one_read_a_kind(server, live):
    assert Certainty.CONFIRMED is confirm(live)
    assert [[{"limit": "1"}]] * 2 == [server.asked(one.path)[1:] for one in (TIERS, SERVICES)]


def test_what_others_have_written_since_is_confirmed_by_a_count(server, live):
    server.script(TIERS.path, page(version="99"))
    assert Certainty.CONFIRMED is confirm(live)
    assert [{"limit": "1"}, {}] == server.asked(TIERS.path)[1:]
    assert 99 == live.view.revision


def test_a_change_that_is_told_meanwhile_is_no_confirmation(server, client, cluster):
    cluster.start()
    assert cluster.wait_for(lambda view: view.world is not None, soon())
    server.script(TIERS.path, page(tier("a", 98), version="99"))
    server.script(TIERS.path, watch(("ADDED", tier("a", 98))), kind=WATCHES)
    before = cluster.view.world
    told = []
    asking = threading.Thread(
        target=lambda: told.append(cluster.confirm(before, KINDS, deadline=soon()))
    )
    asking.start()
    cluster._watched[TIERS.name].reflector._end_stream()
    asking.join(SOON_S)
    assert [Certainty.CHANGED] == told
    assert ["a"] == [ref.name for ref in cluster.view.world.snapshot.all(Tier)]


def test_what_a_read_found_and_no_watch_tells_is_never_confirmed(server, live):
    server.script(TIERS.path, page(tier("a", 98), version="99"))
    assert Certainty.LATE is confirm(live, within_s=0.5)


def test_a_server_that_does_not_answer_confirms_nothing(server, live):
    server.script(TIERS.path, status(500))
    assert Certainty.LATE is confirm(live)


def test_of_kinds_that_are_not_watched_nothing_is_unknown(server, live):
    assert Certainty.CONFIRMED is confirm(live, kinds={"HostEndpoint"})
    assert 1 == len(server.asked(TIERS.path))


def test_a_hundred_who_ask_at_once_cost_two_reads_a_kind_and_second(server, live):
    server.script(TIERS.path, page(version="99"))
    began = time.monotonic()
    results = []
    asking = [threading.Thread(target=lambda: results.append(confirm(live))) for _ in range(100)]
    for one in asking:
        one.start()
    for one in asking:
        one.join(SOON_S)
    seconds = int(time.monotonic() - began) + 1
    assert [Certainty.CONFIRMED] * 100 == results
    for resource in (TIERS, SERVICES):
        assert len(server.asked(resource.path)) - 1 <= 2 * seconds


def test_a_server_that_was_restored_is_listed_anew(server, live):
    server.script(TIERS.path, page(tier("old", 3), version="4"))
    confirm(live, within_s=0.3)
    assert live.wait_for(lambda view: view.progress[TIERS].version == 4, soon())
    assert ["old"] == [ref.name for ref in live.view.world.snapshot.all(Tier)]


def test_a_kind_of_which_there_are_very_many_is_not_counted(server, live, monkeypatch):
    monkeypatch.setattr(module, "_COUNTED", -1)
    server.script(TIERS.path, page(version="99"))
    monkeypatch.setattr(module, "_PATIENCE_S", 0.2)
    began = time.monotonic()
    assert Certainty.LATE is confirm(live)
    assert time.monotonic() - began < SOON_S / 2
    assert {"limit": "1"} == server.asked(TIERS.path)[-1]


def test_a_bookmark_renews_the_age(server, cluster, monkeypatch):
    monkeypatch.setattr(reflector, "_SHORT_S", 0.0)
    server.script(TIERS.path, watch(bookmark("20")), kind=WATCHES)
    cluster.start()
    assert cluster.wait_for(lambda view: view.revision == 20, soon())
    progress = cluster.view.progress
    assert progress[TIERS].at > progress[SERVICES].at - SOON_S
