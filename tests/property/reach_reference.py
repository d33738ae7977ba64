"""Reach, the trace and the reference model held against each other, a flow at a time."""

from __future__ import annotations

from service.policy.cause import Hook, Reason
from service.policy.flow_query import parse_flow
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.trace import packets_of, trace
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.property.engine_reference import refused_by_the_api_server
from tests.reference.model import Model

HEADER = {"protocol", "port", "src_port", "icmp"}
UNTRACKED = "untracked packets are never translated"
"""The engine ends the way where nobody can listen; the model goes on to what denies it, if anything."""
CHANCE = "it depends on what is left to chance"
"""The model tries single source ports of a masquerade, failsafe ports too; the trace knows sets of others."""
POLICED = {Hook.NORMAL, Hook.WORKLOAD, "normal", "workload"}


def built(objects):
    """The engine's world and the model of objects that an API server lets in."""
    world = World.of(make_snapshot(*map(decode, objects)))
    return world, Model(one for one in objects if not refused_by_the_api_server(one))


def open_question(flow):
    """The question of which *flow* is one answer: who, where to, and nothing of the header."""
    return {name: value for name, value in flow.items() if name not in HEADER}


def fates(world, answer, flow):
    """Disposition and causes of each part that *flow* is in."""
    packets = packets_of(world, parse_flow(flow))
    parts = [part for part in answer.parts if packets is not None and part.space & packets]
    return {(part.disposition.value, part.causes) for part in parts}


def decider(one, policy):
    """What decided, of a cause, a stage or a station of the model, in words that all of them have."""
    if one.reason == Reason.RULE:
        return one.tier, policy, one.rule
    if one.reason == Reason.END_OF_TIER:
        return one.tier, Reason.END_OF_TIER.value
    if one.hook in {"dnat", "encapsulation"}:
        return (str(one.hook),)
    # The model calls the drop that ends a chain a profile's.
    if one.hook in POLICED and one.reason == Reason.DEFAULT_ACTION:
        return (Reason.PROFILE.value,)
    return (str(one.reason),)


def of_cause(cause):
    found = cause.policy
    name = f"{found.namespace}/{found.name}" if found and found.namespace else found and found.name
    return decider(cause, name or "")


def of_model(verdict):
    found = verdict.decided_by
    return decider(found, found.policy) if found else None


def of_trace(answer):
    """What decided by the trace: the last hook that allowed or denied for a reason of policy.

    None where that is not one thing: where the packet may go several ways, or a hook does not know.
    """
    translations = [one.node for one in answer.stages if one.verdict == "translated"]
    is_forked = len({*translations}) < len(translations)
    if is_forked or any(one.verdict == "unknown" for one in answer.stages):
        return None
    deciding = [
        stage
        for stage in answer.stages
        if stage.verdict in {"allow", "deny"}
        and (stage.hook, stage.reason, stage.verdict) != ("forward", "default-action", "allow")
    ]
    last = deciding[-1] if deciding else None
    return decider(last, last.policy) if last and not last.note.startswith("whichever") else None


def disagreement(world, model, flow):
    """What reach, the trace and the model say of *flow*, if that is not the same."""
    answer = trace(world, parse_flow(flow))
    expected = model.verdict(flow)
    return differing_trace(answer, expected, flow) or differing_sets(world, answer, expected, flow)


def differing_trace(answer, expected, flow):
    """What the trace and the model say, if that is not the same disposition by the same decider."""
    is_left_open = expected.unknown == CHANCE
    if answer.disposition.value not in {expected.disposition, "unknown"} and not is_left_open:
        return "trace", flow, expected, answer.to_text()
    told, other = of_trace(answer), of_model(expected)
    is_told = None not in {told, other} and answer.disposition.value != "unknown"
    if is_told and told != other and not any(UNTRACKED in one.note for one in answer.stages):
        return "decider", flow, told, other, expected, answer.to_text()
    return None


def differing_sets(world, answer, expected, flow):
    """What reach says of *flow*, if it is not what the trace and the model say."""
    found = fates(world, reach(world, parse_question(open_question(flow))), flow)
    dispositions = {disposition for disposition, _ in found}
    if dispositions and dispositions != {answer.disposition.value}:
        return "reach", flow, dispositions, answer.to_text()
    for disposition, causes in found:
        deciders = {of_cause(cause) for cause in causes}
        if any(UNTRACKED in cause.note for cause in causes):
            continue
        if disposition == "unknown" or len(causes) > 1:
            continue
        for who, other in (("trace", of_trace(answer)), ("model", of_model(expected))):
            if other is not None and other not in deciders:
                return who, flow, deciders, other, expected, answer.to_text()
    return None
