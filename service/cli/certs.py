"""``nodeward certs``: the certificate of the admission door."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from certs.renewal import Action

if TYPE_CHECKING:
    from certs.folder import Folder

STATE_FOLDER = Path(".nodeward")
"""Where development certificates, tokens and stores live; never tracked."""

CERTIFICATES = STATE_FOLDER / "certs"


@click.group("certs")
def certs() -> None:
    """Make and renew the certificate that the admission door shows."""


@certs.command("issue")
@click.option(
    "--dir",
    "path",
    type=click.Path(file_okay=False, path_type=Path),
    default=CERTIFICATES,
    show_default=True,
    help="Folder of ca.crt, ca.key, tls.crt and tls.key.",
)
@click.option(
    "--host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="A DNS name or address beside loopback and the Service's own names; may be repeated.",
)
@click.option(
    "--ca-bundle",
    "output",
    flag_value="ca-bundle",
    default="paths",
    help="Print ca.crt in base64, for clientConfig.caBundle, and nothing else.",
)
@click.option(
    "--new-authority",
    "replacement",
    flag_value="allowed",
    default="refused",
    help="Replace an authority that is due; the old one stays in ca.crt until it ends.",
)
def issue(path: Path, hosts: tuple[str, ...], *, output: str, replacement: str) -> None:
    """Make what is missing; renew the server certificate after two thirds of its life.

    What is still good is kept, so this may run as often as you like.
    """
    from datetime import UTC, datetime

    from certs.folder import DEFAULT_HOSTS, Folder, Replacement
    from certs.folder import issue as issue_due

    folder = Folder(path)
    action = issue_due(
        folder,
        DEFAULT_HOSTS.union(hosts),
        datetime.now(UTC),
        replacement=Replacement(replacement),
    )
    click.echo(_TOLD[action].format(path), err=True)
    if output == "ca-bundle":
        click.echo(folder.ca_bundle())
    else:
        click.echo(folder.server_certificate)


def development_certificates() -> Folder:
    """The certificates of this checkout, for loopback; made or renewed where they are due.

    Raises: CertificateError.
    """
    from datetime import UTC, datetime

    from certs.folder import DEFAULT_HOSTS, Folder
    from certs.folder import issue as issue_due

    STATE_FOLDER.mkdir(mode=0o700, exist_ok=True)
    folder = Folder(CERTIFICATES)
    issue_due(folder, DEFAULT_HOSTS, datetime.now(UTC))
    return folder


_TOLD = {
    Action.KEEP: "the certificates in {} are good; nothing changed",
    Action.ISSUE_SERVER: "issued a new server certificate in {}",
    Action.FOUND_AUTHORITY: "made an authority and a server certificate in {}",
    Action.REPLACE_AUTHORITY: "replaced the authority in {}; give its ca.crt to every client",
}

COMMAND = certs
