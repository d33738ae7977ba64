import yaml

from service.admission.decide import decide
from service.admission.mend import mended
from service.admission.review import parse_review
from service.admission.terms import Terms
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
