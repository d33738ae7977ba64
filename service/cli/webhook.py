"""``nodeward webhook``: the admission door."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.certs import development_certificates

if TYPE_CHECKING:
    from service.cluster.watch import Cluster, Manifests

THREADS = 16
_WAITING_THREADS = 128
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_MANIFESTS = click.Path(exists=True)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("webhook")
@click.option(
    "--manifests",
    metavar="PATH",
    type=_MANIFESTS,
    multiple=True,
    help="File or folder that describes the cluster; read again whenever it changes.",
)
@click.option(
    "--cluster",
    is_flag=True,
    help="Watch a live cluster; the default in a pod without --manifests.",
)
@click.option(
    "--context", metavar="NAME", default="", help="Watch the cluster of this kubeconfig context."
)
@click.argument("more", metavar="[PATH]...", type=_MANIFESTS, nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=9443, show_default=True, help="HTTPS port."
)
@click.option("--tls-cert", "certificate", type=_FILE, help="PEM certificate (and chain).")
@click.option("--tls-key", "key", type=_FILE, help="PEM private key of the certificate.")
@click.option(
    "--client-ca",
    type=_FILE,
    help="PEM certificates of the authorities whose clients are let in; without it, everybody is, at a rate.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    default=9442,
    show_default=True,
    help="Plain HTTP port of probes and metrics; 0 serves them beside reviews, metrics to this host only.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes; each holds the world once more and counts its own metrics.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    default=None,
    show_default="16, and 128 for a cluster",
    help="Per process; a denial holds one while it waits to learn what the cluster has by now.",
)
def webhook(
    manifests: tuple[str, ...],
    more: tuple[str, ...],
    *,
    cluster: bool,
    context: str,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    client_ca: Path | None,
    metrics_port: int,
    workers: int,
    threads: int | None,
) -> None:
    """Answer admission reviews over HTTPS, judged in the world of the manifests or of a live cluster.

    Without a certificate, a development one from .nodeward/certs is shown, on loopback only. A pair
    that is replaced on disk is served from the next connection on.
    """
    import importlib

    from service.admission.terms import terms
    from service.settings import load

    terms(load())  # a setting at fault is told here, not in a worker's log
    served = _served((*manifests, *more), cluster=cluster, context=context)
    certificate, key = _pair(certificate, key, host=host)
    for one in filter(None, (port, metrics_port)):
        _check_address(host, one)
    server = importlib.import_module("webhook.server")  # by name: service does not know the door
    address = f"[{host}]" if ":" in host else host
    server.run(
        served,
        server.Options(
            bind=f"{address}:{port}",
            certfile=str(certificate),
            keyfile=str(key),
            workers=workers,
            threads=threads or _threads(served),
        ),
        server.Extras(client_ca=client_ca, host=host, metrics_port=metrics_port),
    )


def _threads(served: Manifests | Cluster) -> int:
    """Enough that a hundred denials a second, which wait about half of one each, hold up nobody else."""
    from service.cluster.watch import Cluster

    return _WAITING_THREADS if isinstance(served, Cluster) else THREADS


def _served(paths: tuple[str, ...], *, cluster: bool, context: str) -> Manifests | Cluster:
    """What is to be served; a cluster without credentials is told here, not in a worker's log.

    Raises: click.UsageError, SourceError.
    """
    from service.cluster.kube import Client, runs_in_pod
    from service.cluster.watch import Cluster, Manifests

    is_live = cluster or bool(context) or (not paths and runs_in_pod())
    if paths and is_live:
        raise click.UsageError("--manifests and --cluster exclude each other")
    if not paths and not is_live:
        raise click.UsageError("what is to be served? Give --manifests or --cluster")
    if not is_live:
        return Manifests(paths)
    Client(context)
    return Cluster(context)


def _pair(certificate: Path | None, key: Path | None, *, host: str) -> tuple[Path, Path]:
    """The files of a pair that can be served.

    Raises: click.UsageError, CertificateError.
    """
    if certificate is None and key is None:
        if host not in _LOOPBACK:
            raise click.UsageError(f"a certificate for {host} is needed: --tls-cert and --tls-key")
        folder = development_certificates()
        return folder.server_certificate, folder.server_key
    if certificate is None or key is None:
        raise click.UsageError("--tls-cert and --tls-key belong together")
    _check_pair(certificate, key)
    return certificate, key


def _check_pair(certificate: Path, key: Path) -> None:
    import ssl

    from certs.authority import CertificateError

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or str(error)
        raise CertificateError(f"{certificate} and {key} cannot be served: {reason}") from error


def _check_address(host: str, port: int) -> None:
    """Raise UnavailableError if nothing can listen there; gunicorn would try for long and exit 1."""
    import socket

    from service.errors import UnavailableError

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise UnavailableError(f"cannot listen on {host} port {port}: {error.strerror}") from error


COMMAND = webhook
