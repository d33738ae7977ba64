"""Probes, metrics, and the specification of this API."""

from __future__ import annotations

import time

from flask import Response, current_app

from service.api import probe_schemas as schemas
from service.api.answer import json_answer
from service.api.body import Blueprint
from service.api.context import SPECIFICATION, context
from service.telemetry import METRICS_CONTENT_TYPE, exposition

health = Blueprint("health", __name__, description="Probes, open to all; metrics; this document")


@health.operation("/livez", schemas.Alive, security=[])
def livez() -> Response:
    """Tell that the process answers"""
    return json_answer({"status": "alive"})


@health.operation("/readyz", schemas.Ready, security=[])
def readyz() -> Response:
    """Tell that the store answers too, and how the served manifests are"""
    context().store.ping()
    return json_answer({**context().worlds.readiness(time.monotonic())})


@health.operation("/metrics", {"type": "string"}, media_type="text/plain")
def metrics() -> Response:
    """Tell metrics in the text format of Prometheus"""
    return Response(exposition(), content_type=METRICS_CONTENT_TYPE)


@health.operation("/v1/openapi.json", {"type": "object"})
def openapi() -> Response:
    """Tell this document"""
    return json_answer(current_app.extensions[SPECIFICATION].to_dict())
