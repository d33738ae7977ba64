"""Lists in pages, and clusters of some size."""

from __future__ import annotations

import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.cluster.discovery import discover
from service.cluster.kube import Client, RequestError
from service.cluster.listing import pages
from tests.apiserver import objects
from tests.apiserver.following import Following, use

MANY = 10_000


@pytest.fixture
def client(server, monkeypatch):
    use(server.kubeconfig, monkeypatch)
    return Client()


def services(client):
    [found] = [one for one in discover(client).resources if one.name == "services"]
    return found


def create_all(server, ones):
    """Create objects by four clients at once."""
    ones = list(ones)
    clients = [server.client(server.admin.token) for _ in range(4)]

    def work(index):
        for one in ones[index::4]:
            clients[index].create(one)
        clients[index].close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_a_list_comes_in_pages_that_make_up_the_whole(server, client):
    create_all(server, (objects.service(f"s{index:03}") for index in range(120)))
    found = list(pages(client, services(client), size=50))
    names = [one["metadata"]["name"] for page in found for one in page.items]
    assert ([50, 50, 21], [71, 21, 0]) == (
        [len(page.items) for page in found],
        [page.left for page in found],
    )
    assert sorted(["kubernetes", *(f"s{index:03}" for index in range(120))]) == sorted(names)
    assert 1 == len({page.version for page in found})


def test_a_list_that_goes_out_of_date_between_two_pages_is_gone(server, client):
    create_all(server, (objects.service(f"s{index:03}") for index in range(30)))
    reading = pages(client, services(client), size=10)
    next(reading)
    server.admin.create(objects.service("late"))
    server.compact()
    server.restart(signal.SIGKILL)  # a server that runs on has the list as it was in a cache
    with pytest.raises(RequestError) as caught:
        list(reading)
    assert caught.value.is_gone


def stored(name):
    """A pod as a server has it."""
    pod = objects.pod(name)
    born = {"uid": str(uuid.uuid4()), "creationTimestamp": "2026-01-01T00:00:00Z"}
    return pod | {"metadata": pod["metadata"] | born}


def test_ten_thousand_pods_are_followed(own_server, monkeypatch, record_property):
    own_server.fill("/registry/pods", (stored(f"p{index:05}") for index in range(MANY)))
    use(own_server.kubeconfig, monkeypatch)
    began = time.monotonic()
    with Following() as following:
        following.ready(within_s=60)
        took_s = time.monotonic() - began
        record_property("listed_s", round(took_s, 2))
        assert MANY == len(following.names("Pod"))
        own_server.admin.create(objects.pod("q"))
        began = time.monotonic()
        following.sees("Pod", "q", *(f"p{index:05}" for index in range(MANY)))
        record_property("seen_s", round(time.monotonic() - began, 2))
    assert took_s < 30
