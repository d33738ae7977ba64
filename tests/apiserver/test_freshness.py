"""What is answered by a door that has not heard of the cluster for long, and that it says so."""

from __future__ import annotations

import time

import pytest

from tests.apiserver import bundle_cluster, objects
from tests.apiserver.doors import live_door, metric, register
from tests.kube import bundle, contents, crds
from tests.kube.proxy import Proxy
from tests.kube.server import ApiServer, wait_until

STALE_AFTER_S = 4
SHORT = {"NODEWARD_CLUSTER_STALE_AFTER_S": str(STALE_AFTER_S)}


@pytest.fixture
def cut_off(server, tmp_path):
    """A door of which the server asks, but that hears nothing from the server any more."""
    bundle_cluster.apply(server)
    server.admin.create(bundle_cluster.baseline())
    with Proxy(server.port) as proxy:
        access = server.write_kubeconfig(tmp_path / "kubeconfig", port=proxy.port)
        with live_door(server, tmp_path / "door", kubeconfig=access, environment=SHORT) as door:
            register(server, door)
            proxy.hold()
            wait_until(lambda: age_s(door) > STALE_AFTER_S, within_s=20)
            yield server, door, proxy
            proxy.release()


def age_s(door):
    return metric(door, "nodeward_snapshot_age_seconds")


def test_what_could_do_harm_is_refused_and_the_rest_told_of(cut_off, tmp_path):
    server, door, proxy = cut_off
    opened, closed = bundle.service(), objects.service("harmless")
    refused = bundle.kubectl_folder(server, tmp_path / "opened", opened)
    assert 1 == refused.returncode
    assert (
        'admission webhook "changes.nodeward.io" denied the request: Nodeward last knew all of'
        in (refused.stderr)
    )
    assert "a change that opens node ports is refused until it does again" in refused.stderr
    told = bundle.kubectl_folder(server, tmp_path / "closed", closed)
    assert (0, "service/harmless created\n") == (told.returncode, told.stdout)
    assert "Warning: Nodeward last knew all of the cluster" in told.stderr
    assert (1, 1) == (
        metric(door, "nodeward_stale_reviews_total", 'answer="denied"'),
        metric(door, "nodeward_stale_reviews_total", 'answer="warned"'),
    )
    proxy.release()
    wait_until(lambda: server.admin.try_create(opened, dryRun="All").ok, within_s=60)
    assert () == server.admin.try_create(objects.service("other"), dryRun="All").warnings


def test_a_cluster_in_which_nothing_happens_is_not_taken_for_a_lost_one(programs, tmp_path):
    """Not by a server that sends no bookmarks, either: a direct read shows that nothing was missed."""
    plain = "--feature-gates=WatchList=false"
    folder = tmp_path / "apiserver"
    with ApiServer(programs, folder, options=(plain,), tells_progress=False) as server:
        contents.install(server.admin, crds.NATIVE)
        bundle_cluster.apply(server)
        with live_door(server, tmp_path / "door", environment=SHORT) as door:
            register(server, door)
            wait_until(lambda: age_s(door) > 2 * STALE_AFTER_S, within_s=20)
            began = time.monotonic()
            allowed = server.admin.try_create(objects.service("harmless"), dryRun="All")
            took_s = time.monotonic() - began
            assert (True, ()) == (allowed.ok, allowed.warnings)
            refused = server.admin.try_create(bundle.service(), dryRun="All")
            assert (403, True) == (refused.status, "nodeport-unguarded" in refused.message)
            assert age_s(door) < STALE_AFTER_S + took_s
            assert took_s < 5
