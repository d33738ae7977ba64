"""Which defaults a trace tells."""

from service.model.kinds.tier import Tier
from service.policy.assumed import assumed
from tests.factories import make_hep, make_prednat, raw
from tests.trace_factories import answer, w1_hep, world

DENY = {
    "selector": "all()",
    "preDNAT": True,
    "applyOnForward": True,
    "ingress": [{"action": "Deny"}],
}


def pointers(found):
    return [(one.ref.kind, one.default.pointer) for one in found.defaults]


def test_the_policies_that_govern_an_endpoint_tell_what_was_filled_in():
    found = answer(world(w1_hep(), raw("GlobalNetworkPolicy", "deny", spec=DENY)))
    assert [
        ("GlobalNetworkPolicy", "/spec/tier"),
        ("GlobalNetworkPolicy", "/spec/types"),
    ] == sorted(pointers(found))


def test_the_tiers_of_those_policies_tell_it_too():
    policy = raw("GlobalNetworkPolicy", "deny", spec={**DENY, "tier": "security"})
    found = answer(world(w1_hep(), policy, raw("Tier", "security", spec={"order": 5})))
    assert (Tier.__name__, "/spec/defaultAction") in pointers(found)


def test_a_policy_that_selects_another_endpoint_tells_nothing():
    other = make_hep("w2-eth0", node="w2", labels={"other": "x"})
    policy = make_prednat("deny", selector="has(other)")
    assert answer(world(w1_hep(), other, policy)).defaults == ()


def test_stages_that_no_endpoint_judges_rest_on_no_default():
    assert assumed(world(), answer(world()).stages) == ()
