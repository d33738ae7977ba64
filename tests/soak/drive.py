"""Reviews of every kind for so many minutes, and what the server's process becomes meanwhile."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path

from certs import folder
from certs.folder import Folder
from tests.bench.reviews import bodies
from tests.webhook_door import free_port

CONNECTIONS = 6
PAUSE_S = 0.02
"""Between two reviews of a connection: a soak is no benchmark."""
_WEIGHTS = {
    "create Service": 70,
    "create pod policy": 12,
    "create host policy": 8,
    "update guard": 5,
    "delete guard": 5,
}
_START_S = 600.0
_POOLED = 2 * CONNECTIONS + 10
"""The threads of a door of which both pools serve all connections, as sooner or later they do: no leak."""
_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process, after so many seconds."""

    at_s: float
    rss_mb: float
    threads: int
    descriptors: int


@dataclass(slots=True)
class Soak:
    """What was seen: samples of the process, and (moment, seconds) of each Service review."""

    samples: list[Sample] = field(default_factory=list)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def p99_ms(self, part: int, parts: int) -> float:
        """The 99th percentile of Service reviews in one of so many equal parts of the time."""
        end = self.latencies[-1][0]
        lo, hi = end * part / parts, end * (part + 1) / parts
        found = sorted(took for at, took in self.latencies if lo <= at <= hi)
        return 1000 * found[int(0.99 * (len(found) - 1))]

    def rss_mb(self, part: int, parts: int) -> float:
        """The median size of the process in one of so many equal parts of the time."""
        end = self.samples[-1].at_s
        lo, hi = end * part / parts, end * (part + 1) / parts
        return statistics.median(one.rss_mb for one in self.samples if lo <= one.at_s <= hi)

    def figures(self) -> dict[str, object]:
        """What is published."""
        return {
            "minutes": round(self.samples[-1].at_s / 60, 1),
            "reviews": sum(self.statuses.values()),
            "statuses": self.statuses,
            "rss_mb": [round(self.rss_mb(part, 4)) for part in range(4)],
            "threads": [self.samples[0].threads, self.samples[-1].threads],
            "descriptors": [self.samples[0].descriptors, self.samples[-1].descriptors],
            "service_p99_ms": [round(self.p99_ms(part, 4), 1) for part in range(4)],
        }

    def faults(self) -> list[str]:
        """What is not flat, or was not answered."""
        found = list(self.failures)
        _, second, _, last = (self.rss_mb(part, 4) for part in range(4))
        if last > 1.15 * second + 20:
            found.append(f"memory grew from {second:.0f} to {last:.0f} MB")
        first, end = self.samples[len(self.samples) // 4], self.samples[-1]
        if end.threads > max(first.threads + 2, _POOLED):
            found.append(f"threads grew from {first.threads} to {end.threads}")
        if end.descriptors > first.descriptors + 10:
            found.append(f"descriptors grew from {first.descriptors} to {end.descriptors}")
        if self.p99_ms(3, 4) > 2 * self.p99_ms(1, 4) + 50:
            found.append(f"p99 grew from {self.p99_ms(1, 4):.0f} to {self.p99_ms(3, 4):.0f} ms")
        return found


def soak(size: str, minutes: float, state: Path, *, every_s: float = 2.0) -> Soak:
    """Drive a server of that size; its process ends with the call."""
    certificates = Folder(state / "certs")
    folder.issue(certificates, folder.DEFAULT_HOSTS, datetime.now(UTC))
    port = free_port()
    command = [
        *(sys.executable, "-m", "tests.soak.server", f"127.0.0.1:{port}"),
        *(str(certificates.server_certificate), str(certificates.server_key)),
        *(size, str(every_s), str(state / "journal")),
    ]
    with (state / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        connect = lambda: HTTPSConnection(  # noqa: E731
            "127.0.0.1", port, context=_trust(certificates), timeout=60
        )
        _wait_until_ready(server, connect)
        return _driven(server, connect, minutes * 60)
    finally:
        server.terminate()
        server.wait(60)


def _trust(certificates):
    import ssl

    return ssl.create_default_context(cafile=certificates.authority_certificate)


def _wait_until_ready(server, connect):
    end = time.monotonic() + _START_S
    while True:
        assert server.poll() is None, "the server ended"
        try:
            with closing(connect()) as connection:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            pass
        assert time.monotonic() < end, "the server is not ready"
        time.sleep(0.5)


def _driven(server, connect, seconds) -> Soak:
    found, lock = Soak(), threading.Lock()
    start = time.monotonic()
    threads = [
        threading.Thread(target=_ask, args=(connect, found, lock, start, seconds, number))
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    worker = _worker(server.pid)
    while any(thread.is_alive() for thread in threads):
        found.samples.append(_sample(worker, time.monotonic() - start))
        time.sleep(1.0)
    found.latencies.sort()
    return found


def _ask(connect, found, lock, start, seconds, seed):
    with closing(connect()) as connection:
        _ask_over(connection, found, lock, start, seconds, seed)


def _ask_over(connection, found, lock, start, seconds, seed):
    rng, sent = random.Random(seed), bodies()
    names, weights = [*_WEIGHTS], [*_WEIGHTS.values()]
    while (at := time.monotonic() - start) < seconds:
        (name,) = rng.choices(names, weights)
        began = time.monotonic()
        try:
            connection.request("POST", "/admit?timeout=10s", sent[name], _HEADERS)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except OSError as error:
            with lock:
                found.failures.append(f"{name}: {error!r}")
            return
        with lock:
            found.statuses[status] = found.statuses.get(status, 0) + 1
            if name == "create Service" and status == 200:
                found.latencies.append((at, time.monotonic() - began))
        time.sleep(PAUSE_S)


def _worker(pid):
    """The one child of the server: its worker."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return Path("/proc", child)


def _sample(worker, at_s) -> Sample:
    status = dict(
        line.split(":", 1) for line in (worker / "status").read_text().splitlines() if ":" in line
    )
    return Sample(
        at_s,
        int(status["VmRSS"].split()[0]) / 1024,
        int(status["Threads"]),
        len(list((worker / "fd").iterdir())),
    )
