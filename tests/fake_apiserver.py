"""An API server of our own, for faults that a real one cannot be made to show: it says what it is told to.

Each path has a script of answers, taken in turn; the last one is given again and again.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

LISTS, WATCHES, STREAMS = "list", "watch", "stream"


@dataclass(frozen=True)
class Answer:
    """A status and a body; of a watch its lines, and how it goes on: ``end``, ``hang`` or ``cut``."""

    status: int = 200
    body: object = None
    lines: tuple[object, ...] = ()
    then: str = "end"
    headers: tuple[tuple[str, str], ...] = ()


def status(code, message="", **headers):
    """A refusal, with the Status that says why."""
    body = {"kind": "Status", "code": code, "message": message}
    return Answer(code, body, headers=tuple(headers.items()))


def page(*items, version="10", more="", left=None):
    """A page of a list."""
    metadata = {"resourceVersion": version}
    metadata |= {"continue": more} if more else {}
    metadata |= {} if left is None else {"remainingItemCount": left}
    return Answer(body={"kind": "List", "metadata": metadata, "items": list(items)})


def watch(*events, then="hang"):
    """Events of a watch, each a type and an object."""
    return Answer(lines=tuple({"type": kind, "object": one} for kind, one in events), then=then)


def bookmark(version, *, ends_list=False):
    annotations = {"k8s.io/initial-events-end": "true"} if ends_list else {}
    return "BOOKMARK", {"metadata": {"resourceVersion": version, "annotations": annotations}}


@dataclass
class FakeServer:
    """The server, and the requests that came: their path, query and headers."""

    scripts: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake.answer(self)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def kubeconfig(self, folder: Path, *, user=None, cluster=None) -> Path:
        """A kubeconfig with one context, ``fake``."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": self.url, **(cluster or {})}}],
            "users": [{"name": "fake", "user": user or {"token": "t0ken"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            "current-context": "fake",
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def script(self, path: str, *answers: Answer, kind: str = LISTS) -> None:
        """What *path* answers from now on, to lists, watches or streamed lists."""
        self.scripts[path, kind] = list(answers)

    def asked(self, path: str, kind: str = LISTS) -> list[dict[str, str]]:
        """The queries that came for *path*."""
        return [query for one, query, _ in self.requests if one == path and _kind(query) == kind]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        self.requests.append((url.path, query, dict(handler.headers)))
        script = self.scripts.get((url.path, _kind(query)), [])
        found = (
            script.pop(0) if len(script) > 1 else next(iter(script), status(404, "no such path"))
        )
        handler.send_response(found.status)
        for name, value in found.headers:
            handler.send_header(name, value)
        if found.body is not None:
            body = json.dumps(found.body).encode()
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in found.lines:
            text = line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(text), text))
        if found.then == "hang":
            self.over.wait()
        if found.then == "end":
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True


def _kind(query):
    if "sendInitialEvents" in query:
        return STREAMS
    return WATCHES if "watch" in query else LISTS
