"""``nodeward connectivity``: an answer for people or as JSON, and a refusal of what would take too long."""

from __future__ import annotations

import json

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run

CLUSTER = """\
apiVersion: v1
kind: Node
metadata: {name: w1}
status: {addresses: [{type: InternalIP, address: 10.0.0.11}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {nodeName: w1, containers: [{name: c}]}
status: {phase: Running, podIP: 10.244.1.10, podIPs: [{ip: 10.244.1.10}]}
"""


@pytest.fixture
def cluster(tmp_path):
    file = tmp_path / "cluster.yaml"
    file.write_text(CLUSTER)
    return str(file)


def test_people_are_told_of_classes_and_of_what_may_pass(cluster, capsys):
    assert ExitCode.CLEAN == run(["connectivity", cluster])
    assert [
        "IPv4: 1 class of pods",
        "  0: shop/web",
        "0 -> 0: any",
    ] == capsys.readouterr().out.splitlines()


def test_the_answer_may_be_a_line_of_json(cluster, capsys):
    assert ExitCode.CLEAN == run(["connectivity", cluster, "--format", "json", "--family", "6"])
    told = json.loads(capsys.readouterr().out)
    assert {"family": 6, "classes": [], "connections": [], "unresolved": []} == told


def test_what_would_take_too_long_is_refused(cluster, tmp_path, capsys):
    other = tmp_path / "other.yaml"
    turned = CLUSTER.replace("w1", "w2").replace("name: web", "name: db").replace("1.10", "2.10")
    other.write_text(turned.replace("10.0.0.11", "10.0.0.12"))
    assert ExitCode.UNREADABLE == run(["connectivity", cluster, str(other), "--limit", "1"])
    assert "4 pairs are meant" in capsys.readouterr().err
