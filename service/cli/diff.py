"""``nodeward diff``: which flows opened and closed between two states of a cluster."""

from __future__ import annotations

import click

from service.cli import options
from service.cli.exit_code import ExitCode


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--question",
    metavar="JSON",
    default="{}",
    help="Which flows are compared, as for reach; all of them, if it is left out.",
)
@options.limit(options.QUESTION_LIMIT)
@options.form("text")
def diff(before: str, after: str, *, question: str, limit: int, form: str) -> ExitCode:
    """Tell which flows opened and which closed from the manifests at A to those at B.

    Exits with 0 if none did, 1 if some did or may have, and 3 if something cannot be read.
    """
    import orjson

    from service.admission import strict_json
    from service.checks.settings import cluster_profile
    from service.cluster.manifests import load_paths
    from service.errors import InputError, SourceLocation
    from service.policy.difference import difference
    from service.policy.question import parse_question
    from service.policy.world import World
    from service.settings import load

    try:
        asked = parse_question(strict_json.decode(question.encode()))
    except InputError as error:
        place = SourceLocation("--question", pointer=error.location.pointer)
        click.echo(f"nodeward: {type(error)(error.detail, location=place)}", err=True)
        return ExitCode.UNREADABLE
    profile = cluster_profile(load())
    old, new = load_paths([before]), load_paths([after])
    errors = (*old.errors, *new.errors)
    for one in errors:
        click.echo(f"nodeward: {one}", err=True)
    states = [World.of(one.snapshot, profile) for one in (old, new)]
    told = difference(states[0], states[1], asked, limit=limit)
    click.echo(orjson.dumps(told.to_json()) if form == "json" else told.to_text())
    if errors:
        return ExitCode.UNREADABLE
    return ExitCode.FINDINGS if told.turned else ExitCode.CLEAN


COMMAND = diff
