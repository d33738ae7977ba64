"""A live cluster is kept up with, whatever happens to the connection or to the server."""

from __future__ import annotations

import signal
import time

import pytest

from service.cluster import reflector
from tests.apiserver import objects
from tests.apiserver.following import Following, use
from tests.kube import contents, crds
from tests.kube.proxy import Proxy
from tests.kube.server import ApiServer, wait_until


@pytest.fixture
def proxy(server):
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def kubeconfig(server, proxy, tmp_path, monkeypatch):
    """Access through the proxy."""
    path = server.write_kubeconfig(tmp_path / "kubeconfig", port=proxy.port)
    use(path, monkeypatch)
    return path


@pytest.fixture
def following(kubeconfig):
    with Following() as following:
        yield following.ready()


def create(server, *ones):
    for one in ones:
        server.admin.create(one)


def requests(server, resource, verb):
    """How often the server was asked so, by its own count."""
    text = server.admin.request("GET", "/metrics").message
    wanted = (f'resource="{resource}"', f'verb="{verb}"')
    lines = (line for line in text.splitlines() if line.startswith("apiserver_request_total{"))
    return sum(float(line.split()[-1]) for line in lines if all(part in line for part in wanted))


def test_a_cold_start_has_everything_that_is_there(server, kubeconfig):
    create(server, objects.node("node1", "192.168.0.10"), objects.service("web"))
    create(server, objects.endpoint("node1-eth0"), objects.policy("deny-all"))
    with Following() as following:
        assert not following.is_ready
        following.ready()
        assert ["node1"] == following.names("Node")
        assert ["kubernetes", "web"] == following.names("Service")
        assert ["node1-eth0"] == following.names("HostEndpoint")
        assert ["deny-all"] == following.names("GlobalNetworkPolicy")


def test_what_is_made_changed_and_deleted_is_seen(server, following):
    create(server, objects.policy("one"), objects.policy("two"))
    following.sees("GlobalNetworkPolicy", "one", "two")
    server.admin.patch(objects.policy("one"), {"spec": {"order": 7}})
    wait_until(lambda: 7 in orders(following), within_s=20)
    server.admin.delete(objects.policy("two"))
    following.sees("GlobalNetworkPolicy", "one")


def orders(following):
    maps = following.cluster.view.world.snapshot.maps.values()
    return {one.order for held in maps for ref, one in held.items() if ref.name == "one"}


def test_a_kind_is_listed_and_watched_by_one_request_where_lists_are_streamed(server, kubeconfig):
    verbs = ("LIST", "WATCH")
    with Following() as following:
        following.ready()
    before = [requests(server, "hostendpoints", verb) for verb in verbs]
    with Following() as following:
        following.ready()
        create(server, objects.endpoint("node1-eth0"))
        following.sees("HostEndpoint", "node1-eth0")
    wait_until(lambda: requests(server, "hostendpoints", "WATCH") >= before[1] + 2, within_s=20)
    assert [before[0], before[1] + 2] == [requests(server, "hostendpoints", verb) for verb in verbs]


def test_a_bookmark_moves_a_kind_on_that_nobody_writes(server, kubeconfig, monkeypatch):
    monkeypatch.setattr(reflector, "WATCH_S", (4, 5))  # a server bookmarks 2 s before the end
    with Following() as following:
        following.ready()
        [watched] = [one for one in following.cluster.view.progress if one.name == "services"]
        before = following.cluster.view.progress[watched].version
        create(server, objects.policy("other"))
        wait_until(lambda: following.cluster.view.progress[watched].version > before, within_s=20)


def test_connections_that_are_cut_are_made_again(server, proxy, following):
    for round_ in range(3):
        proxy.cut()
        create(server, objects.policy(f"deny-{round_}"))
    following.sees("GlobalNetworkPolicy", "deny-0", "deny-1", "deny-2")


