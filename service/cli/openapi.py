"""``nodeward openapi``: the specification of the REST API, made from the code."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.exit_code import ExitCode


@click.command("openapi")
@click.option(
    "--check",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Only tell whether FILE still follows from the code; exit 1 if not.",
)
@click.option(
    "--write",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to FILE.",
)
def openapi(check: Path | None, write: Path | None) -> ExitCode:
    """Print the OpenAPI document of the REST API."""
    from service.api.app import specification

    text = specification()
    if check is not None:
        if check.read_text(encoding="utf-8") == text:
            return ExitCode.CLEAN
        click.echo(
            f"{check} does not follow from the code: nodeward openapi --write {check}", err=True
        )
        return ExitCode.FINDINGS
    if write is not None:
        write.write_text(text, encoding="utf-8")
    else:
        click.echo(text, nl=False)
    return ExitCode.CLEAN


COMMAND = openapi
