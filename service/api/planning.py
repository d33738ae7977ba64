"""Questions about changes that nobody has made yet: what would guard a Service, what a label would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.api.answer import world_answer
from service.api.body import Blueprint
from service.api.context import context
from service.api.planning_schemas import EffectivePolicies, SuggestBody, Suggestion, WorkloadBody
from service.checks.settings import check_settings
from service.checks.suggest import service_ref
from service.checks.suggest import suggest as suggested
from service.checks.workload.page import pages
from service.errors import InputError, SourceLocation
from service.net.prefixes import PrefixError, parse_cidr

if TYPE_CHECKING:
    from flask import Response

    from service.net.prefixes import Prefix

planning = Blueprint(
    "planning", __name__, url_prefix="/v1", description="What a change would make of a cluster"
)


@planning.operation("/suggest", Suggestion, method="POST", body=SuggestBody)
def suggest(body: dict[str, Any]) -> Response:
    """Suggest what would guard a Service for chosen sources

    The objects are applied to the cluster and judged before they are told; nothing is changed.
    """
    asked = context().worlds.asked(body["audit"], body["cluster"])
    settings = check_settings(context().settings)
    sources = [_network(text, at) for at, text in enumerate(body["sources"])]
    told = suggested(asked.world, settings, service_ref(body["service"]), sources=sources)
    return world_answer(asked, told.to_json())


@planning.operation("/workload", EffectivePolicies, method="POST", body=WorkloadBody)
def workload(body: dict[str, Any]) -> Response:
    """Tell the effective policy of a workload, and what labels would change

    The union that its labels earn it, each part with its policy; nothing is changed.
    """
    asked = context().worlds.asked(body["audit"], body["cluster"])
    told = pages(asked.world, body["workload"], body["labels"])
    return world_answer(asked, {"items": [page.to_json() for page in told]})


def _network(text: str, at: int) -> Prefix:
    """Raises: InputError that points to the network."""
    try:
        return parse_cidr(text)
    except PrefixError as error:
        place = SourceLocation(pointer=f"/sources/{at}")
        raise InputError(str(error), location=place) from error
