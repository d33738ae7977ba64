from __future__ import annotations

import pytest

from service.admission.decide import _agree, decide
from service.admission.review import parse_review
from service.admission.terms import Terms
from service.policy.world import World
from tests.factories import (
    V1,
    decode,
    make_endpoint_slice,
    make_hep,
    make_node,
    make_snapshot,
    raw,
)
from tests.review_factories import UID, make_review

TERMS = Terms()
NODE = make_node("w1", internal="10.0.0.11")
HEP = make_hep(
    "w1-eth0",
    labels={"role": "node"},
    expectedIPs=["10.0.0.11"],
    profiles=["projectcalico-default-allow"],
)
GUARD = raw(
    "GlobalNetworkPolicy",
    "guard",
    spec={
        "preDNAT": True,
        "applyOnForward": True,
        "types": ["Ingress"],
        "ingress": [{"action": "Deny"}],
    },
)
GUARDED = (NODE, HEP, decode(GUARD))
GNP = {"group": "projectcalico.org", "version": "v3", "kind": "GlobalNetworkPolicy"}


def service(node_port=30080, name="bar", **metadata):
    spec = {
        "type": "NodePort",
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "nodePort": node_port}],
    }
    body = raw("Service", name, api_version="v1", namespace="shop", spec=spec)
    return {**body, "metadata": {**body["metadata"], **metadata}}


def decision(*objects, revision="", **request):
    review = parse_review(make_review(**{"object": service(), **request}))
    return decide(World(make_snapshot(*objects, revision=revision)), review, TERMS, now_s=0)


def other(api_version, kind):
    """The creation of an object of another kind, or version."""
    group, _, version = api_version.rpartition("/")
    return {
        "kind": {"group": group, "version": version, "kind": kind},
        "object": {**service(), "apiVersion": api_version, "kind": kind},
    }


def policy_review(operation, old=None, new=None):
    return {"kind": GNP, "operation": operation, "object": new, "oldObject": old, "name": "guard"}


def test_a_service_without_a_guard_is_refused_with_its_proof():
    found = decision(NODE)
    what, witness, advice = found.message.splitlines()
    assert (UID, False, 403, True, True) == (
        found.uid,
        found.allowed,
        found.code,
        what.startswith("nodeport-unguarded (node-without-host-endpoint): node port TCP 30080"),
        witness.startswith("for example TCP 203.0.113.9:40000 -> 10.0.0.11:30080"),
    )
    assert advice


def test_a_guarded_service_is_allowed_in_the_revision_that_was_asked():
    found = decision(*GUARDED, revision="r7")
    assert (True, 200, "", (), "r7") == (
        found.allowed,
        found.code,
        found.message,
        found.warnings,
        found.revision,
    )


def test_more_findings_than_one_are_counted():
    body = service()
    body["spec"]["ports"].append({"name": "udp", "port": 80, "protocol": "UDP", "nodePort": 30081})
    assert "(and 1 more findings)" in decision(NODE, object=body).message


@pytest.mark.parametrize(
    "request_fields",
    [
        other("v1", "ConfigMap"),
        other("apps/v1", "Service"),
        other("v2", "Service"),
        {"operation": "CONNECT"},
        {"operation": "DELETE", "object": None, "oldObject": service()},
        {"object": service(deletionTimestamp="2026-01-01T00:00:00Z")},
    ],
)
def test_what_is_not_judged_passes(request_fields):
    assert decision(NODE, **request_fields).allowed


@pytest.mark.parametrize(("name", "expected"), [("", "shop/bar-unnamed"), ("bar-7", "shop/bar-7")])
def test_a_service_that_has_yet_to_be_named_is_judged_under_some_name(name, expected):
    body = service()
    body["metadata"] = {"generateName": "bar-", "namespace": "shop"}
    assert expected in decision(NODE, object=body, name=name).message


def test_an_object_that_cannot_be_read_is_refused_with_the_place():
    found = decision(NODE, object={"apiVersion": "v1", "kind": "Service"})
    assert (False, True) == (found.allowed, "metadata" in found.message)


def test_a_dummy_port_of_a_dry_run_stands_for_the_range():
    found = decision(NODE, object=service(32769), dryRun=True)
    assert "TCP 30000-32767" in found.message


def test_a_port_of_a_dry_run_within_the_range_is_meant():
    assert "TCP 30080 " in decision(NODE, object=service(), dryRun=True).message


def test_an_update_of_a_service_that_was_open_warns():
    body = service()
    found = decision(NODE, decode(body), operation="UPDATE", object=body, oldObject=body)
    assert (True, 1) == (found.allowed, len(found.warnings))


def test_a_service_that_the_snapshot_still_holds_is_new_all_the_same():
    assert not decision(NODE, decode(service())).allowed


