"""Threads and locks live in few places; each is named here with what it protects."""

from __future__ import annotations

from tests.house.source import PACKAGES, imported, modules

THREADED = {
    "service/audit/follow.py": "the audit of a live cluster, a thread of its own",
    "service/cluster/kube.py": "the credentials in use: an exec plugin is run by one thread at a time",
    "service/cluster/live.py": "discovery, a thread of its own",
    "service/cluster/reflector.py": "one watch of one kind, a thread each",
    "service/cluster/sharing.py": "the turn to make a read that others wait for, too",
    "service/cluster/state.py": "the view of a live cluster: one writer, and readers that wait for news",
    "service/cluster/watch.py": "the world in use, swapped when a manifest changes",
    "service/cluster/config_map.py": "nothing of its own: it reads",
    "service/cluster/publisher.py": "what was told lately",
    "service/journal/writer.py": "records on their way to the disk",
    "service/serving/rates.py": "who came how often",
    "service/serving/worker.py": "connections, which pass from the poller to a thread and back",
    "webhook/gate.py": "how much work is under way",
    "webhook/operations.py": "nothing of its own: it answers probes",
    "webhook/shipper.py": "nothing of its own: it reads what the writers have left",
    "webhook/timely.py": "nothing of its own: the work at hand",
    "webhook/tls.py": "the certificate in use, swapped when its file changes",
}
CONCURRENT = {"threading", "multiprocessing", "asyncio", "concurrent", "queue"}


def test_only_the_named_modules_know_threads():
    users = {
        str(path)
        for path in modules(*PACKAGES)
        if {name.partition(".")[0] for name in imported(path)} & CONCURRENT
    }
    assert THREADED.keys() == users
