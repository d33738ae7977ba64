"""Every error of this door in one shape: RFC 9457 ``application/problem+json``.

Each code has its section in docs/problems.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict

import orjson
from flask import Response, g
from werkzeug.exceptions import HTTPException

from service import telemetry
from service.errors import (
    AuditorError,
    ConflictError,
    EngineError,
    InputError,
    NotFoundError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask

MEDIA_TYPE: Final = "application/problem+json"

_LOG = telemetry.logger(__name__)
_STATUSES: Final = (
    (InputError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
)
HTTP_PROBLEMS: Final = {
    HTTPStatus.BAD_REQUEST: (InputError.code, InputError.title),
    HTTPStatus.UNAUTHORIZED: ("unauthorized", "A bearer token is needed"),
    HTTPStatus.FORBIDDEN: ("forbidden", "The token does not allow this"),
    HTTPStatus.NOT_FOUND: (NotFoundError.code, NotFoundError.title),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "The resource has no such method"),
    HTTPStatus.NOT_ACCEPTABLE: ("not-acceptable", "There is no such format"),
    HTTPStatus.REQUEST_TIMEOUT: ("request-timeout", "The request did not arrive in time"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body-too-large", "The body is too large"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "unsupported-media-type",
        "The body is of no type that is read here",
    ),
}
"""Code and title of what HTTP itself refuses. A status that is not here is told as a bad request."""


class Fault(TypedDict):
    """One fault of a request: in the body at ``pointer``, or in the query's ``parameter``."""

    detail: str
    pointer: NotRequired[str]
    parameter: NotRequired[str]


class RequestError(InputError):
    """A request of which one part or several cannot be used."""

    def __init__(self, detail: str, faults: Iterable[Fault]) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


def install(app: Flask) -> None:
    """Answer every error of *app* with a problem."""
    app.register_error_handler(AuditorError, _of_error)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_defect)


def _of_error(error: AuditorError) -> Response:
    if isinstance(error, EngineError):
        return _of_defect(error)
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    return _build((error.code, error.title), status, detail=error.detail, faults=_faults(error))


def _faults(error: AuditorError) -> tuple[Fault, ...]:
    if isinstance(error, RequestError):
        return error.faults
    if isinstance(error, InputError) and error.location.pointer:
        return (Fault(detail=error.detail, pointer=error.location.pointer),)
    return ()


def _of_http(error: HTTPException) -> Response:
    """Redirects are no errors, and this door has none of them."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _of_defect(error)
    kind = HTTP_PROBLEMS.get(status, HTTP_PROBLEMS[HTTPStatus.BAD_REQUEST])
    response = _build(kind, status, detail=error.description or status.phrase)
    for name, value in error.get_headers():
        if name in {"Allow", "WWW-Authenticate"}:
            response.headers[name] = value
    return response


def _of_defect(error: Exception) -> Response:
    telemetry.count_engine_error()
    _LOG.error("door_failed", exc_info=error)
    return _build(
        (EngineError.code, EngineError.title),
        HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="the request could not be answered; the log tells why under its instance",
    )


def _build(
    kind: tuple[str, str], status: HTTPStatus, *, detail: str, faults: tuple[Fault, ...] = ()
) -> Response:
    body = document(kind, status, detail=detail, faults=faults, request_id=g.request_id)
    return Response(body, status.value, content_type=MEDIA_TYPE)


def document(
    kind: tuple[str, str],
    status: HTTPStatus,
    *,
    detail: str,
    request_id: str,
    faults: tuple[Fault, ...] = (),
) -> bytes:
    """The problem itself; *kind* is its code and title."""
    code, title = kind
    return orjson.dumps(
        {
            "type": f"/problems/{code}",
            "title": title,
            "status": status.value,
            "detail": detail,
            "instance": f"urn:uuid:{request_id}",
            "errors": list(faults),
        }
    )
