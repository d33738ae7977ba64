"""``nodeward suggest``: a manifest that can be piped on, or the reason why there is none."""

from __future__ import annotations

import json

import pytest
import yaml

from service.cli.exit_code import ExitCode
from service.cli.main import run

CLUSTER = """\
apiVersion: v1
kind: Node
metadata: {name: w1}
status: {addresses: [{type: InternalIP, address: 10.0.0.11}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{protocol: TCP, port: 80, nodePort: 30080}]
---
apiVersion: v1
kind: Service
metadata: {name: inside}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
ports: [{name: https, protocol: TCP, port: 6443}]
endpoints: [{addresses: [10.0.0.11]}]
"""
OFFICE = ("--from", "198.51.100.0/24")


@pytest.fixture
def cluster(tmp_path):
    file = tmp_path / "cluster.yaml"
    file.write_text(CLUSTER)
    return str(file)


def test_the_answer_is_a_manifest(cluster, capsys):
    assert ExitCode.CLEAN == run(["suggest", cluster, "default/web", *OFFICE])
    objects = list(yaml.safe_load_all(capsys.readouterr().out))
    assert ["HostEndpoint", "GlobalNetworkPolicy"] == [one["kind"] for one in objects]


def test_programs_may_ask_for_json(cluster, capsys):
    assert ExitCode.CLEAN == run(["suggest", cluster, "web", *OFFICE, "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert ("default/web", ["198.51.100.0/24"], "") == (
        told["service"],
        told["sources"],
        told["refused"],
    )


def test_where_nothing_holds_the_reason_is_a_comment(cluster, capsys):
    assert ExitCode.FINDINGS == run(["suggest", cluster, "default/inside", *OFFICE])
    assert "# nothing holds: the Service opens no node port\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["default/gone", *OFFICE], "there is no Service default/gone"),
        (["default/web", "--from", "300.0.0.0/8"], "--from"),
        (["default/web"], "--from"),
    ],
)
def test_what_cannot_be_asked_is_told(cluster, capsys, arguments, told):
    assert ExitCode.USAGE == run(["suggest", cluster, *arguments])
    assert told in capsys.readouterr().err


def test_a_document_that_cannot_be_read_is_told_and_the_rest_is_answered(cluster, tmp_path, capsys):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [\n")
    assert ExitCode.UNREADABLE == run(["suggest", cluster, str(broken), "default/web", *OFFICE])
    out, err = capsys.readouterr()
    assert "HostEndpoint" in out
    assert "broken.yaml" in err
