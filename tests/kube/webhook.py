"""Validating webhooks of a test's API server: their registration, and one that writes down what it is asked."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self

import yaml

if TYPE_CHECKING:
    from certs.folder import Folder
    from tests.kube.client import Client, Object

SHIPPED = Path(__file__).parents[2] / "deploy/base/validatingwebhook.yaml"


def registration(url: str, authority: Path) -> Object:
    """The configuration that Nodeward ships, for a door at a URL instead of a Service."""
    found: Object = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    bundle = base64.b64encode(authority.read_bytes()).decode()
    for webhook in found["webhooks"]:
        webhook["clientConfig"] = {"url": url, "caBundle": bundle}
    return found


@dataclass
class Recorder:
    """A webhook that allows everything, and keeps the paths and reviews in order."""

    certificates: Folder
    paths: list[str] = field(default_factory=list)
    reviews: list[Object] = field(default_factory=list)

    def __enter__(self) -> Self:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                recorder.paths.append(self.path)
                recorder.reviews.append(review["request"])
                answer = {"uid": review["request"]["uid"], "allowed": True}
                body = json.dumps(review | {"request": None, "response": answer}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(self.certificates.server_certificate, self.certificates.server_key)
        self._server.socket = trust.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}/admit"

    def register(self, client: Client) -> None:
        """Have the server ask about Services, and wait until it does."""
        client.create(registration(self.url, self.certificates.authority_certificate))
        wait_until_asked(client, lambda: self.reviews)
        self.paths.clear()
        self.reviews.clear()


def wait_until_asked(client: Client, asked) -> None:
    """A server takes a moment to heed a webhook: write a harmless Service until it is reviewed."""
    from tests.kube.server import wait_until

    probe = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "probe"},
        "spec": {"ports": [{"port": 1}]},
    }

    def is_asked() -> object:
        client.try_create(probe, dryRun="All")
        return asked()

    wait_until(is_asked, within_s=20, what="the server asks the webhook")
