"""``nodeward review``: the answer to an admission review, offline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from service.cli.exit_code import ExitCode

_STDIN = "-"


@click.command("review")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--review",
    "source",
    metavar="FILE",
    required=True,
    help="An AdmissionReview of admission.k8s.io/v1 in JSON; - is standard input.",
)
def review(paths: tuple[str, ...], source: str) -> ExitCode:
    """Answer an admission review in the cluster that the manifests at PATH describe.

    Prints the AdmissionReview that the webhook would send. Exits with 0 if the request is allowed, 1
    if it is refused, and 3 if the review or some document cannot be read: one that cannot be read may
    be the policy that guards a port.
    """
    import time

    import orjson

    from service.admission.decide import decide
    from service.admission.review import read_review, response
    from service.admission.terms import terms
    from service.checks.settings import cluster_profile
    from service.cluster.manifests import load_paths
    from service.policy.world import World
    from service.settings import load

    settings = load()
    agreed, profile = terms(settings), cluster_profile(settings)
    loaded = load_paths(paths)
    if loaded.errors:
        for error in loaded.errors:
            click.echo(f"nodeward: {error}", err=True)
        return ExitCode.UNREADABLE
    request = read_review(_body(source))
    world = World.of(loaded.snapshot, profile)
    decision = decide(world, request, agreed, now_s=int(time.time()))
    click.echo(orjson.dumps(response(decision)))
    return ExitCode.CLEAN if decision.allowed else ExitCode.FINDINGS


def _body(source: str) -> bytes:
    """The review as it was written.

    Raises: ManifestError.
    """
    from service.errors import ManifestError, SourceLocation

    try:
        return sys.stdin.buffer.read() if source == _STDIN else Path(source).read_bytes()
    except OSError as error:
        detail = f"the review cannot be read: {error.strerror or error}"
        raise ManifestError(detail, location=SourceLocation(source)) from error


COMMAND = review
