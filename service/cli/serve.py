"""``nodeward serve``: the audit door."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.certs import STATE_FOLDER

_DATABASE = f"sqlite:///{STATE_FOLDER}/audit.db"


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="HTTP port."
)
@click.option(
    "--database",
    metavar="URL",
    default=_DATABASE,
    show_default=True,
    help="Where audits are kept.",
)
@click.option(
    "--manifests",
    metavar="PATH",
    type=click.Path(exists=True),
    multiple=True,
    help="File or folder that describes the served cluster; audited whenever it changes.",
)
@click.option("--cluster", is_flag=True, help="Watch a live cluster; audited whenever it changes.")
@click.option(
    "--context",
    "contexts",
    metavar="NAME",
    multiple=True,
    help="Watch the cluster of this kubeconfig context; may be given several times.",
)
@click.option(
    "--token-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Admit the bearer token in this file; made, readable to you alone, if it is not there.",
)
@click.option(
    "--door-token-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The same for a token that allows an admission door to ship its decisions, and nothing else.",
)
def serve(
    host: str,
    port: int,
    *,
    database: str,
    manifests: tuple[str, ...],
    cluster: bool,
    contexts: tuple[str, ...],
    token_file: Path | None,
    door_token_file: Path | None,
) -> None:
    """Serve audits, findings, reports, traces and what-if reviews over REST.

    The first start makes a bearer token and prints it, once; only its hash is kept. The service
    speaks plain HTTP: beyond loopback, put a proxy that terminates TLS before it.
    """
    from service.api.server import Options, run

    contexts = _contexts(contexts, cluster=cluster)
    if database == _DATABASE:
        STATE_FOLDER.mkdir(mode=0o700, exist_ok=True)
    _prepare(database, token_file, door_token_file)
    address = f"[{host}]" if ":" in host else host
    click.echo(f"Nodeward serves http://{address}:{port}/v1", err=True)
    bind = f"{address}:{port}"
    run(Options(bind=bind, database=database, manifests=manifests, contexts=contexts))


def _contexts(named: tuple[str, ...], *, cluster: bool) -> tuple[str, ...]:
    """The kubeconfig contexts to serve, "" for the cluster at hand.

    Raises: SourceError for one without credentials: told here, not in a worker's log.
    """
    contexts = named or (("",) if cluster else ())
    if contexts:
        from service.cluster.kube import Client

        for context in contexts:
            Client(context)
    return contexts


def _prepare(database: str, token_file: Path | None, door_token_file: Path | None) -> None:
    """Admit a token, before there are processes that share the store.

    Raises: SettingsError, StoreError and SourceError, which are told here, not in a worker's log.
    """
    from datetime import UTC, datetime

    from service.admission.terms import terms
    from service.api import auth
    from service.settings import load
    from service.store.port import open_store

    at = datetime.now(UTC)
    terms(load())
    store = open_store(database)
    try:
        if token_file is not None:
            auth.admit_file(store, token_file, at)
        elif (secret := auth.first_secret(store, at)) is not None:
            click.echo(f"Bearer token, shown only now: {secret}")
        if door_token_file is not None:
            auth.admit_file(store, door_token_file, at, scopes=(auth.Scope.DECISIONS,))
    finally:
        store.close()


COMMAND = serve
