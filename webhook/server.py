"""The door as a process, which is that of ``nodeward webhook``."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.serving import process
from webhook.tls import Contexts

if TYPE_CHECKING:
    import ssl

    from flask import Flask
    from gunicorn.config import Config

    from service.cluster.watch import Cluster, Manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says, under gunicorn's names; there is no way to leave out the pair."""

    bind: str
    certfile: str
    keyfile: str
    workers: int
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What else the command line says: whose certificates are asked for, and where metrics are served."""

    client_ca: Path | None = None
    host: str = "127.0.0.1"
    metrics_port: int = 0


def run(served: Manifests | Cluster, options: Options, extras: Extras | None = None) -> None:
    """Serve reviews in the world of what is *served* until a signal ends it.

    Raises: SystemExit.
    """
    extras = extras or Extras()
    contexts = Contexts(Path(options.certfile), Path(options.keyfile), extras.client_ca)

    def ssl_context(_config: Config, _default: object) -> ssl.SSLContext:
        """The context for one connection, from the files as they stand on disk now."""
        return contexts.current()

    settings = {**asdict(options), "ssl_context": ssl_context}
    process.run(settings, functools.partial(_app, served, options, extras))


def _app(served: Manifests | Cluster, options: Options, extras: Extras) -> Flask:
    """The app, made in the worker: its thread would not survive the fork."""
    from webhook.wiring import Surroundings, serve  # noqa: PLC0415  # the arbiter has no use for it

    around = Surroundings(
        host=extras.host,
        metrics_port=extras.metrics_port,
        verifies_clients=extras.client_ca is not None,
        workers=options.workers,
        threads=options.threads,
    )
    return serve(served, around)
