"""Pods as Calico sees them."""

from __future__ import annotations

import pytest

from service.model.selector import parse
from service.net.prefixes import Family, parse_ip
from service.policy.workloads import lists_pods, pod_templates, selects, workload_endpoints
from tests.factories import (
    decode,
    make_namespace,
    make_pod,
    make_service_account,
    make_snapshot,
    make_workload,
    raw,
)


def endpoints(*objects):
    return [*workload_endpoints(make_snapshot(*objects))]


def labels(*objects, **pod):
    [found] = endpoints(make_pod(ips="10.244.1.10", **pod), *objects)
    return found.labels


@pytest.mark.parametrize(
    "pod",
    [
        {"ips": "10.244.1.10", "hostNetwork": True},
        {"ips": "10.244.1.10", "phase": "Succeeded"},
        {"ips": "10.244.1.10", "node": ""},
        {},
    ],
)
def test_a_pod_is_none_of_calicos_without_a_network_and_an_address_of_its_own(pod):
    assert [] == endpoints(make_pod(**pod))


def test_a_pod_has_one_address_a_family():
    [found] = endpoints(make_pod(ips=["10.244.1.10", "10.244.1.11", "fd00::1"]))
    assert (parse_ip("10.244.1.10"), parse_ip("fd00::1")) == found.addresses
    assert parse_ip("fd00::1") == found.address(Family.V6)


def test_calicos_own_labels_override_those_of_the_pod():
    found = labels(labels={"a": "b", "projectcalico.org/namespace": "x", "pcns.y": "z"})
    assert ("b", "default", "k8s") == (
        found["a"],
        found["projectcalico.org/namespace"],
        found["projectcalico.org/orchestrator"],
    )
    assert "pcns.y" not in found


def test_a_pod_inherits_from_its_namespace_and_its_account():
    found = labels(
        make_namespace(labels={"env": "x"}),
        make_service_account("robot", labels={"trust": "y"}),
        serviceAccountName="robot",
    )
    assert ("x", "default", "y", "robot") == (
        found["pcns.env"],
        found["pcns.projectcalico.org/name"],
        found["pcsa.trust"],
        found["pcsa.projectcalico.org/name"],
    )


def test_its_profiles_are_those_of_its_namespace_and_its_account():
    [found] = endpoints(make_pod(ips="10.244.1.10", serviceAccountName="robot"))
    assert ("kns.default", "ksa.default.robot") == found.profiles


def test_labels_of_objects_that_are_not_there_are_open():
    [found] = endpoints(make_pod(ips="10.244.1.10"))
    assert ("pcns.", "pcsa.") == found.open_prefixes


def test_an_account_that_a_list_of_accounts_lacks_gives_nothing():
    ghost = make_pod(ips="10.244.1.10", serviceAccountName="ghost")
    [found] = endpoints(ghost, make_namespace(), make_service_account("default"))
    assert () == found.open_prefixes
    assert "pcsa.projectcalico.org/name" not in found.labels


@pytest.mark.parametrize(
    ("selector", "open_prefixes", "expected"),
    [
        ("a == 'b'", ("pcns.",), True),
        ("has(x)", ("pcns.",), False),
        ("has(pcns.x)", ("pcns.",), None),
        ("has(pcns.x)", (), False),
    ],
)
def test_only_labels_that_may_be_there_leave_a_selector_open(selector, open_prefixes, expected):
    assert expected is selects(parse(selector), {"a": "b"}, open_prefixes)


def test_a_template_stands_for_pods_where_no_live_pod_has_its_labels():
    template = make_workload(labels={"app": "web"})
    live = make_pod(labels={"app": "web", "pod-template-hash": "1"})
    elsewhere = make_pod(namespace="other", labels={"app": "web"})
    assert [0, 1] == [
        len([*pod_templates(make_snapshot(template, pod))]) for pod in (live, elsewhere)
    ]


def owned_by(kind, name, api_version="apps/v1"):
    return make_pod(
        labels={"app": "web"}, owner={"apiVersion": api_version, "kind": kind, "name": name}
    )


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (("ReplicaSet", "web-7d9f"), 0),
        (("Deployment", "web"), 0),
        (("ReplicaSet", "website-7d9f"), 1),
        (("StatefulSet", "web"), 1),
    ],
)
def test_a_template_is_represented_by_pods_that_it_owns_alone(owner, expected):
    template = make_workload(labels={"app": "web"})
    assert expected == len([*pod_templates(make_snapshot(template, owned_by(*owner)))])


def test_a_pod_of_what_a_workload_made_is_its_own():
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}
    body = raw(
        "ReplicaSet",
        "other",
        api_version="apps/v1",
        namespace="default",
        spec={"template": template},
    )
    body["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
    ]
    objects = (make_workload(labels={"app": "web"}), decode(body), owned_by("ReplicaSet", "other"))
    assert [] == [*pod_templates(make_snapshot(*objects))]


def test_a_template_on_the_hosts_network_stands_for_no_endpoint():
    assert [] == [*pod_templates(make_snapshot(make_workload(hostNetwork=True)))]


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"ips": "10.244.1.10"}, True),
        ({"ips": "10.244.1.10", "node": ""}, False),
        ({}, False),
    ],
)
def test_pods_that_run_are_a_clusters_list_and_written_ones_are_not(pod, expected):
    assert expected == lists_pods(make_snapshot(make_pod(**pod)))


@pytest.mark.parametrize(("spec", "count"), [({}, 1), ({"hostNetwork": True}, 0)])
def test_a_template_on_the_hosts_network_makes_no_pods_of_calicos(spec, count):
    assert count == len([*pod_templates(make_snapshot(make_workload(**spec)))])


def test_a_template_that_another_makes_is_told_by_its_maker():
    made = raw(
        "ReplicaSet",
        "web-5d9",
        api_version="apps/v1",
        namespace="default",
        spec={"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
    )
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
    made["metadata"]["ownerReferences"] = [owner]
    assert [] == [*pod_templates(make_snapshot(decode(made)))]


@pytest.mark.parametrize(
    ("objects", "unknown"),
    [
        ([], ("pcns.", "pcsa.")),
        ([make_namespace()], ("pcsa.",)),
        ([make_namespace(), make_service_account()], ()),
        ([make_service_account()], ("pcns.",)),
    ],
)
def test_what_labels_a_pod_inherits_is_open_where_who_has_them_is_not_there(objects, unknown):
    [found] = endpoints(make_pod(ips="10.244.1.10"), *objects)
    assert unknown == found.open_prefixes


def test_an_account_that_a_whole_list_lacks_has_no_labels():
    pod = make_pod(ips="10.244.1.10", serviceAccountName="gone")
    [found] = endpoints(pod, make_namespace(), make_service_account())
    assert () == found.open_prefixes
