"""``nodeward demo``: both doors on loopback over the demo cluster; what ``make run`` executes."""

from __future__ import annotations

import shlex
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server
from typing import TYPE_CHECKING, Final

import click

from service.cli.certs import STATE_FOLDER, development_certificates
from service.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HOST: Final = "127.0.0.1"
_TRIED_PORTS: Final = 50
_START_S: Final = 60.0
_STOP_S: Final = 15.0
_PAUSE_S: Final = 0.2
_PROBE_S: Final = 5.0
_TOKEN_FILE: Final = STATE_FOLDER / "token"


@dataclass(frozen=True, slots=True)
class Door:
    """A door of ours: its command, its address, and the arguments beyond the cluster's."""

    command: str
    scheme: str
    port: int
    arguments: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{self.scheme}://{_HOST}:{self.port}"


@dataclass(frozen=True, slots=True)
class Process:
    """A running door."""

    door: Door
    popen: subprocess.Popen[bytes]

    def check(self) -> None:
        """Raise UnavailableError if it has ended: nobody asked it to."""
        code = self.popen.poll()
        if code is not None:
            raise UnavailableError(f"nodeward {self.door.command} ended with code {code}")


_PORT = click.IntRange(1, 65535)


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("deploy/demo"),
    show_default=True,
    help="Holds the folders `cluster`, of manifests, and `reviews`, of AdmissionReviews.",
)
@click.option(
    "--port", type=_PORT, default=8080, show_default=True, help="REST port, or the next free one."
)
@click.option(
    "--webhook-port",
    type=_PORT,
    default=9443,
    show_default=True,
    help="HTTPS port of the webhook, or the next free one.",
)
def demo(folder: Path, port: int, webhook_port: int) -> None:
    """Start both doors on loopback over a demo cluster, and print what to try. Ctrl-C stops all.

    Certificates and the store are kept in .nodeward; the token is new each time.
    """
    review = _first_review(folder / "reviews")
    for asked_to_stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked_to_stop, signal.default_int_handler)
    try:
        _run(folder / "cluster", review, ports=(port, webhook_port))
    except KeyboardInterrupt:
        click.echo("Both doors are closed.")


def _run(cluster: Path, review: Path, *, ports: tuple[int, int]) -> None:
    trusted = development_certificates().authority_certificate
    _TOKEN_FILE.unlink(missing_ok=True)
    audit_door = Door("serve", "http", _free_port(ports[0]), ("--token-file", str(_TOKEN_FILE)))
    admission_door = Door("webhook", "https", _free_port(ports[1]), ("--metrics-port", "0"))
    with _started((audit_door, admission_door), cluster) as processes:
        for process in processes:
            _wait_until_ready(process, trusted)
        token = _token(processes[0])
        click.echo(
            f"""
Nodeward runs: admission reviews on {admission_door.url}, REST on {audit_door.url}/v1.
Ctrl-C stops both. Try, in another terminal, in this folder:

1. An admission that is refused, with its proof:

   curl -sS --cacert {_quoted(trusted)} -H 'Content-Type: application/json' \
--data-binary @{_quoted(review)} {admission_door.url}/admit

2. What the first audit found, by REST (the token is shown only now):

   curl -sS -H 'Authorization: Bearer {token}' {audit_door.url}/v1/findings

3. A report:

   {_quoted(_nodeward())} audit {_quoted(cluster)} --format html --fail-on never > report.html
"""
        )
        while True:
            time.sleep(_PAUSE_S)
            for process in processes:
                process.check()


@contextmanager
def _started(doors: Sequence[Door], cluster: Path) -> Iterator[list[Process]]:
    """The doors as processes, which have ended when the context has."""
    processes: list[Process] = []
    try:
        for door in doors:
            command = [
                *(sys.executable, "-P", "-m", "service", door.command),
                *("--host", _HOST, "--port", str(door.port), "--manifests", str(cluster)),
                *door.arguments,
            ]
            # A group of its own: a terminal's Ctrl-C is for us, and we tell them.
            popen = subprocess.Popen(command, process_group=0)  # noqa: S603  # our own command
            processes.append(Process(door, popen))
        yield processes
    finally:
        for process in processes:
            process.popen.terminate()
        for process in processes:
            _wait_or_kill(process.popen)


def _wait_or_kill(popen: subprocess.Popen[bytes]) -> None:
    try:
        popen.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()


def _wait_until_ready(process: Process, trusted: Path) -> None:
    """Return when the door answers its probe.

    Raises: UnavailableError if it ends, or does not answer in time.
    """
    end = time.monotonic() + _START_S
    context = ssl.create_default_context(cafile=trusted)
    while time.monotonic() < end:
        process.check()
        try:
            with urllib.request.urlopen(  # noqa: S310  # the URL is ours
                f"{process.door.url}/readyz", timeout=_PROBE_S, context=context
            ):
                return
        except OSError:  # URLError is one
            time.sleep(_PAUSE_S)
    raise UnavailableError(f"nodeward {process.door.command} was not ready in {_START_S:g} s")


def _token(process: Process) -> str:
    """The token that the audit door made, of which it keeps only the hash from here on.

    Another server on the door's port may have answered the probe before the door itself was there.

    Raises: UnavailableError if the door ends, or makes none in time.
    """
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        process.check()
        if _TOKEN_FILE.exists() and (token := _TOKEN_FILE.read_text(encoding="ascii").strip()):
            _TOKEN_FILE.unlink()
            return token
        time.sleep(_PAUSE_S)
    raise UnavailableError(f"nodeward {process.door.command} made no token in {_START_S:g} s")


def _first_review(reviews: Path) -> Path:
    found = sorted(reviews.glob("*.json"))
    if not found:
        raise SourceError(f"{reviews} holds no review (*.json) to try")
    return found[0]


def _free_port(first: int) -> int:
    """*first*, or the next port on which nothing listens.

    Raises: UnavailableError.
    """
    for port in range(first, first + _TRIED_PORTS):
        try:
            with closing(create_server((_HOST, port))):
                return port
        except OSError:
            continue
    raise UnavailableError(f"no port from {first} to {first + _TRIED_PORTS - 1} is free")


def _nodeward() -> Path:
    """The command beside this Python, relative to here where it is inside."""
    command = Path(sys.executable).with_name("nodeward")
    return command.relative_to(Path.cwd()) if command.is_relative_to(Path.cwd()) else command


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


COMMAND = demo
