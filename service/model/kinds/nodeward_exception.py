"""Nodeward's own exceptions: findings that somebody answers for, until a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from service.model.kind import Kind
from service.model.meta import Layer
from service.model.moments import parse_moment
from service.model.refs import GVK

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.meta import Meta

GROUP: Final = "nodeward.io"
_REQUIRED: Final = ("check", "reason", "owner", "ticket", "notBefore", "expires")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which subjects an exception is about: one object, or with an empty ``name`` all of a namespace.

    ``namespace`` is empty for a cluster-scoped kind.
    """

    kind: str
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class NodewardException:
    """Findings of *check* about *scope* are answered for by *owner*, from *not_before* until *expires*.

    Moments are seconds since 1970. ``reasons`` are reason codes of the check; none mean all of them.
    """

    meta: Meta
    check: str
    scope: Scope
    reasons: tuple[str, ...]
    reason: str
    owner: str
    ticket: str
    not_before: int
    expires: int


def _decode(document: Document) -> NodewardException:
    spec = document.spec()
    texts = {name: _required(document, spec, name) for name in _REQUIRED}
    start, end = (_moment(document, spec, name) for name in ("notBefore", "expires"))
    if end <= start:
        message = "expires is not after notBefore"
        document.problem(Layer.SCHEMA, message, at=spec.at("expires"))
    return NodewardException(
        document.meta,
        texts["check"],
        _scope(document, spec),
        spec.strings("reasons"),
        reason=texts["reason"],
        owner=texts["owner"],
        ticket=texts["ticket"],
        not_before=start,
        expires=end,
    )


def _required(document: Document, reader: Reader, name: str) -> str:
    text = reader.string(name).strip()
    if not text:
        document.problem(Layer.SCHEMA, f"{name} is needed", at=reader.at(name))
    return text


def _scope(document: Document, spec: Reader) -> Scope:
    reader = spec.child("scope") or document.reader({}, spec.at("scope"))
    scope = Scope(
        _required(document, reader, "kind"), reader.string("namespace"), reader.string("name")
    )
    if not scope.namespace and not scope.name:
        message = "scope needs a name or a namespace: an exception is never for all of a cluster"
        document.problem(Layer.SCHEMA, message, at=spec.at("scope"))
    return scope


def _moment(document: Document, spec: Reader, name: str) -> int:
    text = spec.string(name)
    try:
        return parse_moment(text) if text else 0
    except ValueError as error:
        document.problem(Layer.SCHEMA, str(error), at=spec.at(name))
        return 0


KIND = Kind(
    gvks=(GVK(GROUP, "v1alpha1", "NodewardException"),),
    plural="nodewardexceptions",
    namespaced=False,
    type=NodewardException,
    decode=_decode,
)
