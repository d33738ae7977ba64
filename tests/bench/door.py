"""Reviews through the real HTTPS server, beside a constant answer under the same settings."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench.cluster import Size, objects
from tests.bench.measure import Figure
from tests.bench.reviews import bodies
from tests.webhook_door import WebhookDoor, free_port

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

_ROUNDS = 5
_ROUND_S = 1.0
_MOST_REQUESTS = 5_000
_START_S = 120.0
_HEADERS = {"Content-Type": "application/json"}
_REVIEWS = ("create Service", "create host policy")
_CONNECTIONS = (1, 8)


@dataclass(frozen=True, slots=True)
class Target:
    """A server on loopback, and what to trust it by."""

    port: int
    trusted: ssl.SSLContext

    def answered(self, body: bytes, connections: int) -> float:
        """Requests a second over so many keep-alive connections, in one bounded round."""
        start = time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            asked = [pool.submit(self._ask, body, start + _ROUND_S) for _ in range(connections)]
            answered = sum(one.result() for one in asked)
        return answered / (time.perf_counter() - start)

    def _ask(self, body: bytes, end: float) -> int:
        """How many reviews one connection got answered until *end*."""
        count = 0
        connection = HTTPSConnection("127.0.0.1", self.port, context=self.trusted, timeout=60)
        try:
            while time.perf_counter() < end and count < _MOST_REQUESTS:
                connection.request("POST", "/admit?timeout=30s", body, _HEADERS)
                answer = connection.getresponse()
                if b'"allowed":true' not in answer.read() or answer.status != 200:
                    raise AssertionError(f"the review was not allowed: {answer.status}")
                count += 1
        finally:
            connection.close()
        return count


def throughput(size: Size) -> Iterator[Figure]:
    """Reviews a second, as a share of constant answers a second; rounds of the two take turns."""
    with TemporaryDirectory() as folder:
        manifests = Path(folder, "cluster.json")
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects(size))}
        manifests.write_text(json.dumps(listed))
        with WebhookDoor(manifests, Path(folder, "state")) as door:
            constant = _Constant(door)
            try:
                yield from _shares(size, Target(door.port, door.trusting()), constant.target())
            finally:
                constant.stop()


def _shares(size: Size, door: Target, constant: Target) -> Iterator[Figure]:
    chosen = {name: body for name, body in bodies().items() if name in _REVIEWS}
    for name, body in chosen.items():
        for target in (door, constant):
            target.answered(
                body, 1
            )  # the first review of a world pays for what all later ones share
        for connections in _CONNECTIONS:
            rounds = [
                (constant.answered(body, connections), door.answered(body, connections))
                for _ in range(_ROUNDS)
            ]
            bare, judged = (statistics.median(values) for values in zip(*rounds, strict=True))
            label = f"{name}, {size}, {connections} connections"
            yardstick = Figure(f"constant answer to {label}", bare, "1/s")
            yield yardstick
            yield Figure(f"HTTPS {label}", judged, "1/s", yardstick.name, judged / bare)


class _Constant:
    """The constant handler as a process, with the certificates of the door."""

    def __init__(self, door: WebhookDoor) -> None:
        self._door = door
        self._port = free_port()
        pair = (door.certificates.server_certificate, door.certificates.server_key)
        command = [sys.executable, "-m", "tests.bench.constant", f"127.0.0.1:{self._port}"]
        with Path(door.state, "constant-log").open("wb") as log:
            self._process = subprocess.Popen([*command, *map(str, pair)], stderr=log)

    def target(self) -> Target:
        """The server, once it answers."""
        target = Target(self._port, self._door.trusting())
        end = time.monotonic() + _START_S
        while True:
            try:
                connection = HTTPSConnection("127.0.0.1", self._port, context=target.trusted)
                connection.request("POST", "/", b"{}", _HEADERS)
                connection.getresponse().read()
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise
                time.sleep(0.1)
            else:
                return target
            finally:
                connection.close()

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(20)
