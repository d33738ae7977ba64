"""``/v1/decisions``: what the admission doors have decided, shipped by them and listed."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from service.admission import strict_json
from service.api import decision_schemas
from service.api.answer import json_answer
from service.api.body import JSON, Blueprint, checked, raw_body
from service.api.context import context
from service.api.paging import paged, window
from service.store.port import DecisionFilter
from service.store.records import StoredDecision

if TYPE_CHECKING:
    from flask import Response

decisions = Blueprint(
    "decisions", __name__, url_prefix="/v1", description="Decisions of the admission doors"
)


@decisions.operation(
    "/decisions",
    decision_schemas.Kept,
    method="POST",
    requestBody={"required": True, "content": {JSON: {"schema": decision_schemas.DecisionBatch}}},
)
def ship() -> Response:
    """Keep decisions

    For admission doors, whose token has the scope `decisions`. The answer is sent once they are committed;
    a decision that is known by its id is not kept twice, so that a batch may be sent again.
    """
    given = strict_json.decode(raw_body(JSON))
    checked(decision_schemas.DecisionBatch(), given)
    assert isinstance(given, dict)  # noqa: S101  as the schema has it
    batch = [StoredDecision(one) for one in given["decisions"]]
    kept = context().store.keep_decisions(batch)
    return json_answer({"kept": kept, "known": len(batch) - kept})


@decisions.operation(
    "/decisions", decision_schemas.DecisionPage, query=decision_schemas.DecisionQuery
)
def list_decisions(query: dict[str, Any]) -> Response:
    """List decisions, newest first"""
    wanted = {one.name: query.get(one.name, "") for one in fields(DecisionFilter)}
    page = context().store.decisions(DecisionFilter(**wanted), window(query))
    return json_answer(paged([one.document for one in page.items], page.total, query))
