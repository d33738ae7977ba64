from __future__ import annotations

import io
import json

import pytest

from service.cluster import capture
from service.cluster.discovery import Discovery
from service.cluster.manifests import load_paths, load_text
from service.errors import ManifestError
from service.model.kinds.pod import Pod
from tests.factories import make_snapshot, raw

FOUND = Discovery((), ("Tier", "IPPool"), "projectcalico.org", "v1.36.3")
SECRET = "do-not-tell"


def written(*objects):
    stream = io.BytesIO()
    digest = capture.write(make_snapshot(*objects), FOUND, stream)
    return stream.getvalue(), digest


def items(*objects):
    return json.loads(written(*objects)[0])["items"]


def tier(name, **spec):
    return raw("Tier", name, spec=spec)


@pytest.fixture
def file(tmp_path):
    data, _ = written(tier("a", order=1), tier("b", order=2))
    path = tmp_path / "cluster.json"
    path.write_bytes(data)
    return path


def test_a_capture_tells_with_what_it_was_taken():
    document = json.loads(written()[0])
    assert {
        "nodeward": document["versions"]["nodeward"],
        "kubernetes": "v1.36.3",
        "calico_group": "projectcalico.org",
    } == document["versions"]
    assert ["IPPool", "Tier"] == document["missing"]


def test_the_same_objects_give_the_same_bytes_whatever_their_order():
    one, other = tier("a", order=1), tier("b", order=2)
    assert written(one, other) == written(other, one)


def test_other_objects_give_another_digest():
    assert written(tier("a", order=1))[1] != written(tier("a", order=2))[1]


def test_a_capture_is_read_as_manifests_are(file):
    loaded = load_paths([str(file)])
    assert ((), 1, 2) == (loaded.errors, loaded.files, loaded.documents)
    assert ["Tier a", "Tier b"] == [str(one.ref) for one in loaded.snapshot.decoded()]


def test_the_digest_of_what_is_read_is_that_of_the_capture(file):
    assert written(tier("a", order=1), tier("b", order=2))[1] == (
        load_paths([str(file)]).snapshot.digest
    )


def test_an_object_is_found_by_its_line(file):
    second = list(load_paths([str(file)]).snapshot.decoded())[1]
    assert '"name":"b"' in file.read_text().splitlines()[second.meta.location.line - 1]


def test_a_capture_comes_as_text_too(file):
    assert 2 == load_text(file.read_text(), "body").documents


def test_a_capture_may_be_larger_than_any_manifest(file, monkeypatch):
    from service.cluster import manifests, yaml_docs

    monkeypatch.setattr(manifests, "MAX_BYTES", 200)
    monkeypatch.setattr(yaml_docs, "MAX_BYTES", 200)
    assert () == load_paths([str(file)]).errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b'"order":2', b'"order":3'), "was changed after it was taken"),
        ((b'"items":[', b'"items":7,"x":['), "is damaged"),
        ((b'"kind":"Tier"', b'"kind":"Secret"'), "is not read"),
        ((b"\n]}", b""), "is damaged"),
        ((b'"digest"', b'"digestion"'), "is damaged"),
    ],
)
def test_a_capture_that_was_changed_is_refused(file, change, message):
    file.write_bytes(file.read_bytes().replace(*change))
    (error,) = load_paths([str(file)]).errors
    assert isinstance(error, ManifestError)
    assert message in str(error)


def test_a_capture_that_is_too_large_is_refused(file, monkeypatch):
    monkeypatch.setattr(capture, "MAX_BYTES", 200)
    (error,) = load_paths([str(file)]).errors
    assert "too large" in str(error)


def test_what_is_no_capture_is_read_as_ever():
    assert not capture.is_capture(b'{"apiVersion":"v1","kind":"List"')


def test_annotations_that_nobody_reads_are_left_out():
    kept = "projectcalico.org/IPv4Address"
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": SECRET, kept: "10.0.0.1/24"}
    (item,) = items(raw("Node", "n", api_version="v1", annotations=annotations))
    assert {kept: "10.0.0.1/24"} == item["metadata"]["annotations"]


def test_of_a_node_only_networks_and_addresses_are_kept():
    spec = {"podCIDR": "10.1.0.0/24", "providerID": SECRET, "taints": [{"key": SECRET}]}
    addresses = [
        {"type": "InternalIP", "address": "10.0.0.1"},
        {"type": "Hostname", "address": SECRET},
    ]
    info = {"operatingSystem": "linux", "machineID": SECRET}
    status = {"addresses": addresses, "nodeInfo": info, "images": [SECRET]}
    (item,) = items(raw("Node", "n", api_version="v1", spec=spec, status=status))
    assert {"podCIDR": "10.1.0.0/24"} == item["spec"]
    assert {"addresses": addresses[:1], "nodeInfo": {"operatingSystem": "linux"}} == item["status"]


def test_of_a_pod_no_environment_is_kept():
    env = [{"name": "PASSWORD", "value": SECRET}]
    ports = [{"containerPort": 80, "hostPort": 8080}]
    container = {"name": "c", "image": SECRET, "env": env, "args": [SECRET], "ports": ports}
    body = raw("Pod", "p", api_version="v1", namespace="default", spec={"containers": [container]})
    data, _ = written(body)
    assert SECRET not in data.decode()
    (pod,) = load_text(data, "x").snapshot.all(Pod).values()
    assert 8080 == pod.ports[0].host_port


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_of_a_template_no_environment_is_kept(kind):
    env = [{"name": "PASSWORD", "value": SECRET}]
    spec = {"containers": [{"name": "c", "env": env}], "serviceAccountName": "web"}
    template = {"metadata": {"labels": {"app": "web"}, "annotations": {"x": SECRET}}, "spec": spec}
    body = raw(kind, "w", api_version="apps/v1", namespace="default", spec={"template": template})
    assert SECRET not in written(body)[0].decode()


def test_of_a_service_account_only_its_name_and_labels_are_kept():
    body = raw("ServiceAccount", "s", api_version="v1", namespace="default", labels={"a": "b"})
    (item,) = items({**body, "secrets": [{"name": SECRET}]})
    assert {"apiVersion", "kind", "metadata"} == item.keys()
    assert {"a": "b"} == item["metadata"]["labels"]


def test_of_a_webhook_where_it_is_called_is_kept():
    client = {"service": {"namespace": "hooks", "name": "web", "path": SECRET}, "caBundle": SECRET}
    webhook = {"name": "a.example.com", "failurePolicy": "Ignore", "clientConfig": client}
    body = raw(
        "ValidatingWebhookConfiguration",
        api_version="admissionregistration.k8s.io/v1",
        webhooks=[{**webhook, "matchConditions": [{"expression": SECRET}]}],
    )
    (item,) = items(body)
    assert SECRET not in json.dumps(item)
    called = {"service": {"namespace": "hooks", "name": "web"}}
    assert [{**webhook, "clientConfig": called}] == item["webhooks"]


def test_of_an_endpoint_slice_what_is_reached_is_kept():
    endpoint = {
        "addresses": ["10.1.0.7"],
        "conditions": {"ready": True},
        "hostname": SECRET,
        "nodeName": "n",
        "targetRef": {"kind": "Pod", "name": "p", "namespace": "default", "uid": SECRET},
    }
    body = raw(
        "EndpointSlice",
        "s",
        api_version="discovery.k8s.io/v1",
        namespace="default",
        addressType="IPv4",
        ports=[{"port": 80}],
        endpoints=[endpoint],
    )
    (item,) = items(body)
    assert SECRET not in json.dumps(item)
    assert ["10.1.0.7"] == item["endpoints"][0]["addresses"]
