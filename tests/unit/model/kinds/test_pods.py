"""Pods, the workloads that stand for them, and their service accounts."""

from __future__ import annotations

import pytest

from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Layer
from service.model.pod_spec import ContainerPort
from service.model.refs import ObjectRef
from service.model.workload import Workload
from service.net.prefixes import parse_cidr, parse_ip
from tests.factories import (
    decode,
    make_pod,
    make_service_account,
    make_snapshot,
    make_workload,
    raw,
)

V4, V6 = parse_ip("10.244.1.10"), parse_ip("fd00:244:1::10")


def pod(*, annotations=None, status=None, **spec):
    return decode(
        raw("Pod", "web", api_version="v1", annotations=annotations, spec=spec, status=status)
    )


def port(**fields):
    return pod(containers=[{"name": "c", "ports": [fields]}])


def problems(decoded):
    return [(one.layer, one.location.pointer) for one in decoded.problems]


def test_a_pod_is_read_in_full():
    one = make_pod(
        labels={"app": "web"},
        ips=["10.244.1.10", "fd00:244:1::10"],
        ports=[{"name": "http", "containerPort": 8080}],
        initContainers=[{"name": "i", "ports": [{"containerPort": 53, "protocol": "UDP"}]}],
        hostNetwork=True,
        serviceAccountName="web-sa",
        owner={"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d4b", "uid": "u"},
    )
    assert ("w1", "Running", (V4, V6), {"app": "web"}) == (
        one.node,
        one.phase,
        one.ips,
        one.meta.labels,
    )
    assert (ContainerPort("http", 6, 8080), ContainerPort("", 17, 53)) == one.ports
    assert (True, "web-sa") == (one.host_network, one.service_account)
    assert ObjectRef("apps", "ReplicaSet", "default", "web-7d4b") == one.owner


def test_a_host_port_is_of_all_addresses_unless_told():
    ports = [
        {"containerPort": 80, "hostPort": 8080},
        {"containerPort": 81, "hostPort": 8081, "hostIP": "10.0.0.11"},
    ]
    assert (
        ContainerPort("", 6, 80, 8080),
        ContainerPort("", 6, 81, 8081, parse_ip("10.0.0.11")),
    ) == make_pod(ports=ports).ports


def test_the_host_port_0_is_none():
    assert (ContainerPort("", 6, 80),) == make_pod(
        ports=[{"containerPort": 80, "hostPort": 0}]
    ).ports


def test_the_single_address_counts_where_there_is_no_list():
    assert (V4,) == pod(status={"podIP": "10.244.1.10", "podIPs": []}).obj.ips


@pytest.mark.parametrize(
    ("annotations", "ips"),
    [
        ({"cni.projectcalico.org/podIPs": "10.244.1.10/32,fd00:244:1::10/128"}, (V4, V6)),
        ({"cni.projectcalico.org/podIP": "10.244.1.10/32"}, (V4,)),
        ({"vpc.amazonaws.com/pod-ips": "10.244.1.10"}, (V4,)),
        ({"example.com/podIP": "10.244.1.10"}, ()),
    ],
)
def test_before_the_status_has_addresses_the_cni_has_them(annotations, ips):
    assert ips == pod(annotations=annotations, status={"phase": "Pending"}).obj.ips


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_has_no_address(phase):
    assert () == make_pod(ips="10.244.1.10", phase=phase).ips


@pytest.mark.parametrize(
    ("deleting", "calico", "ips"),
    [(True, "", ()), (True, "10.244.1.10/32", (V4,)), (False, "", (V4,))],
)
def test_a_pod_that_goes_has_no_address_once_calico_took_it_back(deleting, calico, ips):
    body = raw("Pod", api_version="v1", status={"podIP": "10.244.1.10"})
    body["metadata"]["annotations"] = {"cni.projectcalico.org/podIP": calico}
    if deleting:
        body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert ips == decode(body).obj.ips


def test_an_illegible_address_is_left_out():
    one = pod(status={"podIPs": [{"ip": "banana"}, {"ip": "10.244.1.10"}]})
    assert ((V4,), [(Layer.RUNTIME, "/status/podIPs/0/ip")]) == (one.obj.ips, problems(one))


def test_a_new_pod_gets_the_default_service_account():
    one = pod()
    assert "default" == one.obj.service_account
    assert {"/spec/serviceAccountName": '"default"'}.items() <= {
        default.pointer: default.value for default in one.defaults
    }.items()


def test_a_stored_pod_may_have_no_service_account():
    body = raw("Pod", api_version="v1", spec={})
    body["metadata"]["resourceVersion"] = "12"
    assert "" == decode(body).obj.service_account


def test_the_old_field_names_a_service_account_too():
    assert "web-sa" == pod(serviceAccount="web-sa").obj.service_account


def test_only_the_owner_that_controls_counts():
    body = raw("Pod", api_version="v1")
    other = {"apiVersion": "v1", "kind": "Node", "name": "w1"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "controller": True}
    body["metadata"]["ownerReferences"] = [other, job]
    assert ObjectRef("batch", "Job", "default", "j") == decode(body).obj.owner
    body["metadata"]["ownerReferences"] = [other]
    assert None is decode(body).obj.owner


def test_the_sources_that_a_pod_asks_for_are_read():
    name = "cni.projectcalico.org/allowedSourcePrefixes"
    one = make_pod(annotations={name: '["192.0.2.1/24", "fd00::/8"]'})
    assert (parse_cidr("192.0.2.0/24"), parse_cidr("fd00::/8")) == one.allowed_source_prefixes


