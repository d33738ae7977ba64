"""``nodeward trace``: what becomes of a packet, hook by hook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.errors import InputError
    from service.policy.stages import Detail
    from service.policy.world import World

_STDIN = "-"


@click.command("trace")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--flow", metavar="JSON", help="One flow in the trace format.")
@click.option("--flows", metavar="FILE", help="A flow on each line of FILE; - is standard input.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="One line of JSON for each flow, or lines for people.",
)
@click.option(
    "--explain",
    "detail",
    flag_value="rules",
    default="stages",
    help="Tell every rule that was looked at too, and why it did or did not match.",
)
def trace(
    paths: tuple[str, ...], flow: str | None, *, flows: str | None, form: str, detail: str
) -> ExitCode:
    """Follow flows through the cluster that the manifests at PATH describe.

    A line that is no flow is answered by its error, and the others all the same; the exit code is
    then 3, as where some document could not be read.
    """
    from service.checks.settings import cluster_profile
    from service.cluster.manifests import load_paths
    from service.policy.stages import Detail
    from service.policy.world import World
    from service.settings import load

    if (flow is None) == (flows is None):
        raise click.UsageError("exactly one of --flow and --flows is needed")
    world = World.of((loaded := load_paths(paths)).snapshot, cluster_profile(load()))
    lines = [("--flow", 0, flow)] if flow is not None else _lines(flows or "")
    told = _answers(world, lines, form=form, detail=Detail(detail))
    errors = [*loaded.errors, *told]
    for error in errors:
        click.echo(f"nodeward: {error}", err=True)
    return ExitCode.UNREADABLE if errors else ExitCode.CLEAN


_Line = tuple[str, int, str]
"""Where a flow stands: the name of its file and its line, from 1; and its text."""


def _answers(
    world: World, lines: Iterable[_Line], *, form: str, detail: Detail
) -> Iterator[InputError]:
    """Print the answer to each line as it is read; the errors of those that have none."""
    import orjson

    from service.admission import strict_json
    from service.errors import InputError, SourceLocation
    from service.policy.trace import parse_flow
    from service.policy.trace import trace as follow

    for file, line, text in lines:
        try:
            query = parse_flow(strict_json.decode(text.encode()))
        except InputError as error:
            place = SourceLocation(file, line, pointer=error.location.pointer)
            located = type(error)(error.detail, location=place)
            if form == "json":
                click.echo(orjson.dumps({"error": {"code": error.code, "detail": str(located)}}))
            yield located
            continue
        answer = follow(world, query, detail)
        click.echo(orjson.dumps(answer.to_json()) if form == "json" else answer.to_text())


def _lines(path: str) -> Iterator[_Line]:
    """The lines of a file that hold something, with their numbers.

    Raises: ManifestError.
    """
    from service.errors import ManifestError, SourceLocation

    try:
        data = sys.stdin.buffer.read() if path == _STDIN else Path(path).read_bytes()
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        detail = f"the flows cannot be read: {error}"
        raise ManifestError(detail, location=SourceLocation(path)) from error
    name = "<stdin>" if path == _STDIN else path
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield name, number, line


COMMAND = trace
