"""The door as a process, which is that of ``nodeward serve``."""

from __future__ import annotations

import atexit
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from service.api.app import create_app
from service.api.context import Context
from service.api.worlds import Worlds
from service.audit.follow import Follower, Keeping
from service.audit.record import record
from service.audit.run import Source, source_name
from service.audit.tell import Teller
from service.checks.settings import cluster_profile
from service.cluster.live import open_live
from service.cluster.publisher import Publisher
from service.cluster.watch import Watch, read_whole
from service.serving import process
from service.settings import load
from service.store.port import open_store
from service.telemetry import configure_logging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from service.cluster.live import LiveCluster
    from service.cluster.watch import Source as WorldSource
    from service.policy.world import World
    from service.settings import Settings
    from service.store.port import AuditStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where to listen, where results go, and whose clusters are served: of manifests, or live ones.

    ``contexts`` are those of a kubeconfig; "" is the cluster at hand.
    """

    bind: str
    database: str
    manifests: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()


def run(options: Options) -> None:
    """Serve until a signal ends it. Raises: SystemExit."""
    process.run({"bind": options.bind}, partial(_app, options))


def _app(options: Options) -> Flask:
    """The app of the worker, with a store and watches of its own. Raises: SourceError."""
    configure_logging()
    settings = load()
    keeping = Keeping(open_store(options.database), settings, _now)
    served: dict[str, WorldSource] = {}
    if options.manifests:
        served["manifests"] = _watch(options.manifests, keeping)
    for context in options.contexts:
        live = _follow(context, keeping)
        served[live.name] = live
    worlds = Worlds(keeping.store, served, cluster_profile(settings))
    return create_app(Context(keeping.store, worlds, settings, _now))


def _watch(paths: Sequence[str], keeping: Keeping) -> Watch:
    watch = Watch(paths, partial(_read, paths, keeping.settings, keeping.store))
    watch.start()
    atexit.register(watch.close)
    return watch


def _follow(context: str, keeping: Keeping) -> LiveCluster:
    """A live cluster that is audited whenever it changes. Raises: SourceError."""
    live = open_live(context, lambda _world: None, cluster_profile(keeping.settings))
    publisher = Publisher(live.client, f"{socket.gethostname()}-{os.getpid()}")
    teller = Teller(live.name, publisher)
    follower = Follower(live, source_name(live.name), keeping, teller=teller)
    for one in (publisher, live, follower):
        one.start()
        atexit.register(one.close)
    return live


def _read(paths: Sequence[str], settings: Settings, store: AuditStore) -> World:
    """The world of the manifests at *paths*, whose audit is kept: answers and findings agree.

    Raises: AuditorError.
    """
    source = Source(read_whole(paths), paths, cluster_profile(settings))
    record(source, settings, store, at=_now())
    return source.world


def _now() -> datetime:
    return datetime.now(UTC)
