"""Every error of a door in one shape: RFC 9457 ``application/problem+json``.

Each code has its section in docs/problems.md.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NotRequired, TypeAlias, TypedDict

import orjson

from service.errors import EngineError, InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind: TypeAlias = tuple[str, str]
"""Code and title: the same for every occurrence."""

MEDIA_TYPE: Final = "application/problem+json"

HTTP_PROBLEMS: Final = {
    HTTPStatus.BAD_REQUEST: (InputError.code, InputError.title),
    HTTPStatus.UNAUTHORIZED: ("unauthorized", "A bearer token is needed"),
    HTTPStatus.FORBIDDEN: ("forbidden", "The caller may not do this"),
    HTTPStatus.NOT_FOUND: (NotFoundError.code, NotFoundError.title),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "The resource has no such method"),
    HTTPStatus.NOT_ACCEPTABLE: ("not-acceptable", "There is no such format"),
    HTTPStatus.REQUEST_TIMEOUT: ("request-timeout", "The request did not arrive in time"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body-too-large", "The body is too large"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "unsupported-media-type",
        "The body is of no type that is read here",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: ("too-many-requests", "There are too many requests"),
    HTTPStatus.INTERNAL_SERVER_ERROR: (EngineError.code, EngineError.title),
}
"""The kinds of what HTTP itself refuses. A status that is not here is told as a bad request."""


class Fault(TypedDict):
    """One fault of a request: in the body at ``pointer``, or in the query's ``parameter``."""

    detail: str
    pointer: NotRequired[str]
    parameter: NotRequired[str]


class Problem(TypedDict):
    """The members of a problem; ``instance`` is the id under which the request was logged."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault]


class RequestError(InputError):
    """A request of which one part or several cannot be used."""

    def __init__(self, detail: str, faults: Iterable[Fault]) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


def kind_of(status: HTTPStatus) -> Kind:
    """The kind of a request that HTTP itself refuses with *status*."""
    return HTTP_PROBLEMS.get(status, HTTP_PROBLEMS[HTTPStatus.BAD_REQUEST])


def document(
    kind: Kind,
    status: HTTPStatus,
    *,
    detail: str,
    request_id: str,
    faults: Iterable[Fault] = (),
) -> bytes:
    """The problem of one request, as JSON."""
    code, title = kind
    problem = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status.value,
        detail=detail,
        instance=f"urn:uuid:{request_id}",
        errors=list(faults),
    )
    return orjson.dumps(problem)
