"""Questions about a cluster that change nothing: exposures, traces, and what-if reviews."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from service.admission.decide import decide
from service.admission.review import parse_review
from service.admission.review import response as review_response
from service.admission.terms import terms
from service.api import flow_schemas, schemas
from service.api.answer import world_answer
from service.api.body import JSON, Blueprint, json_body
from service.api.context import context
from service.api.paging import paged, window
from service.checks.exposure import exposures as exposures_of
from service.checks.settings import check_settings
from service.errors import InputError
from service.policy.stages import Detail
from service.policy.trace import parse_flow
from service.policy.trace import trace as trace_flow

if TYPE_CHECKING:
    from flask import Response

explain = Blueprint(
    "explain", __name__, url_prefix="/v1", description="What a cluster does with packets"
)


@explain.operation("/exposures", schemas.ExposurePage, query=schemas.ExposureQuery)
def exposures(query: dict[str, Any]) -> Response:
    """List which sources reach which node ports

    One item per Service, port, family and class of nodes that answer alike.
    """
    asked = context().worlds.asked(query["audit"], query["cluster"])
    world = asked.world
    told = [
        item
        for item in (
            one.to_json() for one in exposures_of(world, check_settings(context().settings))
        )
        if query["service"] in {"", item["service"]}
    ]
    shown = window(query)
    items = list(islice(told, shown.offset, shown.offset + shown.limit))
    return world_answer(asked, paged(items, len(told), query) | asked.dated)


@explain.operation("/trace", flow_schemas.Trace, method="POST", body=flow_schemas.TraceBody)
def trace(body: dict[str, Any]) -> Response:
    """Follow a flow hook by hook"""
    asked = context().worlds.asked(body["audit"], body["cluster"])
    try:
        flow = parse_flow(body["flow"])
    except InputError as error:
        inside = error.location
        raise InputError(error.detail, location=inside.at(f"/flow{inside.pointer}")) from error
    detail = Detail.RULES if body["explain"] else Detail.STAGES
    return world_answer(asked, trace_flow(asked.world, flow, detail).to_json())


@explain.operation(
    "/review",
    {"type": "object"},
    method="POST",
    query=schemas.WorldQuery,
    requestBody={
        "required": True,
        "description": "An AdmissionReview of admission.k8s.io/v1.",
        "content": {JSON: {"schema": {"type": "object"}}},
    },
)
def review(query: dict[str, Any]) -> Response:
    """Answer an admission review, without effect

    The answer is the one that the admission door would give in this cluster.
    """
    request = parse_review(json_body())
    here = context()
    asked = here.worlds.asked(query["audit"], query["cluster"])
    now_s = int(here.now().timestamp())
    decision = decide(asked.world, request, terms(here.settings), now_s=now_s)
    return world_answer(asked, {**review_response(decision)})
