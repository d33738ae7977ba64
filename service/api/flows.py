"""Questions about sets of flows: which get through, and which would after a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.api import flow_schemas
from service.api.answer import world_answer
from service.api.body import Blueprint
from service.api.context import context
from service.audit.whatif import changed
from service.cluster.manifests import load_texts
from service.errors import InputError, SourceLocation
from service.model.refs import ObjectRef
from service.net.prefixes import Family
from service.policy.connectivity import connectivity as connected
from service.policy.difference import difference
from service.policy.question import parse_question
from service.policy.reach import reach as reached
from service.serving.problem import Fault, RequestError

if TYPE_CHECKING:
    from flask import Response

    from service.policy.question import Question
    from service.policy.world import World

WALKS: Final = 10_000
"""So many ways are walked for one answer at most: some tens of seconds."""

flows = Blueprint("flows", __name__, url_prefix="/v1", description="Sets of flows")


@flows.operation("/reach", flow_schemas.ReachAnswer, method="POST", body=flow_schemas.ReachBody)
def reach(body: dict[str, Any]) -> Response:
    """Tell which flows get through

    The answer has the exact sets of flows that are allowed, denied and not known.
    """
    question = _question(body)
    asked = context().worlds.asked(body["audit"], body["cluster"])
    return world_answer(asked, reached(asked.world, question, limit=WALKS).to_json())


@flows.operation(
    "/connectivity",
    flow_schemas.ConnectivityAnswer,
    method="POST",
    body=flow_schemas.ConnectivityBody,
)
def connectivity(body: dict[str, Any]) -> Response:
    """Tell which pods may call which

    Pods that no policy tells apart are one class. What is neither allowed nor unknown between two
    classes is denied.
    """
    asked = context().worlds.asked(body["audit"], body["cluster"])
    answer = connected(asked.world, Family(body["family"]), limit=WALKS)
    return world_answer(asked, answer.to_json())


@flows.operation("/diff", flow_schemas.DiffAnswer, method="POST", body=flow_schemas.DiffBody)
def diff(body: dict[str, Any]) -> Response:
    """Tell which flows a change set opens and closes

    The change set is judged as a whole, whatever the order. Nothing is changed.
    """
    question = _question(body)
    asked = context().worlds.asked(body["audit"], body["cluster"])
    after = _after(asked.world, body)
    return world_answer(asked, difference(asked.world, after, question, limit=WALKS).to_json())


def _question(body: dict[str, Any]) -> Question:
    try:
        return parse_question(body["question"])
    except InputError as error:
        inside = error.location
        place = inside.at(f"/question{inside.pointer}")
        raise type(error)(error.detail, location=place) from error


def _after(before: World, body: dict[str, Any]) -> World:
    """The state after: another audit's, or the one before with the change set."""
    if body["other"]:
        if body["manifests"] or body["deleted"]:
            place = SourceLocation(pointer="/other")
            raise InputError(
                "another audit is compared as it is: nothing is changed", location=place
            )
        return context().worlds.asked(body["other"], "").world
    loaded = load_texts((one["name"], one["content"]) for one in body["manifests"])
    if loaded.errors:
        raise RequestError(
            "a document of the change set cannot be read",
            [Fault(detail=str(error), pointer="/manifests") for error in loaded.errors],
        )
    deleted = [ObjectRef(**one) for one in body["deleted"]]
    return changed(before, loaded.snapshot.decoded(), deleted)
