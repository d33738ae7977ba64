"""Every error of this door in one shape: RFC 9457 ``application/problem+json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

import orjson

from service.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.errors import AuditorError

MEDIA_TYPE: Final = "application/problem+json"


class PointedError(TypedDict):
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
    errors: list[PointedError]


def of_error(error: AuditorError, *, status: int, request_id: str) -> bytes:
    """The problem of a request that ended in *error*."""
    pointer = error.location.pointer if isinstance(error, InputError) else ""
    return document(
        error.code,
        title=error.title,
        status=status,
        detail=error.detail,
        request_id=request_id,
        errors=[PointedError(pointer=pointer, detail=error.detail)] if pointer else (),
    )


def document(
    code: str,
    *,
    title: str,
    status: int,
    detail: str,
    request_id: str,
    errors: Sequence[PointedError] = (),
) -> bytes:
    """A problem as JSON; *code* is stable and documented."""
    problem = Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        detail=detail,
        instance=f"urn:uuid:{request_id}",
        errors=list(errors),
    )
    return orjson.dumps(problem)


def code_of(phrase: str) -> str:
    """The code of an error that is HTTP's own: "Not Found" is ``not-found``."""
    return phrase.lower().replace(" ", "-")
