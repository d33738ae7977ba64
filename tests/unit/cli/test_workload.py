"""``nodeward workload``: a page for people, or JSON."""

from __future__ import annotations

import json

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run

CLUSTER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}
"""


@pytest.fixture
def cluster(tmp_path):
    file = tmp_path / "cluster.yaml"
    file.write_text(CLUSTER)
    return str(file)


def test_the_page_is_for_people(cluster, capsys):
    assert ExitCode.CLEAN == run(["workload", cluster, "default/web", "--label", "app-"])
    out = capsys.readouterr().out
    assert "  NetworkPolicy default/deny by app=web\n" in out
    assert "with app-\n" in out


def test_programs_may_ask_for_json(cluster, capsys):
    arguments = ["workload", cluster, "web", "--format", "json", "--label", "app=db"]
    assert ExitCode.CLEAN == run(arguments)
    told = json.loads(capsys.readouterr().out)
    assert ("Deployment default/web", {"app": "db"}) == (told["workload"], told["change"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["default/gone"], "there is no workload default/gone"),
        (["default/web", "--label", "app"], "neither KEY=VALUE nor KEY-"),
        (["default/web", "--label", "=x"], "neither KEY=VALUE nor KEY-"),
        (["default/web", "--label", "app=no value"], "neither KEY=VALUE nor KEY-"),
    ],
)
def test_what_cannot_be_asked_is_told(cluster, capsys, arguments, told):
    assert ExitCode.USAGE == run(["workload", cluster, *arguments])
    assert told in capsys.readouterr().err


def test_a_document_that_cannot_be_read_is_told(cluster, tmp_path, capsys):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [\n")
    assert ExitCode.UNREADABLE == run(["workload", cluster, str(broken), "web"])
    assert "broken.yaml" in capsys.readouterr().err
