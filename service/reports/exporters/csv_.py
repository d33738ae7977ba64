"""The report as CSV (RFC 4180) for spreadsheets: a row a finding, then what was not judged.

The column ``record`` tells them apart: ``finding``, ``input-error``, ``skipped``.
"""

from __future__ import annotations

import codecs
import csv
from typing import IO, TYPE_CHECKING

from service.reports.document import Exporter, suppression_text

if TYPE_CHECKING:
    from service.reports.document import Fault, Finding, Report

COLUMNS = (
    "record",
    "run",
    "fingerprint",
    "check",
    "reason",
    "result",
    "severity",
    "score",
    "kind",
    "namespace",
    "name",
    "file",
    "line",
    "pointer",
    "message",
    "witness",
    "rules",
    "unknown",
    "advice",
    "fix",
    "suppression",
    "revision",
    "age_s",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write(report: Report, stream: IO[bytes]) -> None:
    """Write a header line and the records, UTF-8, lines ended by CRLF."""
    text = codecs.getwriter("utf-8")(stream)
    table = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    table.writeheader()
    run = report.run["id"]
    for finding in report.findings:
        table.writerow(_harmless({"record": "finding", "run": run, **_finding_row(finding)}))
    for fault in report.run["errors"]:
        table.writerow(_harmless({"record": "input-error", "run": run, **_fault_row(fault)}))
    for kind, count in sorted(report.run["skipped"].items()):
        message = f"{count} documents of a kind that Nodeward does not read"
        table.writerow(
            _harmless({"record": "skipped", "run": run, "kind": kind, "message": message})
        )


def _finding_row(finding: Finding) -> dict[str, object]:
    subject, location = finding["subject"], finding["location"]
    witness, fix, borne = finding["witness"], finding["fix"], finding["suppression"]
    return {
        **{name: finding[name] for name in ("fingerprint", "check", "reason", "result")},
        **{name: finding[name] for name in ("severity", "score", "message", "advice")},
        **{name: subject[name] for name in ("kind", "namespace", "name")},
        **(location or {}),
        "witness": witness["text"] if witness else "",
        "rules": "; ".join(rule["text"] for rule in finding["rules"]),
        "unknown": "; ".join(finding["unknown"]),
        "fix": fix["summary"] if fix else "",
        "suppression": suppression_text(borne) if borne else "",
        "revision": finding["revision"],
        "age_s": "" if finding["age_s"] is None else finding["age_s"],
    }


def _fault_row(fault: Fault) -> dict[str, object]:
    return {
        "reason": fault["code"],
        "message": fault["detail"],
        **{name: fault[name] for name in ("file", "line", "pointer")},
    }


def _harmless(row: dict[str, object]) -> dict[str, str]:
    """The cells as text that no spreadsheet takes for a formula."""
    return {name: _cell(str(value)) for name, value in row.items()}


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


EXPORTER = Exporter("csv", "text/csv; charset=utf-8; header=present", ".csv", write)
