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


def run(served: Manifests | Cluster, options: Options) -> None:
    """Serve reviews in the world of what is *served* until a signal ends it.

    Raises: SystemExit.
    """
    settings = {**asdict(options), "ssl_context": _ssl_context}
    process.run(settings, functools.partial(_app, served))


def _app(served: Manifests | Cluster) -> Flask:
    """The app, made in the worker: its thread would not survive the fork."""
    from webhook.app import serve  # noqa: PLC0415  # the arbiter has no use for the engine

    return serve(served)


def _ssl_context(config: Config, _default: object) -> ssl.SSLContext:
    """The context for one connection, from the pair as it stands on disk now."""
    return _contexts(config.certfile, config.keyfile).current()


@functools.cache
def _contexts(certificate: str, key: str) -> Contexts:
    return Contexts(Path(certificate), Path(key))
