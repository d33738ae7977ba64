"""What probes answer; a part of the contract beside `schemas`."""

from __future__ import annotations

from marshmallow import fields, validate

from service.api.schemas import Strict, told


class Alive(Strict):
    """The answer of a probe."""

    status = told(fields.String, "alive")


class Ready(Strict):
    """The answer of the probe that tells whether questions can be answered."""

    status = told(
        fields.String,
        "degraded: what is served cannot be read as it is now, and its last good state stands",
        validate=validate.OneOf(["ready", "degraded"]),
    )
    age_s = told(
        fields.Float,
        "seconds since the served manifests were read, or all of the cluster was known",
        allow_none=True,
    )
    revision = told(fields.String, "of what is served", allow_none=True)
    digest = told(
        fields.String,
        "of the served manifests that were good last; null for a live cluster",
        allow_none=True,
    )
    failure = told(fields.String, "why the newest state cannot be used")
    waiting = told(fields.List, "kinds that are not listed yet", cls_or_instance=fields.String())
