"""What is proposed about single rules and orders; that a proposal holds is the law of tests/property/test_fixes.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.checks.mending import rules
from service.checks.mending.rules import order_before
from service.checks.settings import CheckSettings
from service.checks.verdict import Result, Severity, Verdict
from service.policy.cause import Cause, Direction, Hook, Reason
from service.policy.world import World
from tests.factories import decode, make_snapshot, raw

ALLOW, DENY, LOG = ({"action": name} for name in ("Allow", "Deny", "Log"))
OFFICE = {**ALLOW, "source": {"nets": ["198.51.100.0/24"]}}
WEB = {**OFFICE, "protocol": "TCP", "destination": {"ports": [30080, 30081]}}


def policy(name, *ingress, **spec):
    guard = {"selector": "all()", "preDNAT": True, "applyOnForward": True, "types": ["Ingress"]}
    spec = {**guard, **spec, "ingress": list(ingress)}
    return raw("GlobalNetworkPolicy", name, spec=spec)


def world(*objects):
    return World(make_snapshot(*objects))


def decided(*places):
    """Rules that decided, as (policy, rule)."""
    return tuple(
        Cause(
            Reason.RULE,
            Hook.PRE_DNAT,
            Direction.INGRESS,
            tier="default",
            policy=decode(one).ref if one else None,
            rule=rule,
        )
        for one, rule in places
    )


def finding(subject, reason="never-allows", *, rule=1, causes=(), details=None):
    return Verdict(
        check="a-check",
        subject=decode(subject).ref,
        result=Result.FAIL,
        severity=Severity.HIGH,
        reason=reason,
        message="",
        key=("ingress", str(rule)),
        causes=causes,
        details=details or {},
    )


def proposed(remedies, where, verdict):
    """The objects of each remedy, by name, with their specs."""
    return [
        {one["metadata"]["name"]: one["spec"] for one in remedy}
        for remedy in remedies(where, CheckSettings(), verdict)
    ]


def ingresses(told):
    return [{name: spec["ingress"] for name, spec in remedy.items()} for remedy in told]


def orders(told):
    return [{name: spec["order"] for name, spec in remedy.items()} for remedy in told]


def test_a_hidden_rule_is_put_before_the_first_that_hides_it():
    own = policy("own", LOG, DENY, {**DENY, "protocol": "TCP"}, OFFICE)
    verdict = finding(own, rule=3, causes=decided((own, 2), (own, 1)))
    told = proposed(rules.unshadowed, world(own), verdict)
    assert [{"own": [LOG, OFFICE, DENY, {**DENY, "protocol": "TCP"}]}] == ingresses(told)


def test_a_rule_hidden_by_another_policy_has_its_policy_put_before_it():
    other, own = policy("other", DENY, order=20), policy("own", OFFICE, order=30)
    verdict = finding(own, rule=0, causes=decided((other, 0)))
    assert [{"own": 10}] == orders(proposed(rules.unshadowed, world(other, own), verdict))


def test_a_rule_hidden_here_and_there_may_be_put_before_either():
    other, own = policy("other", DENY, order=20), policy("own", DENY, OFFICE, order=30)
    verdict = finding(own, causes=decided((other, 0), (own, 0)))
    inside, before = proposed(rules.unshadowed, world(other, own), verdict)
    assert ([OFFICE, DENY], 30) == (inside["own"]["ingress"], inside["own"]["order"])
    assert 10 == before["own"]["order"]


@pytest.mark.parametrize("reason", ["failsafe", "end-of-tier", "earlier-tier"])
def test_what_no_rule_of_the_tier_hides_is_not_moved(reason):
    own = policy("own", DENY, OFFICE)
    assert [] == proposed(
        rules.unshadowed, world(own), finding(own, reason, causes=decided((own, 0)))
    )


@pytest.mark.parametrize("rule", [0, 2])
def test_a_rule_is_moved_forward_only_and_only_if_it_is_there(rule):
    own = policy("own", OFFICE, DENY)
    verdict = finding(own, rule=rule, causes=decided((own, rule)))
    assert [] == proposed(rules.unshadowed, world(own), verdict)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([("a", 20)], 10.0),
        ([("a", 20), ("b", 30)], 10.0),
        ([("b", 30)], 25.0),
        ([("c", None)], 40.0),
        ([("x", 20)], 10.0),
    ],
)
def test_an_order_before_policies_comes_after_what_is_before_them(others, expected):
    named = {"a": 20, "b": 30, "c": None, "x": 20}
    tier = [policy(name, **({"order": order} if order else {})) for name, order in named.items()]
    where = world(*tier)
    wanted = [where.policy(decode(policy(name)).ref) for name, _ in others]
    assert expected == order_before(where, wanted)


def test_an_order_before_policies_without_any_order_is_the_first_of_all():
    where = world(policy("a"), policy("b"))
    assert 1000.0 == order_before(where, [where.policy(decode(policy("b")).ref)])


def test_no_order_comes_before_policies_of_two_tiers():
    tier = raw("Tier", "early", spec={"order": 1})
    where = world(tier, policy("a"), policy("b", tier="early"))
    assert None is order_before(where, list(where.policies))


def test_policies_of_one_order_are_put_apart_as_their_names_have_them():
    first, last = policy("a", order=20), policy("b", order=20)
    beyond = policy("c", order=50)
    verdict = finding(first, causes=decided((last, 0), (None, None), (first, 0)))
    told = proposed(rules.ordered, world(first, last, beyond), verdict)
    assert [{"a": 10}, {"b": 35}] == orders(told)


def test_the_last_of_its_tier_is_put_a_step_behind():
    early = raw("Tier", "early", spec={"order": 1})
    first, last = policy("a", order=20), policy("b", order=20)
    elsewhere = policy("c", order=30, tier="early")
    verdict = finding(first, causes=decided((first, 0), (last, 0)))
    told = proposed(rules.ordered, world(early, first, last, elsewhere, policy("d")), verdict)
    assert [{"a": 10}, {"b": 30}] == orders(told)


def test_policies_without_order_get_one_for_the_first_alone():
    first, last = policy("a"), policy("b")
    verdict = finding(first, causes=decided((first, 0), (last, 0)))
    assert [{"a": 1000}] == orders(proposed(rules.ordered, world(first, last), verdict))


def test_a_removed_rule_leaves_the_others_and_the_directions_of_its_policy():
    spec = {"selector": "all()", "ingress": [DENY, OFFICE], "egress": [ALLOW]}
    own = raw("GlobalNetworkPolicy", "own", spec=spec)
    told = proposed(rules.removed, world(own), finding(own))
    expected = {**spec, "ingress": [DENY], "types": ["Ingress", "Egress"]}
    assert [{"own": expected}] == told
    assert [] == proposed(rules.removed, world(own), finding(own, rule=2))


def test_the_last_rule_of_a_policy_of_kubernetes_leaves_its_direction():
    spec = {"podSelector": {}, "ingress": [{}]}
    own = raw(
        "NetworkPolicy", "own", api_version="networking.k8s.io/v1", namespace="shop", spec=spec
    )
    told = proposed(rules.removed, world(own), finding(own, rule=0))
    assert [{"own": {"podSelector": {}, "ingress": [], "policyTypes": ["Ingress"]}}] == told


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (["TCP 30080"], [("TCP", [30080])]),
        (["TCP 30080,30090-30099", "UDP 53"], [("TCP", [30080, "30090:30099"]), ("UDP", [53])]),
        ([""], [(one, ["30000:32767"]) for one in ("TCP", "UDP", "SCTP")]),
        (None, [(one, ["30000:32767"]) for one in ("TCP", "UDP", "SCTP")]),
    ],
)
def test_a_set_of_guards_is_ended_by_denies_of_its_ports_here_or_in_a_last_policy(ports, expected):
    own = policy("own", OFFICE, order=20)
    details = {} if ports is None else {"ports": ports}
    here, last = proposed(rules.ended, world(own), finding(own, details=details))
    denies = [
        {"action": "Deny", "protocol": protocol, "destination": {"ports": listed}}
        for protocol, listed in expected
    ]
    assert [OFFICE, *denies] == here["own"]["ingress"]
    guard = {"selector": "all()", "preDNAT": True, "applyOnForward": True, "types": ["Ingress"]}
    assert {"nodeward-end": {"order": 30, **guard, "ingress": denies}} == last


def test_a_last_policy_stands_in_the_tier_of_what_it_ends_and_by_its_name_where_that_has_no_order():
    tier = raw("Tier", "early", spec={"order": 1})
    own, other = policy("own", OFFICE, tier="early"), policy("other", order=7)
    *_, last = proposed(rules.ended, world(tier, own, other), finding(own))
    assert ("early", None) == (
        last["zz-nodeward-end"]["tier"],
        last["zz-nodeward-end"].get("order"),
    )


@pytest.mark.parametrize(
    ("unused", "expected"),
    [
        (["30081"], [[DENY, {**WEB, "destination": {"ports": [30080]}}]]),
        (["30080", "30081"], [[DENY]]),
    ],
)
def test_ports_that_nobody_has_are_taken_from_their_rule_and_the_rule_with_the_last(
    unused, expected
):
    own = policy("own", DENY, WEB)
    told = proposed(rules.unpinned, world(own), finding(own, details={"ports": unused}))
    assert expected == [one["own"]["ingress"] for one in told]


@pytest.mark.parametrize(("rule", "details"), [(DENY, {"ports": ["1"]}), (WEB, {})])
def test_a_rule_without_ports_keeps_what_it_has(rule, details):
    own = policy("own", LOG, rule)
    assert [] == proposed(rules.unpinned, world(own), finding(own, details=details))


GUARD = {"preDNAT": True, "applyOnForward": True, "types": ["Ingress"]}


def before_dnat(own):
    told = replace(finding(own), key=("ingress rule 1",))
    return proposed(rules.before_dnat, world(own), told)


def test_a_normal_policy_without_egress_can_stand_before_dnat_or_its_rule_alone():
    spec = {"selector": "all()", "order": 5, "ingress": [ALLOW, DENY]}
    own = raw("GlobalNetworkPolicy", "own", spec=spec)
    alone = {
        "own-prednat": {**spec, **GUARD, "ingress": [DENY]},
        "own": {**spec, "ingress": [ALLOW], "types": ["Ingress"]},
    }
    assert [{"own": {**spec, **GUARD}}, alone] == before_dnat(own)


def test_a_rule_of_a_policy_with_egress_is_put_before_dnat_alone():
    spec = {"selector": "all()", "ingress": [ALLOW, DENY], "egress": [ALLOW]}
    own = raw("GlobalNetworkPolicy", "own", spec=spec)
    alone = {
        "own-prednat": {"selector": "all()", **GUARD, "ingress": [DENY]},
        "own": {**spec, "ingress": [ALLOW], "types": ["Ingress", "Egress"]},
    }
    assert [alone] == before_dnat(own)


def test_a_rule_of_a_stored_policy_gets_no_policy_of_its_own():
    spec = {"selector": "all()", "ingress": [ALLOW, DENY], "egress": [ALLOW]}
    own = raw("GlobalNetworkPolicy", "own", api_version="crd.projectcalico.org/v1", spec=spec)
    assert [] == before_dnat(own)


def after_tier(last=None):
    """The finding that the end of a tier swallows a rule, after *last* of its policies."""
    ref = decode(last).ref if last else None
    end = Cause(Reason.END_OF_TIER, Hook.NORMAL, Direction.INGRESS, tier="security", policy=ref)
    own = policy("own", DENY, ALLOW)
    return finding(own, "end-of-tier", causes=(*decided((own, 0)), end))


def test_what_the_end_of_a_tier_swallows_is_passed_on_by_its_last_policy_or_by_default():
    tier = raw("Tier", "security", spec={"order": 100})
    last = policy("security.last", ALLOW, tier="security")
    told = proposed(rules.unshadowed, world(tier, last), after_tier(last))
    assert [
        {"security.last": {**last["spec"], "ingress": [ALLOW, {"action": "Pass"}]}},
        {"security": {"order": 100, "defaultAction": "Pass"}},
    ] == told


def test_the_end_of_a_tier_that_nobody_wrote_is_left_as_it_is():
    assert [] == proposed(rules.unshadowed, world(), after_tier())
    kubernetes = raw(
        "NetworkPolicy", "last", api_version="networking.k8s.io/v1", namespace="default"
    )
    assert [] == proposed(rules.unshadowed, world(), after_tier(kubernetes))