def test_what_a_silent_server_has_not_told_is_seen_afterwards(
    server, proxy, kubeconfig, monkeypatch
):
    monkeypatch.setattr(reflector, "SILENCE_S", 2.0)
    with Following() as following:
        following.ready()
        proxy.hold()
        create(server, objects.policy("meanwhile"))
        wait_until(lambda: following.cluster.current.failure, within_s=30)
        assert [] == following.names("GlobalNetworkPolicy")
        assert following.age_s > 2
        proxy.release()
        following.sees("GlobalNetworkPolicy", "meanwhile", within_s=60)


def test_a_slow_connection_is_a_late_but_whole_one(server, proxy, kubeconfig):
    create(server, *(objects.policy(f"p{index:03}", ingress=RULES) for index in range(100)))
    proxy.rate = 400_000
    began = time.monotonic()
    with Following() as following:
        following.ready(within_s=60)
        assert 100 == len(following.names("GlobalNetworkPolicy"))
    assert time.monotonic() - began > 1  # a hundred policies of 10 kB do take that long


RULES = [
    {"action": "Allow", "source": {"nets": [f"10.{index}.{part}.0/24" for part in range(20)]}}
    for index in range(20)
]


def test_a_connection_that_is_cut_within_a_list_begins_it_anew(server, proxy, kubeconfig):
    create(server, *(objects.policy(f"p{index:03}", ingress=RULES) for index in range(100)))
    proxy.rate = 200_000
    with Following() as following:
        for _ in range(3):
            time.sleep(0.5)
            proxy.cut()
        proxy.rate = float("inf")
        following.ready(within_s=60)
        assert 100 == len(following.names("GlobalNetworkPolicy"))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
def test_a_restart_of_the_server_is_survived(server, following, sent):
    create(server, objects.policy("before"))
    following.sees("GlobalNetworkPolicy", "before")
    server.stop(sent)
    wait_until(lambda: following.cluster.current.failure, within_s=20)
    assert ["before"] == following.names("GlobalNetworkPolicy")
    server.start()
    create(server, objects.policy("after"))
    following.sees("GlobalNetworkPolicy", "after", "before", within_s=60)
    wait_until(lambda: not following.cluster.current.failure, within_s=60)


def test_after_a_compaction_the_list_is_taken_anew(server, proxy, following):
    create(server, objects.policy("goes"), objects.policy("stays"))
    following.sees("GlobalNetworkPolicy", "goes", "stays")
    proxy.hold()
    server.admin.delete(objects.policy("goes"))
    create(server, objects.policy("comes"))
    server.stop(signal.SIGKILL)
    server.compact()
    server.start()  # what it knew of the past is gone with it
    proxy.cut()
    proxy.release()
    following.sees("GlobalNetworkPolicy", "comes", "stays", within_s=60)


def test_a_server_that_streams_no_lists_is_asked_for_pages(plain_server):
    create(plain_server, *(objects.endpoint(f"e{index:03}") for index in range(30)))
    with Following() as following:
        following.ready()
        assert 30 == len(following.names("HostEndpoint"))
    assert requests(plain_server, "hostendpoints", "LIST") >= 1


def test_a_watch_of_which_nothing_is_heard_is_no_failure(plain_server, monkeypatch):
    """Without word from etcd, a server sends no bookmarks of a kind that nobody writes."""
    monkeypatch.setattr(reflector, "SILENCE_S", 1.5)
    with Following() as following:
        following.ready()
        end = time.monotonic() + 8
        while time.monotonic() < end:
            assert "" == following.cluster.current.failure
            time.sleep(0.02)
        create(plain_server, objects.endpoint("first"))
        following.sees("HostEndpoint", "first", within_s=2)


@pytest.fixture
def plain_server(programs, tmp_path, monkeypatch):
    """A server without streamed lists, and with an etcd that says little of its own accord."""
    plain = "--feature-gates=WatchList=false"
    with ApiServer(
        programs, tmp_path / "apiserver", options=(plain,), tells_progress=False
    ) as server:
        contents.install(server.admin, crds.NATIVE)
        use(server.kubeconfig, monkeypatch)
        yield server
