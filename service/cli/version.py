"""``nodeward version``."""

from __future__ import annotations

import click

from service import __version__


@click.command("version")
def version() -> None:
    """Print the version of Nodeward."""
    click.echo(f"nodeward {__version__}")


COMMAND = version
