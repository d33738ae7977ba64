"""``nodeward audit``: what it prints, and how it ends."""

from __future__ import annotations

import json

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run

OPEN = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: NodePort
  ipFamilies: [IPv4]
  ports: [{protocol: TCP, port: 80, nodePort: 30080}]
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cluster.yaml").write_text(OPEN)
    return "cluster.yaml"


def test_findings_at_the_threshold_end_with_1_and_are_told_as_text(cluster, capsys):
    assert run(["audit", cluster]) == ExitCode.FINDINGS
    assert (
        "Service shop/web  nodeport-unguarded: node-without-host-endpoint"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize("threshold", ["critical", "never"])
def test_findings_below_the_threshold_end_clean(cluster, threshold):
    assert run(["audit", cluster, "--fail-on", threshold]) == ExitCode.CLEAN


def test_a_cluster_without_findings_ends_clean(cluster, tmp_path, capsys):
    (tmp_path / cluster).write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n")

    assert run(["audit", cluster, "--check", "nodeport-unguarded"]) == ExitCode.CLEAN
    assert capsys.readouterr().out.startswith("Findings: none.")


def test_what_cannot_be_read_ends_with_3_after_the_rest_was_told(cluster, tmp_path, capsys):
    (tmp_path / "broken.yaml").write_text("a: [")

    assert run(["audit", cluster, "broken.yaml"]) == ExitCode.UNREADABLE
    told = capsys.readouterr()
    assert "Service shop/web" in told.out
    assert "NOT READ  broken.yaml:" in told.out
    assert told.err.startswith("nodeward: broken.yaml:")


def test_a_path_that_is_not_there_ends_with_3(cluster, capsys):
    assert run(["audit", cluster, "nowhere.yaml"]) == ExitCode.UNREADABLE
    assert "nowhere.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--format", "pdf", "cluster.yaml"],
        ["--fail-on", "awful", "cluster.yaml"],
        ["--check", "nope", "cluster.yaml"],
        ["--colour", "cluster.yaml"],
    ],
    ids=lambda arguments: arguments[0] if arguments else "no path",
)
def test_a_command_line_that_makes_no_sense_ends_with_2(cluster, arguments):
    assert run(["audit", *arguments]) == ExitCode.USAGE


@pytest.mark.parametrize("name", ["text", "json", "csv", "html"])
def test_the_same_moment_gives_the_same_bytes_in_every_format(cluster, tmp_path, monkeypatch, name):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795406400")
    outputs = [tmp_path / "1", tmp_path / "2"]

    for output in outputs:
        run(["audit", cluster, "--format", name, "--output", str(output)])

    assert outputs[0].read_bytes() == outputs[1].read_bytes() != b""


def test_json_on_standard_output_is_json_alone(cluster, capsys):
    run(["audit", cluster, "--format", "json"])

    assert json.loads(capsys.readouterr().out)["run"]["sources"] == ["cluster.yaml"]


def test_settings_are_those_of_the_environment(cluster, monkeypatch, capsys):
    monkeypatch.setenv("NODEWARD_SOURCES_TRUSTED", "0.0.0.0/0")

    run(["audit", cluster, "--format", "json"])

    assert json.loads(capsys.readouterr().out)["run"]["settings"]["sources.trusted"] == [
        "0.0.0.0/0"
    ]


def test_a_file_that_cannot_be_written_is_an_error_of_use(cluster, tmp_path):
    assert run(["audit", cluster, "--output", str(tmp_path / "no" / "x")]) == ExitCode.USAGE
