"""The AdmissionReview's two shapes: what the API server asks, and what it is answered.

Only ``admission.k8s.io/v1``. A review that is malformed is an error of the caller (ReviewError); an
object that is malformed is not looked into here, because its refusal belongs into the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, Literal, NotRequired, TypeAlias, TypedDict, TypeVar

from service.admission import strict_json
from service.errors import InputError, SourceLocation
from service.model.refs import GVK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.admission.decide import Decision

T = TypeVar("T")
Raw: TypeAlias = "Mapping[str, object]"

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
WARNING_LIMIT: Final = 256
"""Characters of one warning; the API server may cut longer ones."""
WARNINGS_LIMIT: Final = 4096
"""Characters of all warnings; the API server drops what comes after."""


class ReviewError(InputError):
    """A body that is no AdmissionReview, or one that lacks what its operation needs."""

    code = "bad-review"
    title = "The admission review cannot be used"


class Operation(StrEnum):
    """What a review asks about; unlike a Change, it may be a CONNECT."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """One question of the API server.

    CREATE and UPDATE have an ``object``, UPDATE and DELETE an ``old_object``. ``resource`` is the
    plural ("services"); ``name`` is empty while the server has yet to generate it.
    """

    uid: str
    operation: Operation
    kind: GVK
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    user_uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dry_run: bool = False
    object: Raw | None = None
    old_object: Raw | None = None
    options: Raw = field(default_factory=dict)


class Status(TypedDict):
    """Why a request is refused: what a user of kubectl sees."""

    status: Literal["Failure"]
    code: int
    reason: str
    message: str


class ReviewResponse(TypedDict):
    """The answer's inner part."""

    uid: str
    allowed: bool
    status: NotRequired[Status]
    warnings: NotRequired[list[str]]
    auditAnnotations: NotRequired[dict[str, str]]


class ReviewAnswer(TypedDict):
    """The AdmissionReview that goes back."""

    apiVersion: Literal["admission.k8s.io/v1"]
    kind: Literal["AdmissionReview"]
    response: ReviewResponse


def read_review(body: bytes) -> ReviewRequest:
    """The request in a body of strict JSON.

    Raises: JsonError, ReviewError.
    """
    return parse_review(strict_json.decode(body))


def parse_review(raw: object) -> ReviewRequest:
    """The request in a decoded AdmissionReview.

    Raises: ReviewError with the JSON pointer of what is wrong.
    """
    if not isinstance(raw, dict):
        raise ReviewError(f"a review is an object, not {_word(type(raw))}")
    review = _Fields(raw, "")
    review.expect("apiVersion", API_VERSION)
    review.expect("kind", KIND)
    request = review.inner("request")
    operation = _operation(request)
    kind = _kind(request.inner("kind"))
    user = request.inner("userInfo", _Need.OPTIONAL)
    return ReviewRequest(
        uid=request.text("uid"),
        operation=operation,
        kind=kind,
        resource=request.inner("resource", _Need.OPTIONAL).text("resource", _Need.OPTIONAL),
        subresource=request.text("subResource", _Need.OPTIONAL),
        name=request.text("name", _Need.OPTIONAL),
        namespace=request.text("namespace", _Need.OPTIONAL),
        user=user.text("username", _Need.OPTIONAL),
        groups=user.texts("groups"),
        user_uid=user.text("uid", _Need.OPTIONAL),
        extra=_extra(user.inner("extra", _Need.OPTIONAL)),
        dry_run=request.flag("dryRun"),
        object=_object(request, "object", kind=kind, needed_by=_NEEDS_OBJECT[operation]),
        old_object=_object(request, "oldObject", kind=kind, needed_by=_NEEDS_OLD[operation]),
        options=request.inner("options", _Need.OPTIONAL).raw,
    )


def response(decision: Decision) -> ReviewAnswer:
    """The AdmissionReview that tells *decision*; warnings are cut to what the API server passes on."""
    inner: ReviewResponse = {"uid": decision.uid, "allowed": decision.allowed}
    if not decision.allowed:
        inner["status"] = {
            "status": "Failure",
            "code": decision.code,
            "reason": _REASONS.get(decision.code, "InternalError"),
            "message": decision.message,
        }
    if decision.warnings:
        inner["warnings"] = _fitting(decision.warnings)
    if decision.audit_annotations:
        inner["auditAnnotations"] = dict(decision.audit_annotations)
    return {"apiVersion": API_VERSION, "kind": KIND, "response": inner}


