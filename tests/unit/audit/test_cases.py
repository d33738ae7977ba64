"""A case folder, as a user writes it, becomes a case."""

from __future__ import annotations

import pytest

from service.audit.cases import Engine, load_case
from service.errors import InputError

CLUSTER = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}
"""
EXPECT = "review: {allowed: true}\n"
DELETE = """\
operation: DELETE
object: {apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cluster.yaml").write_text(CLUSTER)
    (tmp_path / "expect.yaml").write_text(EXPECT)
    (tmp_path / "request.yaml").write_text(DELETE)
    return tmp_path


def request_of(folder):
    return load_case(folder).reviews["request"]["request"]


def test_a_deletion_is_of_the_object_in_the_cluster(folder):
    request = request_of(folder)
    assert request["object"] is None
    assert 30080 == request["oldObject"]["spec"]["ports"][0]["nodePort"]
    assert ("web", "shop") == (request["name"], request["namespace"])
    assert {"group": "", "version": "v1", "resource": "services"} == request["resource"]


def test_a_request_may_bring_its_old_object(folder):
    (folder / "request.yaml").write_text(DELETE.replace("object:", "oldObject:"))
    assert "spec" not in request_of(folder)["oldObject"]


def test_a_request_creates_unless_it_says_otherwise(folder):
    (folder / "request.yaml").write_text(DELETE.replace("operation: DELETE\n", "dryRun: true\n"))
    request = request_of(folder)
    assert ("CREATE", True) == (request["operation"], request["dryRun"])
    assert request["oldObject"] is None


def test_the_request_of_a_case_can_be_reviewed(folder):
    case = load_case(folder)
    assert [] == [*case.expectation.differences(Engine.of(case), case.reviews)]


def test_settings_are_those_of_the_folder_alone(folder, monkeypatch):
    monkeypatch.setenv("NODEWARD_APISERVER_PORT", "9443")
    assert 6443 == load_case(folder).settings.apiserver_port
    (folder / "settings.yaml").write_text("apiserver.port: 8443\n")
    assert 8443 == load_case(folder).settings.apiserver_port


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("cluster.yaml", "a: [\n"),
        ("expect.yaml", "- review\n"),
        ("expect.yaml", "a: 1\n---\nb: 2\n"),
        ("expect.yaml", "a: [\n"),
        ("settings.yaml", "no.such: 1\n"),
        ("settings.yaml", "apiserver.port: 0\n"),
        ("request.yaml", DELETE.replace("name: web", "name: api")),
        ("request.yaml", DELETE.replace("kind: Service", "kind: Secret")),
        ("request.yaml", DELETE.replace("operation", "verb")),
        ("request.yaml", "operation: CREATE\n"),
    ],
)
def test_a_folder_with_a_fault_is_refused_by_the_name_of_the_file(folder, file, text):
    (folder / file).write_text(text)
    with pytest.raises(InputError) as caught:
        load_case(folder)
    assert file in str(caught.value)
