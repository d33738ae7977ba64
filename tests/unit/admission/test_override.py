from dataclasses import replace

import pytest

from service.admission.decide import decide
from service.admission.override import ANNOTATION, Override, Way, overridden, refusing, unheeded
from service.admission.review import parse_review
from service.admission.terms import Terms
from service.checks.verdict import Result
from service.model.moments import moment_text, parse_moment
from service.policy.world import World
from tests.factories import (
    V1,
    make_exception,
    make_hep,
    make_node,
    make_prednat,
    make_snapshot,
    raw,
)
from tests.review_factories import make_review

NODE = make_node("w1", internal="10.0.0.11")
NOW = parse_moment("2026-02-01T12:00:00Z")
GUARD = make_prednat("guard")
HEP = make_hep("w1-eth0", expectedIPs=["10.0.0.11"], profiles=["projectcalico-default-allow"])
GNP = {"group": "projectcalico.org", "version": "v3", "kind": "GlobalNetworkPolicy"}
API_SERVER = "system:serviceaccount:calico-system:calico-apiserver"


def service(**annotations):
    spec = {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}]}
    return raw(
        "Service", "bar", api_version="v1", namespace="shop", annotations=annotations, spec=spec
    )


def decided(*objects, terms=None, **request):
    review = parse_review(make_review(**{"object": service(), **request}))
    return decide(World(make_snapshot(NODE, *objects)), review, terms or Terms(), now_s=NOW)


def guard_deletion(*managed, old=None):
    """The deletion of the only guard of a node port, as managed by *managed*."""
    old = old or raw("GlobalNetworkPolicy", "guard", annotations={ANNOTATION: "incident 7"})
    spec = {"preDNAT": True, "applyOnForward": True, "ingress": [{"action": "Deny"}]}
    body = {**old, "spec": spec}
    body["metadata"] = {**body["metadata"], "managedFields": list(managed)}
    return {"kind": GNP, "operation": "DELETE", "name": "guard", "object": None, "oldObject": body}


def wrote(time, name=ANNOTATION):
    return {"time": time, "fieldsV1": {"f:metadata": {"f:annotations": {f"f:{name}": {}}}}}


def test_an_account_that_is_exempt_passes_with_a_warning_and_a_record():
    found = decided(terms=Terms(exempt=frozenset({"dev"})))
    assert (True, Way.EXEMPT_ACCOUNT, "dev is exempt by setting") == (
        found.allowed,
        found.override.way,
        found.override.reason,
    )
    assert "nodeport-unguarded not enforced" in found.warnings[0]


def test_what_an_exception_covers_warns_and_passes():
    found = decided(make_exception())
    assert (True, None) == (found.allowed, found.override)
    assert any("nodeport-unguarded" in warning for warning in found.warnings)


def test_a_request_that_adds_the_annotation_pleads():
    found = decided(object=service(**{ANNOTATION: "incident 7"}))
    assert (False, "incident 7", "") == (found.allowed, found.plea.reason, found.plea.why_not)


def test_a_request_without_the_annotation_pleads_nothing():
    assert decided().plea is None


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("incident 6", "incident 7", "incident 7"),
        ("incident 7", "incident 7", None),
        ("x", "", None),
    ],
)
def test_only_a_change_of_the_value_pleads(before, after, reason):
    old = {
        **service(**{ANNOTATION: before}),
        "spec": {"type": "ClusterIP", "ports": [{"port": 80}]},
    }
    found = decided(operation="UPDATE", object=service(**{ANNOTATION: after}), oldObject=old)
    assert (False, reason) == (found.allowed, found.plea.reason if found.plea else None)


@pytest.mark.parametrize(
    ("managed", "fault"),
    [
        ([wrote("2026-02-01T11:50:00Z")], ""),
        ([wrote("2026-02-01T11:45:01Z")], ""),
        ([wrote("2026-02-01T11:45:00Z")], "more than 15 minutes ago"),
        ([wrote("2026-02-01T12:00:01Z")], "more than 15 minutes ago"),
        ([wrote("2026-02-01T10:00:00Z"), wrote("2026-02-01T11:59:00Z")], ""),
        ([wrote("2026-02-01T11:59:00Z", "other")], "not recorded"),
        ([{"time": "never", "fieldsV1": wrote("")["fieldsV1"]}], "not recorded"),
        ([], "not recorded"),
    ],
)
def test_a_deletion_needs_an_annotation_of_the_last_15_minutes(managed, fault):
    found = decided(HEP, GUARD, service(), **guard_deletion(*managed))
    assert (False, "incident 7") == (found.allowed, found.plea.reason)
    assert fault in found.plea.why_not
    assert bool(fault) == bool(found.plea.why_not)