_REASONS = {403: "Forbidden", 500: "InternalError", 503: "ServiceUnavailable"}
"""metav1.StatusReason of the codes that a Decision bears."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def _fitting(warnings: Sequence[str]) -> list[str]:
    """Each on one line and within its limit; where all of them are too long, the last says so.

    Source: apiserver pkg/warning and apimachinery net.NewWarningHeader (control characters void it).
    """
    lines = [_shortened(_CONTROL.sub(" ", warning).strip(), WARNING_LIMIT) for warning in warnings]
    if sum(map(len, lines)) <= WARNINGS_LIMIT:
        return lines
    room = WARNINGS_LIMIT - WARNING_LIMIT
    kept: list[str] = []
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return [*kept, f"{len(lines) - len(kept)} more warnings do not fit; nodeward audit shows all"]


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


class _Need(Enum):
    REQUIRED = "required"
    OPTIONAL = "optional"


_NEEDS_OBJECT = {
    Operation.CREATE: _Need.REQUIRED,
    Operation.UPDATE: _Need.REQUIRED,
    Operation.DELETE: _Need.OPTIONAL,
    Operation.CONNECT: _Need.OPTIONAL,
}
_NEEDS_OLD = {
    Operation.CREATE: _Need.OPTIONAL,
    Operation.UPDATE: _Need.REQUIRED,
    Operation.DELETE: _Need.REQUIRED,
    Operation.CONNECT: _Need.OPTIONAL,
}


@dataclass(frozen=True, slots=True)
class _Fields:
    """Typed access to a mapping; JSON null reads as absent, as the API server has it."""

    raw: Raw
    pointer: str

    def error(self, name: str, detail: str) -> ReviewError:
        pointer = f"{self.pointer}/{name}"
        return ReviewError(f"{name} {detail}", location=SourceLocation(pointer=pointer))

    def value(self, name: str, kind: type[T], need: _Need) -> T | None:
        found = self.raw.get(name)
        if found is None:
            if need is _Need.REQUIRED:
                raise self.error(name, "is missing")
            return None
        if not isinstance(found, kind):
            raise self.error(name, f"is {_word(type(found))}, not {_word(kind)}")
        return found

    def expect(self, name: str, only: str) -> None:
        found = self.value(name, str, _Need.REQUIRED)
        if found != only:
            raise self.error(name, f"is {found!r}; only {only!r} is understood")

    def text(self, name: str, need: _Need = _Need.REQUIRED) -> str:
        found = self.value(name, str, need) or ""
        if not found and need is _Need.REQUIRED:
            raise self.error(name, "is empty")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        found = self.value(name, list, _Need.OPTIONAL) or []
        for index, item in enumerate(found):
            if not isinstance(item, str):
                raise self.error(f"{name}/{index}", f"is {_word(type(item))}, not text")
        return tuple(found)

    def flag(self, name: str) -> bool:
        return self.value(name, bool, _Need.OPTIONAL) or False

    def inner(self, name: str, need: _Need = _Need.REQUIRED) -> _Fields:
        return _Fields(self.value(name, dict, need) or {}, f"{self.pointer}/{name}")


_WORDS: dict[type, str] = {dict: "an object", list: "a list", str: "text", bool: "true or false"}


def _word(kind: type) -> str:
    return _WORDS.get(kind, "a number")


def _operation(request: _Fields) -> Operation:
    written = request.text("operation")
    if written not in set(Operation):
        raise request.error("operation", f"is {written!r}, none of {', '.join(Operation)}")
    return Operation(written)


def _extra(extra: _Fields) -> dict[str, tuple[str, ...]]:
    return {name: extra.texts(name) for name in extra.raw}


def _kind(kind: _Fields) -> GVK:
    return GVK(kind.text("group", _Need.OPTIONAL), kind.text("version"), kind.text("kind"))


def _object(request: _Fields, name: str, *, kind: GVK, needed_by: _Need) -> Raw | None:
    """The object under *name*; the API server converts it to the kind that the request names."""
    if request.value(name, dict, needed_by) is None:
        return None
    fields = request.inner(name)
    fields.expect("apiVersion", kind.api_version)
    fields.expect("kind", kind.kind)
    return fields.raw
