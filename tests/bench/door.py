"""Reviews through the real HTTPS server, beside a constant answer under the same settings."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.bench.cluster import Size, objects
from tests.bench.measure import Figure
from tests.bench.reviews import bodies
from tests.webhook_door import WebhookDoor, free_port

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

_ROUNDS = 5
_ROUND_S = 1.0
_MOST_REQUESTS = 5_000
_START_S = 120.0
_HEADERS = {"Content-Type": "application/json"}
_CONNECTIONS = (1, 8, 64)
_ALLOWED, _REFUSED = b'"allowed":true', b'"allowed":false'
_BODIES = 256
"""Reviews of one kind, each of another object; a refusal, which takes long, is one, at one connection."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server on loopback, what to trust it by, and what its answers hold."""

    port: int
    trusted: ssl.SSLContext
    expected: bytes = _ALLOWED

    def answered(self, bodies: Sequence[bytes], connections: int) -> Round:
        """One bounded round over so many keep-alive connections, each with *bodies* in turn."""
        start = time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            asked = [
                pool.submit(self._ask, bodies, number, start + _ROUND_S)
                for number in range(connections)
            ]
            took_s = [one for answered in asked for one in answered.result()]
        rate = len(took_s) / (time.perf_counter() - start)
        return Round(rate, sorted(took_s)[int(0.99 * (len(took_s) - 1))])

    def _ask(self, bodies: Sequence[bytes], first: int, end: float) -> list[float]:
        """How long each review of one connection took that was answered until *end*."""
        took_s: list[float] = []
        connection = HTTPSConnection("127.0.0.1", self.port, context=self.trusted, timeout=60)
        try:
            while time.perf_counter() < end and len(took_s) < _MOST_REQUESTS:
                body = bodies[(first * 7 + len(took_s)) % len(bodies)]
                began = time.perf_counter()
                connection.request("POST", "/admit?timeout=30s", body, _HEADERS)
                answer = connection.getresponse()
                told = answer.read()
                took_s.append(time.perf_counter() - began)
                if answer.status != 200 or self.expected not in told:
                    raise AssertionError(f"not the expected answer: {answer.status} {told[:200]!r}")
        finally:
            connection.close()
        return took_s


@dataclass(frozen=True, slots=True)
class Round:
    """Requests a second, and the seconds within which 99 of 100 were answered."""

    rate: float
    p99_s: float


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
    for name, listed in _reviews().items():
        judging = replace(door, expected=_REFUSED if name.startswith("refused") else _ALLOWED)
        for target in (judging, constant):
            target.answered(listed, 1)  # the first pays for what all later ones share
        for connections in _CONNECTIONS if len(listed) > 1 else _CONNECTIONS[:1]:
            rounds = [
                (constant.answered(listed, connections), judging.answered(listed, connections))
                for _ in range(_ROUNDS)
            ]
            yield from _figures(f"{name}, {size}, {connections} connections", rounds)


def _figures(label: str, rounds: list[tuple[Round, Round]]) -> Iterator[Figure]:
    """Rates and 99th percentiles of the door as multiples of those of the constant handler."""
    bare, judged = (
        statistics.median(one.rate for one in side) for side in zip(*rounds, strict=True)
    )
    yardstick = Figure(f"constant answer to {label}", bare, "1/s")
    yield yardstick
    yield Figure(f"HTTPS {label}", judged, "1/s", yardstick.name, judged / bare)
    bare, judged = (
        statistics.median(one.p99_s * 1e3 for one in side) for side in zip(*rounds, strict=True)
    )
    yardstick = Figure(f"99 % of constant answers to {label}", bare, "ms")
    yield yardstick
    yield Figure(f"99 % of HTTPS {label}", judged, "ms", yardstick.name, judged / bare)


def _reviews() -> dict[str, list[bytes]]:
    """The reviews that are measured, by what is asked: of many objects where the door admits them.

    The one that is refused takes away the guard of all ports.
    """
    one = bodies()
    service = json.loads(one["create Service"])
    return {
        "create Service": [_named(service, number) for number in range(_BODIES)],
        "create host policy": [
            _named(json.loads(one["create host policy"]), number) for number in range(_BODIES)
        ],
        "refused: delete guard": [one["delete guard"]],
    }


def _named(review: dict[str, Any], number: int) -> bytes:
    """The review with a name of its own and, for a Service, a node port of its own."""
    request = json.loads(json.dumps(review))
    asked = request["request"]
    asked["uid"], asked["name"] = f"review-{number}", f"new-{number}"
    asked["object"]["metadata"]["name"] = f"new-{number}"
    for port in asked["object"]["spec"].get("ports", ()):
        if "nodePort" in port:
            port["nodePort"] = 30_000 + number * 10
    return json.dumps(request).encode()


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
