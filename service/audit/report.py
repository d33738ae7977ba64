"""From records to the neutral Report."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, cast

from service.checks.run import checks
from service.reports.document import Report
from service.settings import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.verdict import Json
    from service.reports import document
    from service.store.records import AuditRun, Finding


def report(run: AuditRun, findings: Iterable[Finding]) -> Report:
    """The report of *run*. *findings* are read while it is written."""
    return Report(
        run=cast("document.Run", run.to_json()),
        findings=(cast("document.Finding", finding.document) for finding in findings),
        verify=verify_command(run),
    )


def verify_command(run: AuditRun) -> str:
    """The command line that repeats *run* where its files lie, settings included."""
    words = [*_settings_given(run), "nodeward audit"]
    if len(run.checks) < len(checks()):
        words += [f"--check={name}" for name in run.checks]
    return " ".join([*words, *map(shlex.quote, run.sources)])


def _settings_given(run: AuditRun) -> Iterator[str]:
    """``VARIABLE=text`` of each setting that is not the default."""
    for row in TABLE:
        if row.name in run.settings:
            text = setting_text(run.settings[row.name])
            if row.parse(text) != row.parse(row.default):
                yield f"{row.variable}={shlex.quote(text)}"


def setting_text(value: Json) -> str:
    """A recorded value as the environment spells it."""
    match value:
        case [int(low), int(high)]:
            return f"{low}-{high}"
        case [str(address), int(port)]:
            return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        case list():
            return ",".join(map(setting_text, value))
        case _:
            return str(value)
