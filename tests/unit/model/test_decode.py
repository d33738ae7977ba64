"""Identity and metadata, in both of Calico's groups."""

from __future__ import annotations

import json

import pytest

from service.errors import DecodeError, SourceLocation
from service.model.decode import Skipped, decode_object
from service.model.meta import Layer
from service.model.refs import CALICO_V3, GVK, ObjectRef
from tests.factories import V1, decode, raw

HERE = SourceLocation("f.yaml", 3, 1)


def v1_policy(name, *, metadata=None, labels=None, **spec):
    annotations = {"other": "kept"}
    if metadata is not None:
        annotations["projectcalico.org/metadata"] = metadata
    return raw(
        "GlobalNetworkPolicy",
        name,
        api_version=V1,
        labels=labels,
        annotations=annotations,
        spec=spec,
    )


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"kind": "Service", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "metadata": {"name": "x"}},
        {"apiVersion": 1, "kind": "Service", "metadata": {"name": "x"}},
        {"apiVersion": "v1", "kind": "Service"},
        {"apiVersion": "v1", "kind": "Service", "metadata": []},
        {"apiVersion": "v1", "kind": "Service", "metadata": {}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": ""}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": 7}},
    ],
)
def test_what_is_no_object_is_refused_with_its_place(body):
    with pytest.raises(DecodeError) as caught:
        decode_object(body, HERE)
    assert HERE == caught.value.location


def test_a_kind_that_is_not_read_is_skipped():
    body = raw("Ingress", "web", api_version="networking.k8s.io/v1")
    assert Skipped(GVK("networking.k8s.io", "v1", "Ingress")) == decode_object(body, HERE)


def test_a_skipped_object_with_misleading_blanks_is_told():
    skipped = decode_object(
        raw("Ingress", "web", api_version="networking.k8s.io/v1", spec={"\u00a0x": 1}), HERE
    )
    assert ObjectRef("networking.k8s.io", "Ingress", "", "web") == skipped.decoded.ref
    assert [Layer.STRICT] == [one.layer for one in skipped.decoded.problems]
    assert (None, False) == (skipped.decoded.obj, skipped.decoded.in_effect)


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("projectcalico.org/v1", "GlobalNetworkPolicy"),
        ("crd.projectcalico.org/v3", "GlobalNetworkPolicy"),
        ("projectcalico.org/v3", "GlobalNetworkPolicies"),
        ("projectcalico.org/v3", "globalNetworkPolicy"),
        ("projectcalico.org/v3", "HostEndPoints"),
    ],
)
def test_a_kind_that_looks_like_calicos_and_is_none_is_no_silent_skip(api_version, kind):
    skipped = decode_object(raw(kind, api_version=api_version), HERE)
    [problem] = skipped.decoded.problems
    assert Layer.SCHEMA is problem.layer
    assert "projectcalico.org/v3" in problem.hint


@pytest.mark.parametrize("kind", ["BGPPeer", "CalicoNodeStatus", "IPAMConfig"])
def test_other_kinds_of_calico_are_skipped_in_silence(kind):
    assert None is decode_object(raw(kind), HERE).decoded


def test_both_groups_name_one_object():
    v3 = decode(raw("GlobalNetworkPolicy", "a", spec={}))
    v1 = decode(raw("GlobalNetworkPolicy", "a", api_version=V1, spec={}))
    assert ObjectRef(CALICO_V3, "GlobalNetworkPolicy", "", "a") == v3.ref == v1.ref
    assert V1 == v1.meta.api_version


@pytest.mark.parametrize(
    ("stored", "spec", "name"),
    [
        ("default.a", {}, "a"),
        ("default.a", {"tier": ""}, "a"),
        ("default.a", {"tier": "default"}, "a"),
        ("default.default.a", {}, "default.a"),
        ("default.a", {"tier": "security"}, "default.a"),
        ("security.a", {"tier": "security"}, "security.a"),
        ("a", {}, "a"),
    ],
)
def test_a_v1_policy_loses_the_prefix_of_the_default_tier(stored, spec, name):
    assert name == decode(v1_policy(stored, **spec)).ref.name


def test_other_v1_kinds_keep_their_names():
    body = raw(
        "HostEndpoint", "default.a", api_version=V1, spec={"node": "n", "interfaceName": "*"}
    )
    assert "default.a" == decode(body).ref.name


def test_the_annotation_of_a_v1_object_holds_its_real_metadata():
    stored = {"name": "real", "labels": {"role": "node"}, "annotations": {"note": "x"}}
    labels = {"projectcalico.org/created-by": "c", "role": "stripped", "gone": "x"}
    meta = decode(v1_policy("default.a", metadata=json.dumps(stored), labels=labels)).meta
    assert "real" == meta.ref.name
    assert {"role": "node", "projectcalico.org/created-by": "c"} == meta.labels
    assert {"note": "x", "other": "kept"} == meta.annotations


def test_an_annotation_without_a_name_leaves_the_prefix_rule():
    assert "a" == decode(v1_policy("default.a", metadata="{}")).ref.name


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"name": 1}', '{"labels": []}', '{"labels": {"a": 1}}', "[" * 100_000]
)
def test_a_v1_object_whose_annotation_cannot_be_read_is_dropped(text):
    decoded = decode(v1_policy("a", metadata=text))
    assert (False, "drops") == (decoded.in_effect, decoded.felix_verdict)


def test_a_namespaced_object_without_namespace_is_in_the_default_one():
    decoded = decode(raw("Service", "a", api_version="v1", spec={"ports": [{"port": 80}]}))
    assert "default" == decoded.ref.namespace
    assert "/metadata/namespace" in [default.pointer for default in decoded.defaults]


def test_a_cluster_wide_object_has_no_namespace_whatever_it_says():
    assert "" == decode(raw("Tier", "a", namespace="x", spec={})).ref.namespace


def test_an_object_being_deleted_says_so():
    body = raw("Tier", "a", spec={})
    body["metadata"] |= {
        "deletionTimestamp": "2026-11-23T04:00:00Z",
        "finalizers": ["f"],
        "uid": "u",
        "resourceVersion": "7",
        "creationTimestamp": "2026-11-23T03:00:00Z",
        "managedFields": [{}],
    }
    decoded = decode(body)
    meta = decoded.meta
    assert (True, ("f",), "u", "7") == (
        meta.deleting,
        meta.finalizers,
        meta.uid,
        meta.resource_version,
    )
    assert () == decoded.problems


@pytest.mark.parametrize("value", ["has space", "-a", "a" * 64, "a\u00a0"])
def test_a_label_that_no_api_server_takes_is_refused(value):
    decoded = decode(
        raw("HostEndpoint", labels={"role": value}, spec={"node": "n", "interfaceName": "*"})
    )
    assert [Layer.SCHEMA] == [problem.layer for problem in decoded.problems]
