"""The door as a process, which is that of ``nodeward serve``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from service.api.app import create_app
from service.api.context import Context
from service.api.worlds import Worlds, read_manifests
from service.policy.world import World
from service.serving import process
from service.settings import load
from service.store.port import open_store
from service.telemetry import configure_logging

if TYPE_CHECKING:
    from flask import Flask


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where to listen, where results go, and whose cluster is served (no paths: nobody's)."""

    bind: str
    database: str
    manifests: tuple[str, ...] = ()


def run(options: Options) -> None:
    """Serve until a signal ends it. Raises: SystemExit."""
    process.run({"bind": options.bind}, partial(_app, options))


def _app(options: Options) -> Flask:
    """The app of the worker, with a store and a world of its own."""
    configure_logging()
    settings = load()
    store = open_store(options.database)
    paths = options.manifests
    served = World.of(read_manifests(paths).snapshot) if paths else None
    return create_app(Context(store, Worlds(store, served), settings, lambda: datetime.now(UTC)))
