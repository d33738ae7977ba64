"""``nodeward workload``: the effective policy of a workload, and what a label would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from service.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.command("workload")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.argument("name", metavar="NAMESPACE/NAME")
@click.option(
    "--label",
    "labels",
    metavar="KEY=VALUE",
    multiple=True,
    help="A label that it would have, or KEY- for one that it would lose: tells what opens and closes.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one line of JSON for each group of pods that are alike.",
)
def workload(paths: tuple[str, ...], name: str, *, labels: tuple[str, ...], form: str) -> ExitCode:
    """Tell the effective policy of a workload or pod in the cluster that the manifests at PATH describe:
    the policies that its labels earn it, what policies of others grant it, and the roles that there are.
    """
    import orjson

    from service.checks.settings import cluster_profile
    from service.checks.workload.page import pages
    from service.cluster.manifests import load_paths
    from service.errors import NotFoundError
    from service.policy.world import World
    from service.settings import load

    loaded = load_paths(paths)
    world = World.of(loaded.snapshot, cluster_profile(load()))
    try:
        told = pages(world, name, dict(_labels(labels)))
    except NotFoundError as error:
        raise click.BadParameter(str(error), param_hint="NAMESPACE/NAME") from error
    for page in told:
        click.echo(orjson.dumps(page.to_json()) if form == "json" else page.to_text())
    for fault in loaded.errors:
        click.echo(f"nodeward: {fault}", err=True)
    return ExitCode.UNREADABLE if loaded.errors else ExitCode.CLEAN


def _labels(texts: Iterable[str]) -> Iterable[tuple[str, str | None]]:
    """Raises: click.BadParameter."""
    from service.model.names import is_label_value

    for text in texts:
        key, given, value = text.partition("=")
        if given and key and is_label_value(value):
            yield key, value
        elif not given and key.endswith("-") and len(key) > 1:
            yield key[:-1], None
        else:
            detail = f"{text!r} is neither KEY=VALUE nor KEY-"
            raise click.BadParameter(detail, param_hint="--label")


COMMAND = workload