@pytest.mark.parametrize("text", ["10.0.0.0/8", "{}", "[1]", '["10.0.0.1"]', "[" * 100_000])
def test_sources_that_calico_cannot_read_leave_the_pod_without_endpoint(text):
    one = pod(annotations={"cni.projectcalico.org/allowedSourcePrefixes": text})
    pointer = "/metadata/annotations/cni.projectcalico.org~1allowedSourcePrefixes"
    assert ([(Layer.FELIX, pointer)], False) == (problems(one), one.in_effect)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, "containerPort"),
        ({"containerPort": 0}, "containerPort"),
        ({"containerPort": 80, "hostPort": 70000}, "hostPort"),
        ({"containerPort": 80, "hostIP": "10.0.0.0/8"}, "hostIP"),
        ({"containerPort": 80, "protocol": "tcp"}, "protocol"),
    ],
)
def test_a_port_that_no_api_server_takes_is_refused_with_its_place(fields, place):
    one = port(**fields)
    assert [(Layer.SCHEMA, f"/spec/containers/0/ports/0/{place}")] == problems(one)
    assert not one.in_effect


def test_a_slip_in_a_pod_is_told_and_a_new_field_is_not():
    one = pod(hostNetwrok=True, fieldOfTomorrow=1, containers=[{"name": "c", "port": []}])
    assert ['did you mean "hostNetwork"?', 'did you mean "ports"?'] == [
        problem.hint for problem in one.problems
    ]


def test_a_status_is_no_place_for_slips():
    assert () == pod(status={"phases": 1, "podIp": "x"}).problems


def test_of_a_pod_only_what_is_read_is_kept():
    body = raw(
        "Pod",
        "web",
        api_version="v1",
        labels={"app": "web"},
        annotations={"cni.projectcalico.org/podIP": "", "checksum/config": "x"},
        spec={
            "nodeName": "w1",
            "volumes": [{"name": "v"}],
            "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}],
        },
        status={"phase": "Running", "conditions": [{"type": "Ready"}]},
    )
    body["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    one = decode(body)
    assert {"cni.projectcalico.org/podIP": ""} == one.obj.meta.annotations == one.meta.annotations
    assert one.raw == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web",
            "labels": {"app": "web"},
            "annotations": {"cni.projectcalico.org/podIP": ""},
        },
        "spec": {
            "nodeName": "w1",
            "containers": [{"name": "c", "ports": [{"containerPort": 80}]}],
        },
        "status": {"phase": "Running"},
    }


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("apps/v1", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("v1", "ReplicationController"),
    ],
)
def test_a_workload_is_its_template(api_version, kind):
    template = {
        "metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}},
        "spec": {
            "serviceAccountName": "web-sa",
            "hostNetwork": True,
            "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}],
        },
    }
    spec = {"selector": {}, "template": template}
    one = decode(raw(kind, "web", api_version=api_version, labels={"own": "x"}, spec=spec))
    assert () == one.problems
    assert one.obj == Workload(
        meta=one.meta,
        kind=kind,
        labels={"app": "web"},
        ports=(ContainerPort("http", 6, 8080),),
        service_account="web-sa",
        host_network=True,
    )


def test_the_template_of_a_cron_job_is_that_of_its_jobs():
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"serviceAccountName": "sa"}}
    spec = {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}
    one = decode(raw("CronJob", "nightly", api_version="batch/v1", spec=spec))
    assert ((), "CronJob", {"app": "x"}, "sa") == (
        one.problems,
        one.obj.kind,
        one.obj.labels,
        one.obj.service_account,
    )
    assert one.raw["spec"] == {"jobTemplate": {"spec": {"template": template}}}


@pytest.mark.parametrize(
    ("api_version", "kind", "spec", "pointer"),
    [
        ("apps/v1", "Deployment", {}, "/spec/template"),
        ("batch/v1", "CronJob", {}, "/spec/jobTemplate/spec/template"),
        ("batch/v1", "CronJob", {"jobTemplate": {}}, "/spec/jobTemplate/spec/template"),
    ],
)
def test_a_workload_without_template_is_refused(api_version, kind, spec, pointer):
    one = decode(raw(kind, api_version=api_version, spec=spec))
    assert [(Layer.SCHEMA, pointer)] == problems(one)


def test_workloads_of_one_name_are_told_apart_by_their_kind():
    snapshot = make_snapshot(make_workload("Deployment"), make_workload("StatefulSet"))
    assert ["Deployment", "StatefulSet"] == sorted(
        one.kind for one in snapshot.all(Workload).values()
    )


def test_of_a_workload_only_the_template_is_kept():
    template = {
        "metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}},
        "spec": {"volumes": [], "containers": [{"name": "c", "image": "i"}]},
    }
    body = raw(
        "Deployment",
        api_version="apps/v1",
        annotations={"deployment.kubernetes.io/revision": "1"},
        spec={"replicas": 3, "template": template},
        status={"replicas": 3},
    )
    one = decode(body)
    assert {} == one.meta.annotations
    assert one.raw == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c"}]},
            }
        },
    }


def test_a_service_account_has_labels():
    assert {"role": "x"} == make_service_account(labels={"role": "x"}).meta.labels


def test_the_secrets_of_a_service_account_are_no_slip():
    body = raw("ServiceAccount", api_version="v1", secrets=[], imagePullSecrets=[])
    assert () == decode_object(body, SourceLocation("f")).problems
