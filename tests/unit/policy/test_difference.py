"""What opened and what closed between two worlds, and which change did it."""

from __future__ import annotations

import pytest

from service.net.prefixes import Family
from service.policy.difference import Turn, difference
from service.policy.question import parse_question
from service.policy.reach import reach
from service.policy.stages import Disposition
from service.policy.trace import trace
from tests.factories import make_gnp, make_pod
from tests.trace_factories import CLIENT, EGRESS_ANY, POD_ON_W1, allow, w1_hep, web, world

TO_W1 = {"from": CLIENT, "to": {"node": "w1"}, "protocol": "TCP", "family": 4}
DENY = {"action": "Deny"}


def turned(before, after, **question):
    return difference(before, after, parse_question({**TO_W1, **question})).turned


def told(parts):
    """Each turn with its flows and the changes that do it alone, and those that it needs."""
    return [
        (
            one.turn.value,
            one.to_json()["flows"],
            *([ref.name for ref in refs] for refs in (one.alone, one.needed)),
        )
        for one in parts
    ]


def test_a_rule_that_opens_a_port_is_told_with_what_decided_before_and_after():
    before, after = world(w1_hep(), EGRESS_ANY), world(w1_hep(), EGRESS_ANY, allow(9100))
    [opened, *rest] = turned(before, after)
    assert (Turn.OPENED, ["allow"]) == (opened.turn, [ref.name for ref in opened.alone])
    assert [{"port": ["9100"]}] == opened.to_json()["flows"]
    assert "GlobalNetworkPolicy allow, ingress rule 0" == str(opened.after.causes[0])
    assert "denied" == opened.before.disposition
    assert [] == rest


def test_the_way_back_closes_what_opened():
    before, after = world(w1_hep(), EGRESS_ANY), world(w1_hep(), EGRESS_ANY, allow(9100))
    assert [("closed", [{"port": ["9100"]}], ["allow"], [])] == told(turned(after, before))


def test_worlds_that_treat_all_flows_alike_do_not_differ():
    same = make_gnp("unused", selector="role == 'none'", types=["Ingress"], ingress=[DENY])
    assert () == turned(world(w1_hep(), allow(9100)), world(w1_hep(), allow(9100), same))
    assert () == turned(world(), world())


def test_changes_that_work_together_only_are_needed_each():
    shut = make_gnp("shut", order=1, types=["Ingress"], ingress=[DENY])
    before = world(w1_hep(), EGRESS_ANY, shut)
    after = world(w1_hep(), EGRESS_ANY, allow(9100))
    assert [("opened", [{"port": ["9100"]}], [], ["allow", "shut"])] == told(turned(before, after))


def test_changes_of_which_each_would_do_are_told_as_such():
    one, two = (
        make_gnp(name, order=1, types=["Ingress"], ingress=[DENY]) for name in ("one", "two")
    )
    before = world(w1_hep(), EGRESS_ANY, allow(9100))
    after = world(w1_hep(), EGRESS_ANY, allow(9100), one, two)
    assert [("closed", [{"port": ["9100"]}], ["one", "two"], [])] == told(turned(before, after))


def test_a_pod_that_comes_opens_what_leads_to_it():
    question = {"to": {"pod": "*"}}
    pod = make_pod("a", ips="10.244.1.10")
    [opened] = turned(world(*web()), world(*web(), pod), **question)
    assert (Turn.OPENED, ["a"]) == (opened.turn, [ref.name for ref in opened.alone])
    assert "denied (there is no such flow)" == str(opened.before)


def test_what_nobody_can_resolve_may_have_closed():
    rule = {"action": "Deny", "source": {"selector": "app == 'gone'"}}
    maybe = make_gnp("maybe", types=["Ingress"], order=1, ingress=[rule])
    before = world(w1_hep(), EGRESS_ANY, allow(9100))
    found = turned(before, world(w1_hep(), EGRESS_ANY, allow(9100), maybe))
    assert {"may-have-closed"} == {one.turn for one in found}


@pytest.mark.parametrize("question", [{}, {"from": {"pod": "*"}, "to": {"pod": "*"}}])
def test_the_turned_flows_are_exactly_those_that_reach_tells_differently(question):
    pods = (
        make_pod("a", ips="10.244.1.10", labels={"app": "a"}),
        make_pod("b", ips="10.244.2.10", node="w2"),
    )
    policy = make_gnp("a", selector="app == 'a'", types=["Ingress"], ingress=[DENY])
    worlds = world(*web(POD_ON_W1), *pods), world(*web(POD_ON_W1), *pods, policy)
    asked = parse_question({"family": 4, **question})
    then, now = (reach(one, asked) for one in worlds)
    parts = difference(*worlds, asked).turned
    assert parts
    lost = then.space(Family.V4, Disposition.ALLOWED) - now.space(Family.V4, Disposition.ALLOWED)
    union = {one.turn for one in parts}
    assert {Turn.CLOSED} == union
    for one in parts:
        lost = lost - one.space
        assert one.before.disposition == trace(worlds[0], one.witness).disposition
        assert one.after.disposition == trace(worlds[1], one.witness).disposition
    assert not lost
