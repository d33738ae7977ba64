"""Threads and locks live in few places; each is named here with what it protects."""

from __future__ import annotations

from tests.house.source import PACKAGES, imported, modules

THREADED = {
    "service/cluster/watch.py": "the world in use, swapped when a manifest changes",
    "service/journal/writer.py": "records on their way to the disk",
    "service/serving/worker.py": "connections, which pass from the poller to a thread and back",
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