def test_the_request_knows_better_than_the_snapshot_what_was_before():
    allowing = {**GUARD, "spec": {**GUARD["spec"], "ingress": [{"action": "Allow"}]}}
    review = policy_review("UPDATE", old=allowing, new=allowing)
    found = decision(*GUARDED, decode(service()), **review)
    assert found.allowed


@pytest.mark.parametrize(
    ("review", "allowed"),
    [
        (policy_review("DELETE", old=GUARD), False),
        (policy_review("UPDATE", old=GUARD, new=GUARD), True),
        (
            policy_review(
                "UPDATE", old=GUARD, new={**GUARD, "spec": {**GUARD["spec"], "ingress": []}}
            ),
            False,
        ),
    ],
)
def test_a_policy_is_refused_for_the_services_that_it_newly_exposes(review, allowed):
    assert allowed is decision(*GUARDED, decode(service()), **review).allowed


def test_what_calico_will_ignore_of_an_object_is_a_warning():
    odd = {**GUARD, "spec": {**GUARD["spec"], "preDnat": True}}
    found = decision(*GUARDED[:2], **policy_review("CREATE", new=odd))
    assert any("/spec/preDnat" in warning for warning in found.warnings)


def test_the_audit_log_keeps_what_was_found():
    found = decision(NODE)
    assert {"findings": "nodeport-unguarded/node-without-host-endpoint=fail"} == dict(
        found.audit_annotations
    )


def test_a_policy_that_cuts_nodes_off_is_refused():
    api_server = make_endpoint_slice(addresses=["10.0.0.11"], port=8443)
    other = make_node("w2", internal="10.0.0.12")
    found = decision(NODE, other, HEP, api_server, **policy_review("CREATE", new=GUARD))
    assert (False, True) == (found.allowed, found.message.startswith("apiserver-lockout (lost)"))


def test_a_guard_that_selects_no_endpoint_yet_is_allowed():
    assert decision(NODE, **policy_review("CREATE", new=GUARD)).allowed


def test_an_older_form_of_the_object_makes_an_overlay_of_the_world_before():
    old = service()
    old["spec"]["ports"][0]["nodePort"] = 30079
    found = decision(NODE, decode(service()), operation="UPDATE", object=service(), oldObject=old)
    assert not found.allowed


@pytest.mark.parametrize(
    ("port", "expected"),
    [(30000, "TCP 30000 "), (32767, "TCP 32767 "), (29999, "30000-32767"), (32768, "30000-32767")],
)
def test_a_port_of_a_dry_run_is_meant_from_the_first_to_the_last_of_the_range(port, expected):
    assert expected in decision(NODE, object=service(port), dryRun=True).message


def test_a_port_out_of_the_range_is_meant_where_it_is_no_dry_run():
    assert "TCP 32769 " in decision(NODE, object=service(32769)).message


def test_a_policy_of_a_dry_run_is_judged_as_it_is():
    found = decision(
        NODE, HEP, decode(service()), dryRun=True, **policy_review("CREATE", new=GUARD)
    )
    assert found.allowed


@pytest.mark.parametrize(
    ("standing", "before", "expected"),
    [
        (GUARD, GUARD, True),
        (GUARD, {**GUARD, "status": {}}, True),
        (GUARD, {**GUARD, "spec": {**GUARD["spec"], "order": 1}}, False),
        (GUARD, {**GUARD, "metadata": {**GUARD["metadata"], "labels": {"a": "b"}}}, False),
        (GUARD, {**GUARD, "metadata": {**GUARD["metadata"], "annotations": {"a": "b"}}}, False),
        (GUARD, {**GUARD, "metadata": {**GUARD["metadata"], "resourceVersion": "9"}}, True),
        (GUARD, {**GUARD, "apiVersion": V1}, False),
    ],
)
def test_the_world_serves_as_it_is_where_the_object_stands_as_the_request_has_it(
    standing, before, expected
):
    assert expected is _agree(decode(standing), decode(before))


def test_the_world_does_not_serve_where_the_object_is_not_there():
    assert not _agree(None, decode(GUARD))


def test_findings_are_told_to_the_audit_log_once_each_and_in_order():
    body = service()
    body["spec"] |= {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "healthCheckNodePort": 32100,
        "ports": [
            {"name": name, "port": 80, "protocol": name.upper(), "nodePort": port}
            for name, port in (("tcp", 30080), ("udp", 30081))
        ],
    }
    found = decision(NODE, object=body)
    expected = "nodeport-unguarded/node-without-host-endpoint="
    assert f"{expected}fail,{expected}warn" == found.audit_annotations["findings"]


def test_the_place_of_an_object_in_a_request_is_the_request():
    found = decision(NODE, object=service())
    assert {"admission request"} == {one.location.file for one in found.verdicts}
