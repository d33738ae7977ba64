"""The report as plain text for people at a terminal: what is wrong, its proof, what to do."""

from __future__ import annotations

import codecs
from itertools import chain
from typing import IO, TYPE_CHECKING

from service.reports.document import Exporter, location_text, subject_text, suppression_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.reports.document import Finding, Report, Run

_MARGIN = " " * 11


def write(report: Report, stream: IO[bytes]) -> None:
    """Write a block a finding, then what could not be judged, then a closing line or two."""
    text = codecs.getwriter("utf-8")(stream)
    blocks = chain.from_iterable(map(_finding_lines, report.findings))
    for line in chain(blocks, _unjudged_lines(report.run), _summary_lines(report.run)):
        text.write(f"{_printable(line)}\n")


def _finding_lines(finding: Finding) -> Iterator[str]:
    subject = subject_text(finding["subject"])
    mark = (
        finding["severity"]
        if finding["result"] == "fail"
        else f"{finding['severity']} {finding['result']}"
    )
    if finding["suppression"]:
        mark = f"suppressed {mark}"
    yield f"{mark.upper()}  {subject}  {finding['check']}: {finding['reason']}"
    yield f"  {finding['message']}"
    for name, value in _facts(finding):
        first, *rest = value.splitlines() or [""]
        yield f"  {name:<9}{first}"
        yield from (f"{_MARGIN}{line}" for line in rest)
    yield ""


def _facts(finding: Finding) -> Iterator[tuple[str, str]]:
    """Name and value of what backs the message; what is empty is left out."""
    if place := location_text(finding["location"]):
        yield "at", place
    if finding["witness"]:
        yield "packet", finding["witness"]["text"]
    for rule in finding["rules"]:
        yield "decided", f"{rule['hook']}: {rule['text']}"
    for gap in finding["unknown"]:
        yield "unknown", gap
    if borne := finding["suppression"]:
        yield "borne", suppression_text(borne)
    if finding["advice"]:
        yield "do", finding["advice"]
    if finding["fix"]:
        yield "fix", f"{finding['fix']['summary']}\n{finding['fix']['yaml']}"


def _unjudged_lines(run: Run) -> Iterator[str]:
    for fault in run["errors"]:
        place = ":".join(filter(None, (location_text(fault), str(fault["column"] or ""))))
        yield f"NOT READ  {place or 'input'} {fault['pointer']}".rstrip()
        yield f"  {fault['detail']}"
        yield ""


def _summary_lines(run: Run) -> Iterator[str]:
    counts = [f"{count} {severity}" for severity, count in run["counts"].items() if count]
    yield f"Findings: {', '.join(counts) or 'none'}."
    read = f"Read {run['objects']} objects of {run['documents']} documents in {run['files']} files"
    skipped = ", ".join(f"{count} {kind}" for kind, count in sorted(run["skipped"].items()))
    yield f"{read}; skipped {skipped}." if skipped else f"{read}."
    if (age_s := run["age_s"]) is not None:
        yield f"The cluster was at revision {run['revision']}, at most {age_s:.1f} s before the audit."


def _printable(line: str) -> str:
    """*line* with control characters spelled out: a manifest must not steer a terminal."""
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in line
    )


EXPORTER = Exporter("text", "text/plain; charset=utf-8", ".txt", write)
