"""Probes and metrics."""

from __future__ import annotations

from flask import Response

from service.api import schemas
from service.api.answer import json_answer
from service.api.body import Blueprint
from service.api.context import context
from service.telemetry import METRICS_CONTENT_TYPE, exposition

health = Blueprint("health", __name__, description="Probes, open to all, and metrics")


@health.route("/livez")
@health.response(200, schemas.Alive)
@health.doc(security=[])
def livez() -> Response:
    """Tell that the process answers"""
    return json_answer({"status": "alive"})


@health.route("/readyz")
@health.response(200, schemas.Alive)
@health.doc(security=[])
def readyz() -> Response:
    """Tell that the store answers too"""
    context().store.ping()
    return json_answer({"status": "ready"})


@health.route("/metrics")
@health.response(200, {"type": "string"}, content_type="text/plain")
def metrics() -> Response:
    """Tell metrics in the text format of Prometheus"""
    return Response(exposition(), content_type=METRICS_CONTENT_TYPE)
