from __future__ import annotations

from dataclasses import replace

from service.checks.contract import Transition
from service.checks.run import audit, checks, review
from service.checks.settings import CheckSettings
from service.checks.standing import standing
from service.policy.world import World
from tests.factories import make_change, make_namespace, make_node, make_service, make_snapshot

SETTINGS = CheckSettings()
NODE = make_node("w1", internal="10.0.0.11")


def test_every_check_is_found_by_its_id():
    found = [check.id for check in checks()]
    assert sorted(found) == found
    assert {"apiserver-lockout", "nodeport-unguarded", "object-ignored"} <= set(found)


def test_an_audit_asks_the_checks_that_were_chosen():
    world = World(make_snapshot(NODE, make_service("b"), make_service("a")))
    assert [0, 2] == [
        len(list(audit(world, SETTINGS, only={name})))
        for name in ("object-ignored", "nodeport-unguarded")
    ]


def test_verdicts_go_by_subject():
    world = World(make_snapshot(NODE, make_service("b"), make_service("a")))
    told = audit(world, SETTINGS, only={"nodeport-unguarded"})
    assert ["a", "b"] == [one.subject.name for one in told]


def reviewed(after):
    world = World(make_snapshot(NODE))
    change = make_change(None, after)
    return list(review(Transition(world, world.with_change(change), change), SETTINGS))


def test_a_review_asks_every_check_that_judges_the_kind():
    assert {"nodeport-unguarded"} == {one.check for one in reviewed(make_service())}


def test_a_kind_that_no_check_judges_is_not_reviewed():
    assert [] == reviewed(make_namespace("new"))


def test_a_check_that_cannot_tell_what_a_change_touches_judges_all_anew(monkeypatch):
    world = World(make_snapshot(NODE, make_service("a")))
    now = standing(world, SETTINGS, {"nodeport-unguarded"})
    without = [replace(one, reaudit=None) for one in checks()]
    monkeypatch.setattr("service.checks.standing.checks", lambda: without)
    after = now.after(make_change(None, make_service("b")))
    assert ["a", "b"] == [one.subject.name for one in after.verdicts()]


def test_a_change_of_a_service_leaves_the_verdicts_on_others_as_they_are():
    world = World(make_snapshot(NODE, make_service("a")))
    now = standing(world, SETTINGS, {"nodeport-unguarded", "apiserver-lockout"})
    after = now.after(make_change(make_service("a"), None))
    assert ([], ["a"]) == (
        [one.subject.name for one in after.verdicts()],
        [one.subject.name for one in now.verdicts() if one.check == "nodeport-unguarded"],
    )
