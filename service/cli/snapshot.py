"""``nodeward snapshot``: a live cluster as a file."""

from __future__ import annotations

import click


@click.command("snapshot")
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True),
    required=True,
    help="The file to write.",
)
@click.option(
    "--context", metavar="NAME", default="", help="The kubeconfig context; else the current one."
)
def snapshot(output: str, context: str) -> None:
    """Capture a live cluster in FILE, which every command takes in place of manifests.

    It holds what a verdict can depend on and nothing else: no Secrets, no environment of pods but Felix's, no
    annotation that is not read. The same objects give the same bytes. Exits with 3 if the cluster
    cannot be read.
    """
    from pathlib import Path

    from service.cli.progress import telling
    from service.cluster import capture
    from service.cluster.gather import gather

    with telling() as tell:
        found = gather(context, tell)
    part = Path(f"{output}.part")
    with part.open("wb") as stream:
        digest = capture.write(found.snapshot, found.discovery, stream)
    part.replace(output)
    count = sum(1 for _ in found.snapshot.decoded())
    click.echo(f"{count} objects of {found.cluster}, sha256 {digest}", err=True)


COMMAND = snapshot
