"""Every error of this door in one shape: RFC 9457 ``application/problem+json``.

The audit door's errors have the same members and codes; each code has its section in docs/problems.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypedDict

import orjson

from service.errors import EngineError, InputError, NotFoundError

if TYPE_CHECKING:
    from service.errors import AuditorError

MEDIA_TYPE: Final = "application/problem+json"


class Fault(TypedDict):
    """One fault of the body: where, and what."""

    pointer: str
    detail: str


class Problem(TypedDict):
    """The members of a problem; ``instance`` is the id under which the request was logged."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault]


_HTTP_KINDS: Final = {
    HTTPStatus.FORBIDDEN: ("forbidden", "The caller may not do this"),
    HTTPStatus.NOT_FOUND: (NotFoundError.code, NotFoundError.title),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "The resource has no such method"),
    HTTPStatus.REQUEST_TIMEOUT: ("request-timeout", "The request did not arrive in time"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body-too-large", "The body is too large"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "unsupported-media-type",
        "The body is of no type that is read here",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (EngineError.code, EngineError.title),
}
"""Code and title of what HTTP itself refuses. A status that is not here is told as a bad request."""


def of_error(error: AuditorError, *, status: HTTPStatus, request_id: str) -> bytes:
    """The problem of a request that ended in *error*."""
    pointer = error.location.pointer if isinstance(error, InputError) else ""
    faults = [Fault(pointer=pointer, detail=error.detail)] if pointer else []
    kind = (error.code, error.title)
    return _document(kind, status, detail=error.detail, request_id=request_id, faults=faults)


def of_status(status: HTTPStatus, *, detail: str, request_id: str) -> bytes:
    """The problem of a request that HTTP itself refuses."""
    kind = _HTTP_KINDS.get(status, (InputError.code, InputError.title))
    return _document(kind, status, detail=detail, request_id=request_id, faults=[])


def _document(
    kind: tuple[str, str], status: HTTPStatus, *, detail: str, request_id: str, faults: list[Fault]
) -> bytes:
    code, title = kind
    problem = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status.value,
        detail=detail,
        instance=f"urn:uuid:{request_id}",
        errors=faults,
    )
    return orjson.dumps(problem)
