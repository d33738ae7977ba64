# ruff: noqa: N999  # the name by which gunicorn's users look for it
"""gunicorn's configuration of the admission door; ``webhook.server`` adds address, pair and sizes.

One worker with threads: a review is short, the world is big, and every worker would hold its own.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gunicorn.glogging import Logger

from service.telemetry import configure_logging
from webhook.tls import Contexts

if TYPE_CHECKING:
    import ssl

    from gunicorn.config import Config

_SHARED_MEMORY = "/dev/shm"  # noqa: S108  # gunicorn makes an anonymous file there

worker_class = "webhook.worker.Worker"
workers = 1
threads = 8
preload_app = False  # the thread that watches the manifests would not survive the fork
worker_tmp_dir = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None  # a slow disk kills

keepalive = (
    120  # longer than the API server keeps an idle connection (90 s), so that it closes first
)
graceful_timeout = 10  # as long as an API server waits for an answer by default
backlog = 512
limit_request_line = 2048
limit_request_fields = 50
limit_request_field_size = 4096

accesslog = None  # the app logs one event a request
control_socket_disable = True


class _Lines(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's own messages, by the same way and in the same form as ours."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        configure_logging()


logger_class = _Lines


def ssl_context(config: Config, _default: object) -> ssl.SSLContext:
    """The context for one connection, from the pair as it stands on disk now."""
    return _contexts(config.certfile, config.keyfile).current()


@functools.cache
def _contexts(certificate: str, key: str) -> Contexts:
    return Contexts(Path(certificate), Path(key))
