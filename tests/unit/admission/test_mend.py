from dataclasses import replace

import pytest
import yaml

from service.admission.decide import decide
from service.admission.mend import TOLD_CHARACTERS, _standing, _told, mended
from service.admission.review import parse_review
from service.admission.terms import Terms
from service.checks.verdict import Fix
from service.model.snapshot import Change, Operation
from service.policy.world import World
from tests.decision_factories import NODE_PORT
from tests.factories import decode, make_hep, make_node, make_prednat, make_snapshot
from tests.review_factories import make_review

NODE = make_node("w1", internal="10.0.0.11")
HEP = make_hep(
    "w1-eth0",
    labels={"role": "node"},
    expectedIPs=["10.0.0.11"],
    profiles=["projectcalico-default-allow"],
)


def asked(world, **request):
    review = parse_review(make_review(**{"object": NODE_PORT, **request}))
    return mended(decide(world, review, Terms(), now_s=0), world, Terms())


def fixed(world, **request):
    return next((one.fix for one in asked(world, **request).verdicts if one.fix), None)


def test_what_has_to_be_applied_first_is_told_as_a_manifest():
    found = asked(World(make_snapshot(NODE)))
    _, _, told = found.message.partition("It would pass after this: ")
    what, _, manifest = told.partition("\n")
    kinds = [one["kind"] for one in yaml.safe_load_all(manifest)]
    assert what.startswith("create HostEndpoint")
    assert ["HostEndpoint", "GlobalNetworkPolicy"] == kinds


def test_the_request_passes_once_it_is_applied():
    before = World(make_snapshot(NODE, HEP))
    objects = [decode(one) for one in yaml.safe_load_all(fixed(before).yaml)]
    after = World(make_snapshot(NODE, HEP, *objects))
    assert asked(after).allowed


def test_a_request_that_passes_needs_nothing():
    guarded = World(make_snapshot(NODE, HEP, make_prednat("guard")))
    found = asked(guarded)
    assert (True, None) == (found.allowed, fixed(guarded))


def test_the_deletion_of_a_guard_passes_after_another_guard():
    guard = make_prednat("guard")
    world = World(make_snapshot(NODE, HEP, guard, NODE_PORT))
    gnp = {"group": "projectcalico.org", "version": "v3", "kind": "GlobalNetworkPolicy"}
    old = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": "guard"},
        "spec": {"preDNAT": True, "applyOnForward": True, "ingress": [{"action": "Deny"}]},
    }
    deletion = {"kind": gnp, "operation": "DELETE", "object": None, "oldObject": old}
    found = asked(world, name="guard", **deletion)
    assert "after this: create GlobalNetworkPolicy nodeward-guard-tcp-30010" in found.message


def test_a_fix_that_is_long_is_named_and_not_spelled_out():
    nodes = [make_node(f"n{n:02}", internal=f"10.0.1.{n}") for n in range(9)]
    found = asked(World(make_snapshot(*nodes)))
    fix = next(one.fix for one in found.verdicts if one.fix)
    *_, last = found.message.splitlines()
    is_long = len(fix.yaml) > TOLD_CHARACTERS
    expected = f"It would pass after this: {fix.summary}; nodeward suggest prints it."
    assert (is_long, is_long) == (last == expected, "apiVersion" not in found.message)


@pytest.mark.parametrize(("spare", "is_told"), [(0, True), (1, False)])
def test_a_fix_of_the_limit_is_spelled_out_and_one_beyond_it_is_not(spare, is_told):
    found = asked(World(make_snapshot(NODE)))
    verdict = next(one for one in found.verdicts if one.fix)
    long = replace(verdict, fix=Fix("create it", "x" * (TOLD_CHARACTERS + spare)))
    assert is_told is ("x" * TOLD_CHARACTERS in _told(found, verdict, long).message)


def test_a_deletion_is_mended_in_the_world_that_it_leaves():
    guard = make_prednat("guard")
    world = World(make_snapshot(NODE, HEP, guard, NODE_PORT))
    change = Change(Operation.DELETE, world.snapshot.find(guard.meta.ref), None)
    assert change == _standing(world, change)
    bare = World(make_snapshot(NODE))
    assert change == _standing(bare, change)


def test_a_creation_of_what_is_there_is_an_update():
    guard = make_prednat("guard")
    world = World(make_snapshot(guard))
    there = world.snapshot.find(guard.meta.ref)
    asked_for = Change(Operation.CREATE, None, there)
    assert Change(Operation.UPDATE, there, there) == _standing(world, asked_for)
    assert asked_for == _standing(World(make_snapshot()), asked_for)
