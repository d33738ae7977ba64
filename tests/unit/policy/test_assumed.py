"""Which defaults a trace tells."""

from service.model.kinds.tier import Tier
from service.policy.assumed import assumed
from tests.factories import make_hep, make_pod, make_prednat, raw
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


def test_a_default_is_told_with_its_object_place_value_and_source():
    found = answer(world(w1_hep(), raw("GlobalNetworkPolicy", "deny", spec=DENY)))
    one = found.defaults[0]
    expected = {
        "object": "GlobalNetworkPolicy deny",
        "pointer": one.default.pointer,
        "value": one.default.value,
        "source": one.default.source,
    }
    assert (expected, found.to_json()["defaults"][0]) == (one.to_json(), expected)
    place = f"{one.default.pointer} = {one.default.value} ({one.default.source})"
    assert f"GlobalNetworkPolicy deny {place}" == str(one)


def test_the_policies_of_a_pod_tell_what_was_filled_in_and_those_of_others_nothing():
    pods = [
        make_pod(name, ips=f"10.244.1.{at}", labels={"app": name})
        for at, name in ((10, "a"), (11, "b"))
    ]
    policies = [
        raw(
            "GlobalNetworkPolicy",
            name,
            spec={"selector": f"app == '{name}'", "ingress": [{"action": "Allow"}]},
        )
        for name in ("a", "b")
    ]
    flow = {"from": {"pod": "default/a"}, "to": {"pod": "default/b"}}
    found = answer(world(*pods, *policies), **flow)
    told = {one.ref.name for one in found.defaults if one.ref.kind == "GlobalNetworkPolicy"}
    assert {"b"} == told
    named = answer(
        world(w1_hep(), make_hep("w1-eth1", interfaceName="eth1", labels={"x": "y"}), policies[0])
    )
    assert () == named.defaults
