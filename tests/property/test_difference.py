"""Laws of differences: exactly the flows that reach tells differently, blamed on what does it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from service.net.headerspace import HeaderSpace
from service.net.prefixes import Family
from service.policy.difference import changes_between, difference
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.stages import Disposition
from service.policy.trace import trace
from service.policy.world import World
from tests.factories import decode, make_snapshot
from tests.property import engine_worlds, reach_worlds

EXAMPLES = max(10, settings().max_examples // 5)
RULES = engine_worlds.arbitrary_rules | engine_worlds.directed_rules()
QUESTIONS = (
    {"from": {"outside": True}, "to": {"node": "*"}},
    {"from": {"node": "*"}, "to": [{"node": "*"}, {"pod": "*"}]},
    {"from": {"pod": "*"}, "to": [{"pod": "*"}, {"service": "shop/web"}]},
)


@st.composite
def two_states(draw):
    """The objects of a world, and those with some policies gone and others come."""
    before = draw(reach_worlds.worlds(RULES))
    is_policy = [one["kind"] == "GlobalNetworkPolicy" for one in before]
    kept = [
        one
        for one, policy in zip(before, is_policy, strict=True)
        if not policy or draw(st.booleans())
    ]
    names = draw(st.lists(st.sampled_from(["x", "y"]), max_size=2, unique=True))
    return before, [*kept, *(draw(engine_worlds.policies(RULES, name)) for name in names)]


@settings(max_examples=EXAMPLES)
@given(two_states(), st.sampled_from(QUESTIONS))
def test_the_turned_flows_are_those_that_reach_tells_differently(states, asked):
    before, after = (World.of(make_snapshot(*map(decode, objects))) for objects in states)
    question = parse_question({**asked, "family": 4})
    then, now = reach(before, question), reach(after, question)
    told = difference(before, after, question).turned
    for disposition in Disposition:
        for other in set(Disposition) - {disposition}:
            of = [
                one.space
                for one in told
                if (one.before.disposition, one.after.disposition) == (disposition, other)
            ]
            expected = [
                part.space & there.space
                for part in then.parts
                if part.disposition is disposition
                for there in now.parts
                if there.disposition is other and there.origin == part.origin
            ]
            assert HeaderSpace.union_all(Family.V4, expected) == HeaderSpace.union_all(
                Family.V4, of
            )


@settings(max_examples=EXAMPLES)
@given(two_states(), st.sampled_from(QUESTIONS))
def test_a_change_that_is_blamed_does_it(states, asked):
    before, after = (World.of(make_snapshot(*map(decode, objects))) for objects in states)
    changes = {one.ref: one for one in changes_between(before.snapshot, after.snapshot)}
    for one in difference(before, after, parse_question({**asked, "family": 4})).turned:
        assert one.before.disposition == trace(before, one.witness).disposition
        assert one.after.disposition == trace(after, one.witness).disposition
        for ref in one.alone:
            alone = before.with_change(changes[ref])
            assert one.after.disposition == trace(alone, one.witness).disposition
