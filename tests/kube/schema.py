"""Structural schemas of custom resources, in as few words as they need."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

BOOLEAN: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
INT_OR_STRING: Schema = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
STRING_MAP: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def text(*words: str, default: str | None = None, max_length: int | None = None) -> Schema:
    """A string; one of the *words*, if there are any."""
    found: Schema = {"type": "string"}
    if words:
        found["enum"] = list(words)
    if default is not None:
        found["default"] = default
    if max_length is not None:
        found["maxLength"] = max_length
    return found


def in_any_case(*words: str) -> Schema:
    """One of the *words* in upper or lower case, or nothing."""
    return {"type": "string", "pattern": f"^(?i)({'|'.join(words)})?$"}


def integer(
    low: int | None = None, high: int | None = None, *, only: tuple[int, ...] = ()
) -> Schema:
    found: Schema = {"type": "integer"}
    if only:
        found["enum"] = list(only)
    if low is not None:
        found["minimum"] = low
    if high is not None:
        found["maximum"] = high
    return found


def items(of: Schema, *, low: int | None = None, high: int | None = None) -> Schema:
    """A list; *low* and *high* bound its length."""
    found: Schema = {"type": "array", "items": of}
    if low is not None:
        found["minItems"] = low
    if high is not None:
        found["maxItems"] = high
    return found


def a_set(of: Schema, *, low: int, high: int) -> Schema:
    """A list without duplicates."""
    return items(of, low=low, high=high) | {"x-kubernetes-list-type": "set"}


def fields(
    properties: dict[str, Schema], *, required: tuple[str, ...] = (), rules: tuple[str, ...] = ()
) -> Schema:
    """An object with these properties and no others: what else is written is pruned.

    The *rules* are CEL, each of which must hold.
    """
    found: Schema = {"type": "object", "properties": properties}
    if required:
        found["required"] = list(required)
    if rules:
        found["x-kubernetes-validations"] = [{"rule": rule} for rule in rules]
    return found


LABEL_SELECTOR = fields(
    {
        "matchLabels": STRING_MAP,
        "matchExpressions": items(
            fields(
                {
                    "key": text(),
                    "operator": text("In", "NotIn", "Exists", "DoesNotExist"),
                    "values": items(text()),
                },
                required=("key", "operator"),
            )
        ),
    }
)
