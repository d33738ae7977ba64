"""What a view answers with."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Final

import orjson
from flask import Response

from service.api.body import JSON
from service.serving.reading import tell_reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.api.worlds import Asked
    from service.reports.document import Exporter, Report

CONTENT_SECURITY_POLICY: Final = "default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_MEMORY_LIMIT_BYTES: Final = 2**20
_CHUNK_BYTES: Final = 2**16


def json_answer(value: Mapping[str, object], status: int = 200) -> Response:
    """*value* as JSON."""
    return Response(orjson.dumps(value), status, mimetype=JSON)


def world_answer(asked: Asked, value: Mapping[str, object]) -> Response:
    """*value* as JSON, with the revision and age of the state that it was answered by."""
    response = json_answer(value)
    if asked.reading is not None:
        tell_reading(response, asked.reading)
    return response


def report_answer(report: Report, exporter: Exporter) -> Response:
    """*report* in a format. It is written whole before the first byte leaves, so that an error is
    still told as one; a large one lies on disk meanwhile.
    """
    file = SpooledTemporaryFile(_MEMORY_LIMIT_BYTES)  # noqa: SIM115  closed with the response
    exporter.write(report, file)
    length = file.tell()
    file.seek(0)
    response = Response(_chunks(file), content_type=exporter.media_type)
    response.call_on_close(file.close)
    response.content_length = length
    name = f"nodeward-{report.run['id']}{exporter.suffix}"
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    style = exporter.style_source or "'none'"
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(style=style)
    return response


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
