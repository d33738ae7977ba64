"""What is refused or ignored is told once, for the first who sees it, as gravely as it is."""

from __future__ import annotations

import pytest

from service.checks.contract import Transition
from service.checks.object_ignored import CHECK
from service.checks.settings import CheckSettings
from service.checks.verdict import Result, Severity
from service.model.meta import Layer
from service.policy.world import World
from tests.factories import (
    make_change,
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_snapshot,
    raw,
)

SETTINGS = CheckSettings()
ICMP = {"action": "Deny", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}}
REJECT = {"nftablesFilterDenyAction": "Reject"}


def gnp(*, name="p", **spec):
    return raw("GlobalNetworkPolicy", name, spec=spec)


def audit(*objects):
    return list(CHECK.audit(World.of(make_snapshot(*objects)), SETTINGS))


def review(before, after, *others):
    world = World.of(make_snapshot(*others, *([before] if before else ())))
    change = make_change(before, after)
    return list(CHECK.review(Transition(world, world.with_change(change), change), SETTINGS))


def test_a_clean_cluster_has_nothing_to_tell():
    assert [] == audit(make_gnp(), make_hep())


@pytest.mark.parametrize(
    ("spec", "reason", "severity"),
    [
        ({"preDNAT": True}, "rejected-by-schema", Severity.HIGH),
        ({"preDnat": True}, "unknown-field", Severity.HIGH),
        ({"selector": "a ="}, "dropped-by-felix", Severity.HIGH),
        ({"ingress": [{"action": "Deny", "protocol": 300}]}, "undecodable", Severity.CRITICAL),
        ({"ingress": [ICMP]}, "breaks-nftables", Severity.CRITICAL),
        (
            {"ingress": [{"action": "Deny", "protocol": "tcp"}]},
            "refused-by-validator",
            Severity.MEDIUM,
        ),
    ],
)
def test_each_layer_has_its_reason_and_severity(spec, reason, severity):
    [verdict] = audit(gnp(**spec))
    assert (reason, severity, Result.FAIL) == (verdict.reason, verdict.severity, verdict.result)
    assert ("object-ignored", "p") == (verdict.check, verdict.subject.name)


def test_every_layer_has_a_reason_and_every_reason_a_meaning():
    assert len(Layer) == len(CHECK.reasons)


def test_a_part_that_felix_ignores_is_told_beside_the_validators_refusal():
    rule = {"action": "Deny", "source": {"nets": ["banana"]}}
    assert ["ignored-part", "refused-by-validator"] == [
        one.reason for one in audit(gnp(ingress=[rule]))
    ]


def test_what_the_api_server_refuses_gets_no_further():
    assert ["rejected-by-schema"] == [one.reason for one in audit(gnp(order="10"))]


def test_a_kind_that_guards_nothing_is_less_grave():
    [verdict] = audit(raw("Service", "s", api_version="v1", spec={}))
    assert Severity.MEDIUM is verdict.severity


def test_the_message_names_what_was_meant_and_where():
    [verdict] = audit(gnp(preDnat=True))
    assert 'unknown field "preDnat"' in verdict.message
    assert 'did you mean "preDNAT"?' == verdict.advice
    assert ("test.yaml", "/spec/preDnat") == (verdict.location.file, verdict.location.pointer)
    [detail] = verdict.details["problems"]
    assert ("strict", "/spec/preDnat") == (detail["layer"], detail["pointer"])


def test_many_faults_are_one_finding_with_a_count():
    [verdict] = audit(gnp(**{f"zzz{index}": 1 for index in range(9)}))
    assert verdict.message.endswith("and 5 more")
    assert 9 == len(verdict.details["problems"])


def test_a_replaced_object_is_a_finding_of_its_own():
    one, two = audit(gnp(preDnat=True), gnp(preDnat=True))
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize(
    ("objects", "reasons"),
    [
        ((gnp(ingress=[ICMP]), make_felix_configuration(nftablesMode="Disabled")), []),
        ((make_felix_configuration(nftablesMode="Auto"), gnp(ingress=[ICMP])), ["breaks-nftables"]),
        ((raw("FelixConfiguration", "default", spec=REJECT),), []),
        ((raw("FelixConfiguration", "default", spec=REJECT), make_hep()), ["breaks-nftables"]),
    ],
)
def test_what_breaks_nftables_is_told_where_it_can(objects, reasons):
    assert reasons == [one.reason for one in audit(*objects)]


def test_a_review_warns_of_what_the_change_brings_in():
    [verdict] = review(None, gnp(selector="a ="))
    assert (Result.WARN, "dropped-by-felix") == (verdict.result, verdict.reason)


def test_a_review_says_nothing_of_old_faults():
    broken = gnp(selector="a =")
    assert [] == review(broken, gnp(selector="a =", order=5))
    assert [] == review(gnp(name="q"), gnp(name="q", order=5), broken)


def test_a_review_says_nothing_of_a_delete():
    assert [] == review(gnp(selector="a ="), None)


@pytest.mark.parametrize("changed", [make_felix_configuration(), make_hep()])
def test_what_decides_how_objects_are_judged_has_all_judged_anew(changed):
    change = make_change(None, changed)
    world = World.of(make_snapshot(gnp(preDnat=True)))
    step = Transition(world, world.with_change(change), change)
    assert CHECK.reaudit(step, SETTINGS, {}) is None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, gnp(preDnat=True), ["unknown-field"]),
        (gnp(preDnat=True), gnp(), []),
        (gnp(preDnat=True), None, []),
    ],
)
def test_what_changes_is_judged_alone(before, after, expected):
    other = gnp(name="other", preDnat=True)
    world = World.of(make_snapshot(other, *([before] if before else ())))
    change = make_change(before, after)
    found = CHECK.reaudit(Transition(world, world.with_change(change), change), SETTINGS, {})
    assert {change.ref: expected} == {
        ref: [one.reason for one in told] for ref, told in found.items()
    }


def test_a_change_leaves_what_another_document_of_the_name_says():
    twice = World.of(make_snapshot(gnp(preDnat=True), gnp()))
    change = make_change(gnp(), gnp(order=1))
    found = CHECK.reaudit(Transition(twice, twice.with_change(change), change), SETTINGS, {})
    [told] = found.values()
    assert [one.reason for one in audit(gnp(preDnat=True), gnp())] == [one.reason for one in told]
