"""A door as a process: gunicorn with the settings that all doors share.

One worker with threads: a request is short, the world is big, and every worker would hold its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from service.telemetry import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask
    from gunicorn.config import Config

THREADS: Final = 16

_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108  # gunicorn makes an anonymous file there


class _Lines(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's own messages, by the same way and in the same form as ours."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        configure_logging()


_SETTINGS: Final[Mapping[str, object]] = {
    "worker_class": "service.serving.worker.Worker",
    "workers": 1,
    "threads": THREADS,
    "preload_app": False,  # neither threads nor connections to a store survive the fork
    # A slow disk would make the worker look dead.
    "worker_tmp_dir": _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None,
    # Longer than the API server keeps an idle connection (90 s), so that it closes first.
    "keepalive": 120,
    "graceful_timeout": 10,  # as long as an API server waits for an answer by default
    "backlog": 512,
    "limit_request_line": 4094,
    "limit_request_fields": 50,
    "limit_request_field_size": 8190,
    "accesslog": None,  # the apps log one event a request
    "control_socket_disable": True,
    "logger_class": _Lines,
}


def run(settings: Mapping[str, object], app: Callable[[], Flask]) -> None:
    """Serve until a signal ends it what *app* makes in the worker, with more *settings* of gunicorn.

    Raises: SystemExit.
    """
    _Server({**_SETTINGS, **settings}, app).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Not gunicorn's own command: that one would put the current folder before our packages."""

    def __init__(self, settings: Mapping[str, object], app: Callable[[], Flask]) -> None:
        self._settings = settings
        self._app = app
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app()
