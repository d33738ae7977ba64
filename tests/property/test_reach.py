"""Reach, the trace and the reference model agree in what becomes of a flow, and in what decides it."""

from __future__ import annotations

from itertools import combinations, groupby, permutations
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Hook, Reason
from service.policy.connectivity import connectivity
from service.policy.flow_query import parse_flow
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.stages import Detail, Disposition
from service.policy.trace import packets_of, trace
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.property import engine_worlds, reach_worlds
from tests.property.engine_reference import refused_by_the_api_server
from tests.reference.model import Model

GENERATORS = {
    "arbitrary": engine_worlds.arbitrary_rules | engine_worlds.directed_rules(),
    "directed": engine_worlds.directed_rules(),
}
EXAMPLES = max(20, settings().max_examples // 4)
"""Each is a world with several questions."""
HEADER = {"protocol", "port", "src_port", "icmp"}
UNTRACKED = "untracked packets are never translated"
"""The engine ends the way where nobody can listen; the model goes on to what denies it, if anything."""
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
    if one.hook == "dnat":
        return ("dnat",)
    # The model calls the drop that ends a chain a profile's.
    if one.hook in POLICED and one.reason == Reason.DEFAULT_ACTION:
        return (Reason.PROFILE.value,)
    return (str(one.reason),)


def of_cause(cause):
    return decider(cause, cause.policy.name if cause.policy else "")


def of_model(verdict):
    found = verdict.decided_by
    return decider(found, found.policy) if found else None


def of_trace(answer):
    """What decided by the trace: the last hook that allowed or denied for a reason of policy."""
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
    expected = model.verdict(flow)
    answer = trace(world, parse_flow(flow))
    found = fates(world, reach(world, parse_question(open_question(flow))), flow)
    dispositions = {disposition for disposition, _ in found}
    if answer.disposition.value not in {expected.disposition, "unknown"}:
        return "trace", flow, expected, answer.to_text()
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


@pytest.mark.parametrize("generator", GENERATORS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_reach_the_trace_and_the_model_agree(generator, data):
    objects = data.draw(reach_worlds.worlds(GENERATORS[generator]))
    world, model = built(objects)
    flows = data.draw(st.lists(reach_worlds.flows(objects), min_size=2, max_size=4))
    found = [disagreement(world, model, flow) for flow in flows]
    assert [] == [one for one in found if one is not None]


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_the_parts_are_disjoint_and_all_that_was_asked(data):
    objects = data.draw(reach_worlds.worlds(GENERATORS["directed"]))
    world = World.of(make_snapshot(*map(decode, objects)))
    source = data.draw(reach_worlds.senders(objects))
    answer = reach(world, parse_question({"from": source, "family": 4}))
    parts = sorted(answer.parts, key=lambda part: str(part.origin))
    for _, own in groupby(parts, key=attrgetter("origin")):
        group = list(own)
        union = HeaderSpace.union_all(group[0].space.family, (part.space for part in group))
        assert group[0].asked == union
        assert [] == [pair for pair in combinations(group, 2) if pair[0].space & pair[1].space]
    for part in answer.parts:
        assert part.disposition == trace(world, part.witness).disposition, part.witness


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_what_holds_for_one_of_a_class_of_pods_holds_for_all(data):
    objects = data.draw(reach_worlds.worlds(GENERATORS["arbitrary"]))
    world = World.of(make_snapshot(*map(decode, objects)))
    found = connectivity(world, Family.V4)
    pods = {"pod": "*"}
    whole = reach(world, parse_question({"from": pods, "to": pods, "family": 4}))
    at = {value: one for one in found.classes for lo, hi in one.addresses for value in (lo, hi)}
    for source, target in permutations(at, 2):
        ends = {Field.SRC: IntervalSet.single(source), Field.DST: IntervalSet.single(target)}
        pair = HeaderSpace.box(Family.V4, ends)
        for disposition in Disposition:
            told = (whole.space(Family.V4, disposition) & pair).forget(Field.SRC, Field.DST)
            assert told == found.between(at[source], at[target], disposition)


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_the_last_thing_that_was_looked_at_is_what_decides(data):
    objects = data.draw(reach_worlds.worlds(GENERATORS["arbitrary"]))
    world = World.of(make_snapshot(*map(decode, objects)))
    for flow in data.draw(st.lists(reach_worlds.flows(objects), min_size=2, max_size=4)):
        for stage in trace(world, parse_flow(flow), Detail.RULES).stages:
            if stage.verdict not in {"allow", "deny"} or not stage.looks:
                continue
            last = stage.looks[-1]
            told = (last.what, last.tier, last.rule if last.what == Reason.RULE else None)
            if not stage.note.startswith("whichever") and stage.hook != "forward":
                assert (stage.reason, stage.tier, stage.rule) == told, (stage, flow)
            assert "no" != last.matched