def test_a_deletion_without_the_annotation_pleads_nothing():
    old = raw("GlobalNetworkPolicy", "guard")
    assert decided(HEP, GUARD, service(), **guard_deletion(old=old)).plea is None


@pytest.mark.parametrize(("user", "travelled"), [(API_SERVER, True), ("jane", False)])
def test_what_the_api_server_passes_on_was_asked_for_before(user, travelled):
    gvk = {"group": "crd.projectcalico.org", "version": "v1", "kind": "HostEndpoint"}
    hep = raw("HostEndpoint", "w1-eth0", api_version=V1, annotations={ANNOTATION: "incident 7"})
    old = {**hep, "metadata": {"name": "w1-eth0"}}
    spec = {"node": "w1", "interfaceName": "eth0", "expectedIPs": ["10.0.0.11"]}
    found = decided(
        HEP,
        GUARD,
        service(),
        terms=Terms(api_servers=frozenset({API_SERVER})),
        kind=gvk,
        operation="UPDATE",
        userInfo={"username": user},
        object={**hep, "spec": {**spec, "node": "w2"}},
        oldObject={**old, "spec": spec},
    )
    assert (False, travelled) == (found.allowed, found.plea.travelled)


def test_an_override_tells_what_it_passed():
    refused = decided(object=service(**{ANNOTATION: "incident 7"}))
    override = Override(Way.BREAK_GLASS, "incident 7", refusing(refused))
    found = overridden(refused, override)
    assert (True, "", 200, override) == (found.allowed, found.message, found.code, found.override)
    assert "break-glass: nodeport-unguarded overridden: incident 7" == found.warnings[0]
    assert found.warnings[1].startswith("nodeport-unguarded (node-without-host-endpoint)")
    assert "break-glass" == found.audit_annotations["override"]


def test_a_plea_that_does_not_count_says_why():
    found = unheeded(decided(), "jane may not bypass nodeport-unguarded")
    assert (
        "break-glass does not count: jane may not bypass nodeport-unguarded"
        == (found.message.splitlines()[-1])
    )


def test_an_override_in_a_record_names_its_way_reason_and_checks():
    told = Override(Way.BREAK_GLASS, "incident 7", ("a", "b")).to_json()
    assert {"way": "break-glass", "reason": "incident 7", "checks": ["a", "b"]} == told


@pytest.mark.parametrize(
    ("seconds", "counts"), [(0, True), (1, True), (899, True), (900, False), (-1, False)]
)
def test_a_deletion_counts_from_the_moment_of_the_annotation_for_15_minutes(seconds, counts):
    moment = moment_text(NOW - seconds)
    found = decided(HEP, GUARD, service(), **guard_deletion(wrote(moment)))
    assert counts == (found.plea.why_not == "")


@pytest.mark.parametrize("value", ["", "   "])
def test_a_blank_annotation_pleads_nothing(value):
    assert decided(object=service(**{ANNOTATION: value})).plea is None
    old = raw("GlobalNetworkPolicy", "guard", annotations={ANNOTATION: value})
    assert decided(HEP, GUARD, service(), **guard_deletion(old=old)).plea is None


def test_what_only_warns_refuses_nothing_and_is_told_once():
    health = service(**{ANNOTATION: "incident 7"})
    health["spec"] = {
        **health["spec"],
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 32100,
    }
    refused = decided(object=health)
    assert {"fail", "warn"} == {one.result.value for one in refused.verdicts}
    assert ("nodeport-unguarded",) == refusing(refused)
    found = overridden(refused, Override(Way.BREAK_GLASS, "incident 7", refusing(refused)))
    fails = sum(one.result.value == "fail" for one in refused.verdicts)
    assert 1 + fails + len(refused.warnings) == len(found.warnings)


def test_checks_that_only_warn_are_not_among_those_that_refuse():
    refused = decided(object=service(**{ANNOTATION: "incident 7"}))
    [first, *_] = refused.verdicts
    other = replace(first, check="another-check", result=Result.WARN)
    both = replace(refused, verdicts=(*refused.verdicts, other))
    assert ("nodeport-unguarded",) == refusing(both)
