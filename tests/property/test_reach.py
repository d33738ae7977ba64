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
from service.policy.cause import Reason
from service.policy.connectivity import connectivity
from service.policy.flow_query import parse_flow
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.stages import Detail, Disposition
from service.policy.trace import trace
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.property import engine_worlds, reach_worlds
from tests.property.reach_reference import built, disagreement

GENERATORS = {
    "arbitrary": engine_worlds.arbitrary_rules | engine_worlds.directed_rules(),
    "directed": engine_worlds.directed_rules(),
}
EXAMPLES = max(20, settings().max_examples // 4)
"""Each is a world with several questions."""


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
