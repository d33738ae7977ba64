"""The contract of questions about changes that nobody has made yet."""

from __future__ import annotations

from marshmallow import fields, validate

from service.api.schemas import NAME_LIMIT, Strict, WorldQuery, told

_SOURCES_LIMIT = 1000


class SuggestBody(WorldQuery):
    """A Service, and who is to reach it."""

    service = fields.String(
        required=True,
        validate=validate.Length(1, 2 * NAME_LIMIT),
        metadata={"description": "namespace/name of the Service"},
    )
    sources = fields.List(
        fields.String(validate=validate.Length(1, NAME_LIMIT)),
        required=True,
        validate=validate.Length(1, _SOURCES_LIMIT),
        metadata={"description": "networks (CIDRs) whose packets are to get in"},
    )


class Suggestion(Strict):
    """The smallest set of objects that guards a Service, tried out before it is told."""

    service = told(fields.String, "namespace/name")
    sources = told(fields.List, "networks that get in", cls_or_instance=fields.String())
    summary = told(fields.String, "what the objects are; empty where nothing holds")
    yaml = told(fields.String, "manifests to apply; empty for none")
    also = told(
        fields.List,
        "outsiders whom other rules let in, and no new object can keep out",
        cls_or_instance=fields.String(),
    )
    refused = told(fields.String, "why nothing can be suggested; empty where something is")
