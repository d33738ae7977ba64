"""``nodeward connectivity``: which pods may call which, by classes of pods that nothing tells apart."""

from __future__ import annotations

import click

from service.cli import options
from service.cli.exit_code import ExitCode


@click.command("connectivity")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--family", type=click.Choice(["4", "6"]), default="4", show_default=True, help="IP version."
)
@options.limit("Refuse a cluster with more pairs of senders and targets among its classes.")
@options.form("text")
def connectivity(paths: tuple[str, ...], *, family: str, limit: int, form: str) -> ExitCode:
    """Tell which pods may call which in the cluster that the manifests at PATH describe.

    Pods that no policy tells apart are one class. Between two classes stands, exactly, what is allowed and
    what is not known; everything else is denied.
    """
    import orjson

    from service.checks.settings import cluster_profile
    from service.cluster.manifests import load_paths
    from service.net.prefixes import Family
    from service.policy.connectivity import connectivity as connected
    from service.policy.world import World
    from service.settings import load

    loaded = load_paths(paths)
    world = World.of(loaded.snapshot, cluster_profile(load()))
    answer = connected(world, Family(int(family)), limit=limit)
    click.echo(orjson.dumps(answer.to_json()) if form == "json" else answer.to_text())
    for one in loaded.errors:
        click.echo(f"nodeward: {one}", err=True)
    return ExitCode.UNREADABLE if loaded.errors else ExitCode.CLEAN


COMMAND = connectivity
