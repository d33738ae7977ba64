from __future__ import annotations

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Cause, Decision, Direction, Hook, Reason
from service.policy.partition import Part, Partition, undetermined, whole

CAUSE = Cause(Reason.DEFAULT_ACTION, Hook.NORMAL, Direction.INGRESS)


def ports(lo, hi):
    return HeaderSpace.box(Family.V4, {Field.DST_PORT: IntervalSet.of((lo, hi))})


ALL = Bounds.exact(ports(0, 99))
NOTHING = HeaderSpace.nothing(Family.V4)


def part(decision, must, may=None, *unknown):
    return Part(decision, CAUSE, Bounds(must, may or must), unknown)


SPLIT = Partition(
    ALL,
    (
        part(Decision.ALLOW, ports(0, 9)),
        part(Decision.DENY, ports(10, 19), ports(10, 29), "who"),
        part(Decision.UNDECIDED, ports(30, 99), ports(20, 99), "who"),
    ),
)


def test_one_fate_makes_one_part():
    assert ALL == whole(ALL, Decision.DENY, CAUSE).bounds(Decision.DENY)


def test_surely_decided_is_what_no_other_decision_may_take():
    assert (ports(10, 19), ports(10, 29)) == (
        SPLIT.must(Decision.DENY),
        SPLIT.may(Decision.DENY),
    )


def test_two_decisions_together_are_surer_than_each():
    assert ports(10, 99) == SPLIT.must(Decision.DENY, Decision.UNDECIDED)


def test_what_was_unknown_is_told_once():
    assert ("who",) == SPLIT.unknown()


def test_the_next_hook_gets_what_is_undecided_with_its_doubts():
    after = SPLIT.then(lambda live: whole(live, Decision.ALLOW, CAUSE))
    last = after.parts[-1]
    assert (ports(20, 99), ("who",), 3) == (last.space.may, last.unknown, len(after.parts))


def test_the_next_hook_is_not_asked_where_nothing_is_left():
    decided = whole(ALL, Decision.DENY, CAUSE)
    assert decided == decided.then(lambda live: whole(live, Decision.ALLOW, CAUSE))


def test_a_sure_hook_adds_no_doubts_to_the_next():
    after = whole(ALL, Decision.UNDECIDED, CAUSE).then(
        lambda live: whole(live, Decision.ALLOW, CAUSE)
    )
    assert whole(ALL, Decision.ALLOW, CAUSE) == after


def test_where_nothing_is_known_any_decision_is_possible():
    found = undetermined(ALL, CAUSE, ["why"])
    assert [(NOTHING, ALL.may)] * 3 == [(found.must(one), found.may(one)) for one in Decision]
