"""What is kept of a decision: who asked what, and what was answered, with its proof.

One form everywhere: a line of the journal, a row of the store, an item of ``GET /v1/decisions``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

from service.checks.finding import to_json
from service.checks.verdict import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.admission.decide import Decision
    from service.admission.review import ReviewRequest
    from service.checks.verdict import Json
    from service.model.meta import Decoded

_OTHERS = ("projectcalico.org/", "kubectl.kubernetes.io/")


class Answer(StrEnum):
    """How a review was answered; UNJUDGED took the branch of ``on_error``."""

    ALLOWED = "allowed"
    WARNED = "warned"
    DENIED = "denied"
    OVERRIDDEN = "overridden"
    UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the door knows of an answer: its id, when and where it was given, and by what state.

    ``at`` is RFC 3339 in UTC with microseconds. ``age_s`` is that of the state that was judged by when
    the review was judged, None where there was none.
    """

    id: str
    at: str
    instance: str
    answer: Answer
    age_s: float | None
    duration_s: float


def record(review: ReviewRequest, decision: Decision, known: Circumstances) -> dict[str, Json]:
    """The record of one decision; `service.api.decision_schemas.Decision` describes each field."""
    change = decision.change
    subject = change.ref if change else None
    return {
        "id": known.id,
        "at": known.at,
        "instance": known.instance,
        "answer": known.answer.value,
        "review": review.uid,
        "operation": review.operation.value,
        "group": review.kind.group,
        "version": review.kind.version,
        "kind": review.kind.kind,
        "namespace": review.namespace,
        "name": review.name or (subject.name if subject else ""),
        "subresource": review.subresource,
        "user": review.user,
        "groups": [*review.groups],
        "before": digest(change.before) if change else None,
        "after": digest(change.after) if change else None,
        "allowed": decision.allowed,
        "code": decision.code,
        "message": decision.message,
        "warnings": [*decision.warnings],
        "findings": [
            to_json(one, revision=decision.revision, age_s=known.age_s)
            for one in decision.verdicts
            if one.result is not Result.PASS
        ],
        "override": decision.override.to_json() if decision.override else None,
        "revision": decision.revision,
        "age_s": known.age_s,
        "duration_s": known.duration_s,
    }


def digest(decoded: Decoded[object] | None) -> str | None:
    """Sha256 (hex) of what an object says, the same in both of Calico's groups; None for no object.

    What servers add is left out: status, versions, managed fields, and the notes of tools about
    themselves. Equal digests of one reference join the two records of one change that an aggregated
    API server sends twice.
    """
    if decoded is None:
        return None
    said = {
        "ref": str(decoded.ref),
        "labels": {**decoded.meta.labels},
        "annotations": {
            name: value
            for name, value in decoded.meta.annotations.items()
            if not name.startswith(_OTHERS)
        },
        "spec": _stated(decoded.raw.get("spec")),
    }
    return hashlib.sha256(_canonical(said)).hexdigest()


def _canonical(said: dict[str, object]) -> bytes:
    """JSON with sorted keys; integers beyond 64 bits, which no field may hold, are written as they are."""
    try:
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(said, sort_keys=True).encode("utf-8", "surrogatepass")


def _stated(value: object) -> object:
    """*value* without fields that say nothing: null, an empty list, an empty mapping."""
    if not isinstance(value, dict):
        return value
    fields: Mapping[str, object] = {name: _stated(inner) for name, inner in value.items()}
    return {name: inner for name, inner in fields.items() if inner not in (None, [], {})}
