"""The door as a process: gunicorn with threads, in the process of ``nodeward serve``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gunicorn.app.base import BaseApplication

from service.api.app import create_app
from service.api.context import Context
from service.api.worlds import Worlds, read_manifests
from service.policy.world import World
from service.settings import load
from service.store.port import open_store
from service.telemetry import configure_logging

if TYPE_CHECKING:
    from flask import Flask

_CONFIGURATION: Final = {
    "worker_class": "service.api.worker.Worker",
    "workers": 1,
    "threads": 8,
    "preload_app": False,  # connections to the store do not survive a fork
    "graceful_timeout": 10,
    "limit_request_line": 4094,
    "control_socket_disable": True,
    "loglevel": "warning",  # the app logs one event a request
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where to listen, where results go, and whose cluster is served (no paths: nobody's)."""

    bind: str
    database: str
    manifests: tuple[str, ...] = ()


def run(options: Options) -> None:
    """Serve until a signal ends it. Raises: SystemExit."""
    _Server(options).run()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Not gunicorn's own command: that one would put the current folder before our packages."""

    def __init__(self, options: Options) -> None:
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in {**_CONFIGURATION, "bind": self._options.bind}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The app of the worker, with a store and a world of its own."""
        configure_logging()
        settings = load()
        store = open_store(self._options.database)
        paths = self._options.manifests
        served = World.of(read_manifests(paths).snapshot) if paths else None
        return create_app(
            Context(store, Worlds(store, served), settings, lambda: datetime.now(UTC))
        )
