"""The door's other port: probes and metrics over plain HTTP, for kubelet and Prometheus.

The API server has no business with them, and those who ask here present no client certificate.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

from service.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask


class Operations:
    """A second, small server in this process. Threads of its own answer."""

    def __init__(self, app: Flask, host: str, ports: Iterable[int]) -> None:
        """Listens at once, on the first of *ports* that is free. Raises: UnavailableError if none is."""
        listener = _listening(host, ports)
        port = listener.getsockname()[1]
        self._server = make_server(host, port, app, threaded=True, fd=listener.detach())
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="operations", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()


def _listening(host: str, ports: Iterable[int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tried = []
    for port in ports:
        tried.append(str(port))
        try:
            return socket.create_server((host, port), family=family)
        except OSError:
            continue
    raise UnavailableError(f"cannot listen on {host} port {', '.join(tried)} for metrics")
