"""``nodeward reach``: which flows get through, as exact sets."""

from __future__ import annotations

import click

from service.cli import options
from service.cli.exit_code import ExitCode


@click.command("reach")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--question",
    metavar="JSON",
    default="{}",
    help="What is asked: the fields of a flow, each with one value, several, or none for any.",
)
@options.limit(options.QUESTION_LIMIT)
@options.form("json")
def reach(paths: tuple[str, ...], question: str, *, limit: int, form: str) -> ExitCode:
    """Tell which flows get through the cluster that the manifests at PATH describe.

    The answer has the exact sets of flows that are allowed, denied and not known, each with what
    decides it and a flow out of it.
    """
    import orjson

    from service.admission import strict_json
    from service.checks.settings import cluster_profile
    from service.cluster.manifests import load_paths
    from service.errors import InputError, SourceLocation
    from service.policy.question import parse_question
    from service.policy.reach import reach as reached
    from service.policy.world import World
    from service.settings import load

    try:
        asked = parse_question(strict_json.decode(question.encode()))
    except InputError as error:
        place = SourceLocation("--question", pointer=error.location.pointer)
        click.echo(f"nodeward: {type(error)(error.detail, location=place)}", err=True)
        return ExitCode.UNREADABLE
    loaded = load_paths(paths)
    answer = reached(World.of(loaded.snapshot, cluster_profile(load())), asked, limit=limit)
    click.echo(orjson.dumps(answer.to_json()) if form == "json" else answer.to_text())
    for one in loaded.errors:
        click.echo(f"nodeward: {one}", err=True)
    return ExitCode.UNREADABLE if loaded.errors else ExitCode.CLEAN


COMMAND = reach
