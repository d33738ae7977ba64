import hashlib
import json

import pytest

from service.admission.record import Answer, digest
from tests.decision_factories import AT, make_record
from tests.factories import V1, decode, raw

SPEC = {"selector": "all()", "order": 10, "ingress": [{"action": "Deny"}]}


def test_a_record_tells_who_asked_what_and_what_was_answered_with_its_proof():
    found = make_record(identity="one")
    assert ("one", AT, "denied", "CREATE", "Service", "shop", "bar", "jane", False, 403) == tuple(
        found[name]
        for name in (
            *("id", "at", "answer", "operation", "kind", "namespace", "name"),
            *("user", "allowed", "code"),
        )
    )
    [finding] = found["findings"]
    assert ("nodeport-unguarded", "TCP 203.0.113.9:40000 -> 10.0.0.11:30010 via w1") == (
        finding["check"],
        finding["witness"]["text"],
    )
    assert (None, 64) == (found["before"], len(found["after"]))


def test_a_record_is_json():
    found = make_record()
    assert found == json.loads(json.dumps(found))


def test_what_nobody_judges_has_a_record_without_digests():
    kind = {"group": "", "version": "v1", "kind": "ConfigMap"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}
    found = make_record(kind=kind, object=config, answer=Answer.ALLOWED)
    assert (None, None, []) == (found["before"], found["after"], found["findings"])


def stored(name="guard", **metadata):
    """The object as the aggregated API server stores it in the v1 group."""
    real = {"name": name, "labels": {"a": "b"}, "annotations": {"note": "x"}}
    body = raw("GlobalNetworkPolicy", f"default.{name}", api_version=V1, spec=SPEC)
    annotations = {"projectcalico.org/metadata": json.dumps(real | metadata)}
    return {**body, "metadata": {**body["metadata"], "annotations": annotations}}


def served(**changes):
    body = raw(
        "GlobalNetworkPolicy",
        "guard",
        labels={"a": "b"},
        annotations={"note": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        spec=SPEC,
    )
    return {**body, **changes}


def test_both_hops_of_a_change_have_one_digest():
    assert digest(decode(served())) == digest(decode(stored()))


@pytest.mark.parametrize(
    "noise",
    [
        {"status": {"x": 1}},
        {"spec": {**SPEC, "egress": None, "types": []}},
        {"metadata": {**served()["metadata"], "resourceVersion": "7", "uid": "1", "generation": 2}},
    ],
)
def test_what_servers_add_is_no_part_of_a_digest(noise):
    assert digest(decode(served())) == digest(decode(served(**noise)))


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {**SPEC, "order": 11}},
        {"metadata": {**served()["metadata"], "labels": {}}},
        {"metadata": {**served()["metadata"], "name": "other"}},
    ],
)
def test_what_an_object_says_is(change):
    assert digest(decode(served())) != digest(decode(served(**change)))


def test_no_object_has_no_digest():
    assert digest(None) is None


def test_a_record_holds_what_each_page_of_decisions_shows():
    found = make_record(identity="one", subResource="scale", name="")
    assert set(found) == {
        *("id", "at", "instance", "answer", "review", "operation", "group", "version", "kind"),
        *("namespace", "name", "subresource", "user", "groups", "before", "after", "allowed"),
        *("code", "message", "warnings", "findings", "override", "revision", "age_s"),
        "duration_s",
    }
    assert ("", "v1", "scale", "bar", ["dev", "system:authenticated"]) == tuple(
        found[name] for name in ("group", "version", "subresource", "name", "groups")
    )
    assert found["message"].startswith("nodeport-unguarded")


def test_passes_are_no_findings_of_a_record():
    found = make_record(identity="one")
    assert {"fail", "warn"} >= {one["result"] for one in found["findings"]}


def test_a_digest_is_that_of_the_sorted_json_of_what_is_said():
    said = {
        "annotations": {"note": "x"},
        "labels": {"a": "b"},
        "ref": "GlobalNetworkPolicy guard",
        "spec": {"ingress": [{"action": "Deny"}], "order": 10, "selector": "all()"},
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == digest(decode(served()))


def test_an_integer_beyond_64_bits_has_a_digest_that_order_does_not_change():
    one, two = (
        digest(decode(served(spec=spec))) for spec in ({**SPEC, "x": 2**70}, {"x": 2**70, **SPEC})
    )
    assert one == two
    assert one != digest(decode(served(spec={**SPEC, "x": 2**71})))
