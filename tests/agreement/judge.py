"""One world judged: what each of its flows comes to, by three ways of finding out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.policy.explain import Matched
from service.policy.flow_query import parse_flow
from service.policy.stages import Detail, Disposition
from service.policy.trace import trace
from tests.agreement.tally import Cell, Tally, criteria
from tests.agreement.worlds import rules
from tests.property.reach_reference import built, differing_sets, differing_trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.policy.stages import Stage
    from tests.agreement.worlds import Drawn
    from tests.reference.policies import Raw

SETS = 1
"""Of how many flows of a world the sets are asked, too, which cost more; each set answers for every port."""
_Rules = dict[tuple[str, str, str], list["Raw"]]


def judge(drawn: Drawn, tally: Tally) -> None:
    """Count the flows of a world, and note each of which the three do not say the same."""
    world, model = built(drawn.objects)
    written = _rules(drawn.objects)
    tally.worlds += 1
    for at, flow in enumerate(drawn.flows):
        answer, expected = trace(world, parse_flow(flow), Detail.RULES), model.verdict(flow)
        differing = differing_trace(answer, expected, flow)
        if at < SETS and not differing:
            differing = differing_sets(world, answer, expected, flow)
        if not differing and answer.disposition is Disposition.UNKNOWN and not answer.unknown:
            differing = "unknown without a reason", flow, answer.to_text()
        if differing:
            tally.differing.append(f"{drawn.name}: {differing}")
        tally.count(flow, answer, expected.disposition)
        for stage in answer.stages:
            tally.cells.update(_cells(stage, written))


def _rules(objects: Iterable[Raw]) -> _Rules:
    """The rules as they are written, by kind, name and direction of their policy."""
    found: _Rules = {}
    for one in objects:
        if (
            one["kind"] in {"GlobalNetworkPolicy", "NetworkPolicy"}
            and "projectcalico" in one["apiVersion"]
        ):
            meta = one["metadata"]
            name = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
            for direction, rule in rules(one["spec"]):
                found.setdefault((one["kind"], name, direction.lower()), []).append(rule)
    return found


def _cells(stage: Stage, written: Mapping[tuple[str, str, str], list[Raw]]) -> Iterator[Cell]:
    """Each criterion of each rule that matched at this hook."""
    for look in stage.looks:
        if look.rule is None or look.matched is not Matched.YES:
            continue
        listed = written.get((look.kind, look.policy, stage.direction.value))
        if listed is None:
            continue
        rule = listed[look.rule]
        for field in criteria(rule):
            yield f"{stage.hook.value} {stage.direction.value}", rule["action"], field
