"""The parts of a door, put together from settings for one worker process."""

from __future__ import annotations

import atexit
import os
import socket
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from service import telemetry
from service.admission.decide import decide
from service.admission.mend import mended
from service.admission.terms import Terms, enforcement, terms
from service.checks.settings import cluster_profile
from service.cluster.access import Caller, may_bypass
from service.cluster.config_map import LiveConfigMap
from service.cluster.live import open_live
from service.cluster.publisher import Publisher
from service.cluster.watch import Manifests, Watch, read_whole
from service.journal.reader import sealed, sealed_and_shipped
from service.journal.writer import Journal, Limits
from service.policy.world import World
from service.serving.rates import Rates
from service.settings import load
from webhook.announcer import Announcer
from webhook.app import create_app, create_operations
from webhook.certain import Certain
from webhook.door import Door
from webhook.gate import Gate
from webhook.judge import Judge
from webhook.operations import Operations
from webhook.recorder import Recorder
from webhook.shipper import Destination, Shipper
from webhook.timely import Timely
from webhook.warm import warm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Flask

    from service.admission.decide import Decision
    from service.admission.review import ReviewRequest
    from service.cluster.kube import Client
    from service.cluster.live import LiveCluster
    from service.cluster.watch import Cluster, Source
    from service.policy.profile import ClusterProfile
    from service.settings import Settings
    from webhook.judge import Decide

MODES_KEY: Final = "modes"
"""The key of the ConfigMap whose value is spelled as the setting ``enforcement.modes``."""


class Part(Protocol):
    """Something that runs in a thread of its own."""

    def start(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the command line says of a door besides what it serves.

    ``metrics_port`` 0 leaves probes and metrics beside the reviews. ``verifies_clients`` tells that TLS
    lets nobody in who is not known; everybody else is held to a rate. ``workers`` may share the host.
    """

    host: str = "127.0.0.1"
    metrics_port: int = 0
    verifies_clients: bool = False
    workers: int = 1
    threads: int = 16


@dataclass(slots=True)
class Agreement:
    """The terms in force; one assignment exchanges them."""

    terms: Terms

    def decide(self, world: World, review: ReviewRequest) -> Decision:
        """The decision by the terms and the clock of this moment."""
        return decide(world, review, self.terms, now_s=int(time.time()))

    def mend(self, world: World, decision: Decision) -> Decision:
        """*decision*, made in *world*, with a fix if there is one."""
        return mended(decision, world, self.terms)

    def use(self, base: Terms, data: Mapping[str, str]) -> None:
        """Put in force the modes of a ConfigMap after those of *base*. Raises: SettingsError."""
        text = data.get(MODES_KEY, "")
        added = enforcement(tuple(part.strip() for part in text.split(",") if part.strip()))
        modes = (*base.enforcement.modes, *added.modes)
        self.terms = replace(base, enforcement=replace(added, modes=modes))


@dataclass(frozen=True, slots=True)
class ClusterRights:
    """Rights as the API server of a cluster knows them."""

    client: Client

    def may_bypass(self, review: ReviewRequest, check: str, *, timeout_s: float) -> bool:
        """Whether the caller of *review* may pass what *check* refuses. Raises: RequestError."""
        caller = Caller(review.user, review.groups, review.user_uid, review.extra)
        return may_bypass(self.client, caller, check, timeout_s=timeout_s)


def serve(served: Manifests | Cluster, around: Surroundings) -> Flask:
    """The app of a gunicorn worker over what is *served*; settings as of this process.

    Raises: SettingsError, SourceError, JournalError, UnavailableError.
    """
    telemetry.configure_logging()
    settings = load()
    agreement = Agreement(terms(settings))
    profile = cluster_profile(settings)
    if isinstance(served, Manifests):
        source: Source = Watch(
            served.paths, partial(_read, served.paths, agreement.decide, profile)
        )
        door = _door(source, agreement, settings, around=around)
    else:
        live = open_live(served.context, partial(warm, decide=agreement.decide), profile)
        source, door = live, _live_door(live, agreement, settings, around=around)
    _run(source)
    rates = None if around.verifies_clients else Rates(settings.limits_reviews_per_second)
    if around.metrics_port:
        _run(_operations(source, around))
    return create_app(
        source,
        door,
        body_limit_bytes=settings.limits_body_bytes,
        rates=rates,
        with_operations=not around.metrics_port,
    )


def _door(
    source: Source,
    agreement: Agreement,
    settings: Settings,
    *,
    around: Surroundings,
    live: LiveCluster | None = None,
) -> Door:
    certain = None
    if live is not None:
        certain = Certain(live, settings.cluster_stale_after_s, settings.cluster_on_stale)
    instance = f"{socket.gethostname()}-{os.getpid()}"
    announcer = None
    if live is not None:
        publisher = Publisher(live.client, instance)
        _run(publisher)
        announcer = Announcer(publisher)
    timely = Timely(around.threads)
    atexit.register(timely.close)
    return Door(
        judge=Judge(source, agreement.decide, settings.on_error, certain),
        gate=Gate(),
        timely=timely,
        mend=agreement.mend,
        recorder=Recorder(_journal(settings), settings.journal_on_failure, instance),
        rights=ClusterRights(live.client) if live else None,
        announcer=announcer,
    )


def _live_door(
    live: LiveCluster, agreement: Agreement, settings: Settings, *, around: Surroundings
) -> Door:
    """A door over a live cluster, whose modes an owner changes in a ConfigMap."""
    if settings.enforcement_config_map:
        use = partial(agreement.use, agreement.terms)
        _run(LiveConfigMap(live.client, settings.enforcement_config_map, use))
    return _door(live, agreement, settings, around=around, live=live)


def _journal(settings: Settings) -> Journal:
    """The journal, and a shipper where decisions are to be shipped. Raises: JournalError."""
    folder = Path(settings.journal_folder)
    limits = Limits(folder_bytes=settings.journal_limit_bytes)
    disposable = sealed_and_shipped if settings.decisions_url else sealed
    journal = Journal(folder, limits, disposable=disposable)
    atexit.register(journal.close)
    if settings.decisions_url:
        ca_file = Path(settings.decisions_ca_file) if settings.decisions_ca_file else None
        destination = Destination(
            url=settings.decisions_url,
            token_file=Path(settings.decisions_token_file),
            ca_file=ca_file,
        )
        _run(Shipper(folder, destination))
    return journal


def _operations(source: Source, around: Surroundings) -> Operations:
    """The other port: each worker takes the first one that is free. Raises: UnavailableError."""
    app = create_operations(source)
    ports = range(around.metrics_port, around.metrics_port + around.workers)
    return Operations(app, around.host, ports)


def _read(paths: Sequence[str], judged: Decide, profile: ClusterProfile) -> World:
    """The world of the manifests at *paths*, ready to judge. Raises: SourceError."""
    world = World.of(read_whole(paths).snapshot, profile)
    warm(world, judged)
    return world


def _run(part: Part) -> None:
    """Start *part*, and end it with the process."""
    part.start()
    atexit.register(part.close)
