"""The report as JSON: the run, then one finding a line, so that large reports diff and stream."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import orjson

from service.reports.document import Exporter

if TYPE_CHECKING:
    from service.reports.document import Report


def write(report: Report, stream: IO[bytes]) -> None:
    """Write one JSON object: ``run``, ``verify``, ``findings``; keys are sorted."""
    stream.write(b'{"run": ' + _dumped(report.run))
    stream.write(b',\n"verify": ' + _dumped(report.verify) + b',\n"findings": [')
    separator = b"\n"
    for finding in report.findings:
        stream.write(separator + _dumped(finding))
        separator = b",\n"
    stream.write(b"\n]}\n")


def _dumped(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


EXPORTER = Exporter("json", "application/json", ".json", write)
