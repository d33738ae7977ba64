"""The door as a process, which is that of ``nodeward serve``."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from service.api.app import create_app
from service.api.context import Context
from service.api.worlds import Worlds
from service.audit.record import record
from service.audit.run import Source
from service.checks.settings import cluster_profile
from service.cluster.watch import Watch, read_whole
from service.serving import process
from service.settings import load
from service.store.port import open_store
from service.telemetry import configure_logging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from service.policy.world import World
    from service.settings import Settings
    from service.store.port import AuditStore


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
    """The app of the worker, with a store and a watch of its own."""
    configure_logging()
    settings = load()
    store = open_store(options.database)
    served = _watch(options.manifests, settings, store) if options.manifests else None
    worlds = Worlds(store, served, cluster_profile(settings))
    return create_app(Context(store, worlds, settings, _now))


def _watch(paths: Sequence[str], settings: Settings, store: AuditStore) -> Watch:
    watch = Watch(paths, partial(_read, paths, settings, store))
    watch.start()
    atexit.register(watch.close)
    return watch


def _read(paths: Sequence[str], settings: Settings, store: AuditStore) -> World:
    """The world of the manifests at *paths*, whose audit is kept: answers and findings agree.

    Raises: AuditorError.
    """
    source = Source(read_whole(paths), paths, cluster_profile(settings))
    record(source, settings, store, at=_now())
    return source.world


def _now() -> datetime:
    return datetime.now(UTC)
