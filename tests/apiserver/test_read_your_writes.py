"""Who writes one object after another is judged by both, however fast: no denial for want of the first.

``make races`` runs 1,000 pairs of each kind; otherwise it is a tenth of that.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.apiserver import bundle_cluster, objects
from tests.apiserver.doors import metric
from tests.kube import bundle
from tests.kube.client import RefusedError

PAIRS = int(os.environ.get("NODEWARD_PAIRS", "100"))
NODES = ["192.168.0.0/24", "127.0.0.0/8"]
"""Where the nodes call from, the API server's own calls of the door on loopback included."""


@pytest.fixture
def cluster(server):
    bundle_cluster.apply(server)


class Race:
    """Pairs of writes, and how many of the second ones were refused; the first are never."""

    def __init__(self, server, door):
        self.server, self.door = server, door
        self.refused, self.took_s = [], []
        self.reads = metric(door, "nodeward_direct_reads_total")

    def run(self, first, second):
        self.server.admin.create(first)
        began = time.monotonic()
        try:
            self.server.admin.create(second)
        except RefusedError as error:
            self.refused.append(str(error))
        else:
            self.took_s.append(time.monotonic() - began)
            self.server.admin.delete(second)
        self.server.admin.delete(first)  # refused while the second is believed to stand

    def told(self, record_property):
        hundredths = statistics.quantiles(self.took_s, n=100)
        reads = metric(self.door, "nodeward_direct_reads_total") - self.reads
        text = (
            f"{len(self.took_s)} pairs, {len(self.refused)} refused; the second write took "
            f"{hundredths[49] * 1e3:.0f} ms (median), {hundredths[98] * 1e3:.0f} ms (99 %), "
            f"{max(self.took_s) * 1e3:.0f} ms at most; {reads:.0f} direct reads"
        )
        record_property("races", text)
        print(text)  # noqa: T201 - `make races` shows it


@pytest.mark.timeout(900)
def test_a_service_right_after_the_policy_that_guards_it_is_never_refused(
    server, cluster, door, record_property
):
    race = Race(server, door)
    for index in range(PAIRS):
        port = 30000 + index % 2000
        race.run(bundle.guard(f"guard-{index}", port), bundle.service(f"web-{index}", port))
    race.told(record_property)
    assert [] == race.refused


@pytest.mark.timeout(900)
def test_a_deny_right_after_the_allow_that_nodes_need_is_never_refused(
    server, cluster, door, record_property
):
    race = Race(server, door)
    for index in range(PAIRS):
        race.run(
            objects.policy(f"allow-{index}", order=1, ingress=[allow(NODES)]),
            objects.policy(f"deny-{index}", order=2),
        )
    race.told(record_property)
    assert [] == race.refused


def allow(nets):
    return {"action": "Allow", "source": {"nets": nets}}


def test_without_the_first_the_second_is_refused(server, cluster, door):
    with pytest.raises(RefusedError, match=r"nodeport-unguarded \(no-policy\)"):
        server.admin.create(bundle.service())
    with pytest.raises(RefusedError, match=r"apiserver-lockout \(webhook-cut-off\)"):
        server.admin.create(objects.policy("deny"))


def test_a_flood_of_denials_costs_few_reads_and_holds_up_nobody(server, cluster, door):
    before = reads(door)
    began = time.monotonic()
    with ThreadPoolExecutor(64) as pool:
        flood = [pool.submit(deny, server, began + FLOOD_S) for _ in range(64)]
        beside = allowed_beside(server, began + FLOOD_S)
        denied = sum(one.result() for one in flood)
    took_s = time.monotonic() - began
    made = {kind: count - before.get(kind, 0) for kind, count in reads(door).items()}
    text = (
        f"{denied / took_s:.0f} denials a second; {max(made.values()):.0f} reads of a kind in {took_s:.1f} s; "
        f"a review that is allowed took {statistics.median(beside) * 1e3:.0f} ms beside them (median)"
    )
    print(text)  # noqa: T201 - `make races` shows it
    assert made["GlobalNetworkPolicy"] > 0
    assert {} == {kind: count for kind, count in made.items() if count > 2 * took_s + 2}
    assert denied > 10 * took_s
    assert statistics.median(beside) < 1


FLOOD_S = 5


def deny(server, until):
    """How often the same Service is refused until then; nothing else may happen to it."""
    denied = 0
    with contextlib.closing(server.client(server.admin.token)) as client:
        while time.monotonic() < until:
            answer = client.try_create(bundle.service(), dryRun="All")
            assert 403 == answer.status, answer.message
            denied += 1
    return denied


def allowed_beside(server, until):
    """How long each of some harmless writes took, one after another."""
    took_s = []
    while (began := time.monotonic()) < until:
        server.admin.create(objects.service("harmless"), dryRun="All")
        took_s.append(time.monotonic() - began)
        time.sleep(0.05)
    return took_s


def reads(door):
    """The direct reads of each kind so far."""
    text = door.request("GET", "/metrics").body.decode()
    found = re.findall(r'^nodeward_direct_reads_total{kind="(\w+)"} (\S+)$', text, re.MULTILINE)
    return {kind: float(count) for kind, count in found}
