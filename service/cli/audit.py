"""``nodeward audit``: judge manifests and tell what is wrong."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Final

import click

from service.checks.verdict import Severity
from service.cli.exit_code import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from service.audit.run import Audit
    from service.cluster.manifests import Loaded
    from service.reports.document import Exporter

_NEVER: Final = "never"


def _exporter(_context: click.Context, _option: click.Parameter, name: str) -> Exporter:
    from service.reports.document import exporters

    if name not in exporters():
        raise click.BadParameter(f"there is no format {name}; there are {', '.join(exporters())}")
    return exporters()[name]


@click.command("audit")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
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
    output: IO[bytes],
    fail_on: str,
    only: tuple[str, ...],
) -> ExitCode:
    """Audit the manifests at PATH: files, folders, or - for standard input.

    Exits with 0 if no finding is as bad as --fail-on, 1 if one is, and 3 if some document could not
    be read; what could be read is reported all the same.
    """
    from service.audit.report import report
    from service.cluster.manifests import load_paths

    loaded = load_paths(paths)
    done = _audited(loaded, paths, only)
    exporter.write(report(done.run, done.findings), output)
    for error in loaded.errors:
        click.echo(f"nodeward: {error}", err=True)
    if loaded.errors:
        return ExitCode.UNREADABLE
    if fail_on != _NEVER and done.at_least(Severity(fail_on)):
        return ExitCode.FINDINGS
    return ExitCode.CLEAN


def _audited(loaded: Loaded, paths: tuple[str, ...], only: tuple[str, ...]) -> Audit:
    from service.admission.enforcement import EnforcementPoint
    from service.audit.run import Source
    from service.audit.run import audit as run_audit
    from service.checks.run import checks
    from service.checks.settings import cluster_profile
    from service.settings import load

    known = [check.id for check in checks()]
    for name in only:
        if name not in known:
            raise click.BadParameter(f"there is no check {name}; there are {', '.join(known)}")
    settings = load()
    source = Source(loaded, paths, cluster_profile(settings))
    return run_audit(source, settings, at=_now(), only=only, point=EnforcementPoint.CLI)


def _now() -> datetime:
    """The clock, or SOURCE_DATE_EPOCH, by which others repeat an audit byte for byte."""
    from datetime import UTC, datetime

    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(fixed), UTC) if fixed.isdecimal() else datetime.now(UTC)


COMMAND = audit
