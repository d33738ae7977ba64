"""``nodeward suggest``: the smallest set of objects that guards a Service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from service.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.checks.suggest import Suggestion
    from service.net.prefixes import Prefix


@click.command("suggest")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.argument("service", metavar="SERVICE")
@click.option(
    "--from",
    "sources",
    metavar="CIDR",
    multiple=True,
    required=True,
    help="A network whose packets are to get in; several are given one by one.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Manifests with comments, or one line of JSON.",
)
def suggest(
    paths: tuple[str, ...], service: str, *, sources: tuple[str, ...], form: str
) -> ExitCode:
    """Write the smallest set of objects that guards SERVICE (NAMESPACE/NAME) in the cluster that the
    manifests at PATH describe: host endpoints where they lack, and a preDNAT policy.

    It is shown only after it was applied and judged: the sources get in on every node, everybody else is
    denied, and no check finds anything new. Exits with 1 where nothing holds, and tells why.
    """
    import orjson

    from service.checks.settings import check_settings, cluster_profile
    from service.checks.suggest import service_ref
    from service.checks.suggest import suggest as suggested
    from service.cluster.manifests import load_paths
    from service.errors import NotFoundError
    from service.policy.world import World
    from service.settings import load

    settings = load()
    loaded = load_paths(paths)
    world = World.of(loaded.snapshot, cluster_profile(settings))
    try:
        ref = service_ref(service)
        told = suggested(world, check_settings(settings), ref, sources=_networks(sources))
    except NotFoundError as error:
        raise click.BadParameter(str(error), param_hint="SERVICE") from error
    click.echo(orjson.dumps(told.to_json()) if form == "json" else _text(told), nl=form == "json")
    for fault in loaded.errors:
        click.echo(f"nodeward: {fault}", err=True)
    if loaded.errors:
        return ExitCode.UNREADABLE
    return ExitCode.FINDINGS if told.refused else ExitCode.CLEAN


def _networks(texts: Iterable[str]) -> list[Prefix]:
    """Raises: click.BadParameter."""
    from service.net.prefixes import PrefixError, parse_cidr

    try:
        return [parse_cidr(text) for text in texts]
    except PrefixError as error:
        raise click.BadParameter(str(error), param_hint="--from") from error


def _text(told: Suggestion) -> str:
    """A manifest that says in its comments what it is."""
    lines = [f"# guards Service {told.service} for {', '.join(told.sources)}"]
    lines.append(f"# nothing holds: {told.refused}" if told.refused else f"# {told.summary}")
    lines += [f"# others let in, whom nothing new can keep out: {one}" for one in told.also]
    return "\n".join([*lines, str(told.to_json()["yaml"])]).rstrip("\n") + "\n"


COMMAND = suggest
