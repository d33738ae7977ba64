"""The admission door as a process: real gunicorn, real certificates, loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from certs import folder
from certs.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Mapping

_START_S = 120.0
"""A loaded machine starts a door slowly; one that has ended is told at once."""
_STOP_S = 20.0


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    media_type: str
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class WebhookDoor:
    """A running ``nodeward webhook`` over the manifests of one folder, or whatever *options* name."""

    manifests: Path | None
    state: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.state.mkdir(parents=True, exist_ok=True)
        self.certificates = Folder(self.state / "certs")
        folder.issue(self.certificates, folder.DEFAULT_HOSTS, datetime.now(UTC))
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                self.command(),
                stderr=log,
                env={
                    **os.environ,
                    "NODEWARD_JOURNAL_FOLDER": str(self.journal),
                    **self.environment,
                },
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop(signal.SIGKILL)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "service", "webhook"),
            *(("--manifests", str(self.manifests)) if self.manifests else ()),
            *("--port", str(self.port), "--metrics-port", "0"),
            *("--tls-cert", str(self.certificates.server_certificate)),
            *("--tls-key", str(self.certificates.server_key)),
            *self.options,
        ]

    @property
    def journal(self) -> Path:
        return self.state / "journal"

    @property
    def log_file(self) -> Path:
        return self.state / "log"

    def log(self) -> str:
        return self.log_file.read_text()

    def wait_until_ready(self) -> None:
        end = time.monotonic() + _START_S
        while not self._is_ready():
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return self.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(sent)
        return self.process.wait(_STOP_S)

    def workers(self) -> list[int]:
        """The pids of the worker processes."""
        assert self.process is not None
        pid = self.process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
        return [int(child) for child in text.split()]

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificates.authority_certificate)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, context=self.trusting(), timeout=20
        )

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers.get_content_type(), answer.read())
        finally:
            connection.close()

    def admit(self, body: object) -> Answer:
        """Send a body, bytes as they are and everything else as JSON, as an API server would."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return self.request("POST", "/admit?timeout=10s", sent, headers)

    def raw(self, sent: bytes) -> Answer:
        """The answer to bytes that no client of good manners would send."""
        with (
            socket.create_connection(("127.0.0.1", self.port), 20) as plain,
            self.trusting().wrap_socket(plain, server_hostname="localhost") as connection,
            contextlib.closing(http.client.HTTPResponse(connection)) as answer,
        ):
            connection.sendall(sent)
            answer.begin()
            return Answer(answer.status, answer.headers.get_content_type(), answer.read())
