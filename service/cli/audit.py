"""``nodeward audit``: judge manifests, or a live cluster, and tell what is wrong."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Final

import click

from service.checks.verdict import Severity
from service.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from service.audit.run import Audit, Source
    from service.reports.document import Exporter

_NEVER: Final = "never"


def _exporter(_context: click.Context, _option: click.Parameter, name: str) -> Exporter:
    from service.reports.document import exporters

    if name not in exporters():
        raise click.BadParameter(f"there is no format {name}; there are {', '.join(exporters())}")
    return exporters()[name]


@click.command("audit")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("--cluster", is_flag=True, help="Audit a live cluster instead of manifests.")
@click.option(
    "--context", metavar="NAME", default="", help="Audit the cluster of this kubeconfig context."
)
@click.option(
    "--format",
    "exporter",
    metavar="FORMAT",
    default="text",
    show_default=True,
    callback=_exporter,
    help="text, json, csv or html.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.File("wb", lazy=True),
    default="-",
    help="Write to FILE instead of standard output.",
)
@click.option(
    "--fail-on",
    type=click.Choice([*(severity.value for severity in Severity), _NEVER]),
    default=Severity.HIGH.value,
    show_default=True,
    help="Exit 1 if a finding is this bad or worse.",
)
@click.option("--check", "only", metavar="ID", multiple=True, help="Run only this check.")
def audit(
    paths: tuple[str, ...],
    exporter: Exporter,
    *,
    cluster: bool,
    context: str,
    output: IO[bytes],
    fail_on: str,
    only: tuple[str, ...],
) -> ExitCode:
    """Audit the manifests at PATH: files, folders, or - for standard input; or a live cluster.

    A cluster is listed once, kind by kind. Exits with 0 if no finding is as bad as --fail-on, 1 if one
    is, and 3 if some document, or the cluster, could not be read; what could be read of documents is
    reported all the same.
    """
    from service.audit.report import report

    is_live = cluster or bool(context)
    if bool(paths) == is_live:
        raise click.UsageError("give either PATH or --cluster")
    source = _cluster(context) if is_live else _manifests(paths)
    loaded = source.loaded
    done = _audited(source, only)
    exporter.write(report(done.run, done.findings), output)
    for error in loaded.errors:
        click.echo(f"nodeward: {error}", err=True)
    if loaded.errors:
        return ExitCode.UNREADABLE
    if fail_on != _NEVER and done.at_least(Severity(fail_on)):
        return ExitCode.FINDINGS
    return ExitCode.CLEAN


def _manifests(paths: tuple[str, ...]) -> Source:
    from service.audit.run import Source
    from service.checks.settings import cluster_profile
    from service.cluster.manifests import load_paths
    from service.settings import load

    return Source(load_paths(paths), paths, cluster_profile(load()))


def _cluster(context: str) -> Source:
    """A live cluster. Raises: SourceError."""
    from service.audit.run import Source, source_name
    from service.checks.settings import cluster_profile
    from service.cli.progress import telling
    from service.cluster.gather import gather
    from service.settings import load

    with telling() as tell:
        found = gather(context, tell)
    return Source(
        found.loaded, (source_name(found.cluster),), cluster_profile(load()), age_s=found.age_s
    )


def _audited(source: Source, only: tuple[str, ...]) -> Audit:
    from service.admission.enforcement import EnforcementPoint
    from service.audit.run import audit as run_audit
    from service.checks.run import checks
    from service.settings import load

    known = [check.id for check in checks()]
    for name in only:
        if name not in known:
            raise click.BadParameter(f"there is no check {name}; there are {', '.join(known)}")
    return run_audit(source, load(), at=_now(), only=only, point=EnforcementPoint.CLI)


def _now() -> datetime:
    """The clock, or SOURCE_DATE_EPOCH, by which others repeat an audit byte for byte."""
    from datetime import UTC, datetime

    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(fixed), UTC) if fixed.isdecimal() else datetime.now(UTC)


COMMAND = audit
