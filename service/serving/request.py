"""The life of a request at a door: its id, its bounded body, and the answer where it fails."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Final

import structlog
from flask import Response, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from service import telemetry
from service.errors import (
    AuditorError,
    ConflictError,
    EngineError,
    InputError,
    NotFoundError,
    UnavailableError,
)
from service.serving import problem
from service.serving.problem import Fault, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from service.serving.problem import Kind

REQUEST_ID: Final = "X-Request-Id"
"""The header that tells a request's id, and the key under which a WSGI environment holds it."""

_STATUSES: Final = (
    (InputError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_TOLD_HEADERS: Final = frozenset({"Allow", "Retry-After", "WWW-Authenticate"})
_PIECE_BYTES: Final = 2**16
_DISCARDED_PIECES: Final = 2**9
_LOGGED_POINTER: Final = 200
_LOG = telemetry.logger(__name__)


def install(app: Flask) -> None:
    """Name every request of *app*, and answer every error of it with a problem."""
    app.before_request(_name)
    app.after_request(_tell_name)
    app.teardown_request(_forget_name)
    app.register_error_handler(AuditorError, _on_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_defect)


def body(limit_bytes: int, *media_types: str) -> bytes:
    """The whole body, of known length or chunked, which must be of one of *media_types*.

    Raises: HTTPException.
    """
    if (
        request.mimetype not in media_types
        or request.headers.get("Content-Encoding", "identity") != "identity"
    ):
        raise UnsupportedMediaType(f"send {' or '.join(media_types)}, without content encoding")
    return received(lambda: _bounded(request.stream, limit_bytes))


def received(read: Callable[[], bytes]) -> bytes:
    """What *read* takes off the wire. Raises: BadRequest, RequestTimeout, and what *read* does."""
    try:
        return read()
    except ParseException as error:
        raise BadRequest("the body is not chunked as HTTP has it") from error
    except OSError as error:
        raise RequestTimeout("the body did not arrive whole") from error


def _bounded(stream: IO[bytes], limit_bytes: int) -> bytes:
    """What *stream* holds. Raises: RequestEntityTooLarge, ParseException, OSError."""
    announced = request.content_length or 0
    found = stream.read(limit_bytes + 1) if announced <= limit_bytes else b""
    if max(announced, len(found)) > limit_bytes:
        _discard(stream)
        raise RequestEntityTooLarge(f"the body is over {limit_bytes} bytes")
    return found


def _discard(stream: IO[bytes]) -> None:
    """Take the rest off the wire, within reason: a client still sending would not see the answer."""
    for _ in range(_DISCARDED_PIECES):
        if not stream.read(_PIECE_BYTES):
            return


def _name() -> None:
    """A request is told and logged under one id, which it may have been given before."""
    g.request_id = request.environ.get(REQUEST_ID) or str(uuid.uuid4())
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _tell_name(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.request_id
    return response


def _forget_name(_error: BaseException | None) -> None:
    """The thread goes on to lines that are of no request."""
    structlog.contextvars.clear_contextvars()


def _on_error(error: AuditorError) -> Response:
    if isinstance(error, EngineError):
        return _on_defect(error)
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    return _refusal((error.code, error.title), status, detail=error.detail, faults=_faults(error))


def _faults(error: AuditorError) -> tuple[Fault, ...]:
    if isinstance(error, RequestError):
        return error.faults
    if isinstance(error, InputError) and error.location.pointer:
        return (Fault(detail=error.detail, pointer=error.location.pointer),)
    return ()


def _on_http_error(error: HTTPException) -> Response:
    """Redirects are no errors, and no door has any of them."""
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _on_defect(error)
    response = _refusal(problem.kind_of(status), status, detail=error.description or status.phrase)
    response.headers.extend(
        (name, value) for name, value in error.get_headers() if name in _TOLD_HEADERS
    )
    return response


def _refusal(
    kind: Kind, status: HTTPStatus, *, detail: str, faults: tuple[Fault, ...] = ()
) -> Response:
    code, _ = kind
    pointer = faults[0].get("pointer", "")[:_LOGGED_POINTER] if faults else ""
    _LOG.info("request_refused", status=status.value, code=code, pointer=pointer)
    return _answer(kind, status, detail=detail, faults=faults)


def _on_defect(error: Exception) -> Response:
    telemetry.count_engine_error()
    _LOG.error("door_failed", exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    detail = "the request could not be answered; the log tells why under its instance"
    return _answer(problem.kind_of(status), status, detail=detail)


def _answer(
    kind: Kind, status: HTTPStatus, *, detail: str, faults: tuple[Fault, ...] = ()
) -> Response:
    document = problem.document(kind, status, detail=detail, request_id=g.request_id, faults=faults)
    return Response(document, status.value, content_type=problem.MEDIA_TYPE)
