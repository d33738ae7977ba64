"""``nodeward review``: the webhook's answer, and an exit code that tells it."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: w1}
status: {addresses: [{type: InternalIP, address: 10.0.0.11}]}
"""


def service(type_):
    port = {"protocol": "TCP", "port": 80, **({"nodePort": 30080} if type_ == "NodePort" else {})}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"type": type_, "ports": [port]},
    }


def review(type_="NodePort"):
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Service"},
            "object": service(type_),
        },
    }


@pytest.fixture
def files(tmp_path):
    """The paths of a cluster and of what is asked of it."""
    cluster, asked = tmp_path / "cluster.yaml", tmp_path / "review.json"
    cluster.write_text(NODE)
    asked.write_text(json.dumps(review()))
    return SimpleNamespace(cluster=cluster, asked=asked)


def ask(files):
    return run(["review", str(files.cluster), "--review", str(files.asked)])


def test_a_refused_request_ends_with_one(files, capsysbinary):
    assert ExitCode.FINDINGS == ask(files)
    response = json.loads(capsysbinary.readouterr().out)["response"]
    assert ("u-1", False, 403) == (
        response["uid"],
        response["allowed"],
        response["status"]["code"],
    )


def test_an_allowed_request_ends_with_zero(files, capsysbinary):
    files.asked.write_text(json.dumps(review("ClusterIP")))
    assert ExitCode.CLEAN == ask(files)
    assert json.loads(capsysbinary.readouterr().out)["response"]["allowed"]


def test_a_review_may_come_from_standard_input(files, monkeypatch, capsysbinary):
    sent = SimpleNamespace(buffer=io.BytesIO(json.dumps(review("ClusterIP")).encode()))
    monkeypatch.setattr(sys, "stdin", sent)
    assert ExitCode.CLEAN == run(["review", str(files.cluster), "--review", "-"])


@pytest.mark.parametrize("body", ["{", "{}", "[]"])
def test_what_is_no_review_is_unreadable(files, body, capsys):
    files.asked.write_text(body)
    assert ExitCode.UNREADABLE == ask(files)
    out, err = capsys.readouterr()
    assert "" == out.strip()
    assert err.startswith("nodeward: ")


def test_a_review_that_is_not_there_is_unreadable(files, capsys):
    files.asked.unlink()
    assert ExitCode.UNREADABLE == ask(files)
    assert "the review cannot be read" in capsys.readouterr().err


def test_nothing_is_answered_where_a_manifest_cannot_be_read(files, capsys):
    files.cluster.write_text("a: [\n")
    assert ExitCode.UNREADABLE == ask(files)
    assert "" == capsys.readouterr().out.strip()
