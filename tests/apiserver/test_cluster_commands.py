"""The commands that read a live cluster, as a person calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from service.cli.exit_code import ExitCode
from tests.apiserver.objects import endpoint, grants, may_read, node, policy, service

ADDRESS = "192.168.0.11"


def run(server, *arguments, kubeconfig=None):
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or server.kubeconfig)}
    environment.pop("KUBERNETES_SERVICE_HOST", None)
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        capture_output=True,
        check=False,
        timeout=60,
        env=environment,
    )


@pytest.fixture
def exposed(server):
    """A cluster of one node with an endpoint, whose node port nobody guards."""
    server.admin.apply(node("node1", ADDRESS))
    server.admin.apply(node("node1", ADDRESS), subresource="status")
    server.admin.apply(endpoint("node1"))
    opened = service("web", type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    server.admin.create(opened)
    return server


def findings(done):
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["findings"]


def essence(found):
    return sorted((one["fingerprint"], one["message"]) for one in found)


def test_a_live_cluster_is_audited(exposed):
    done = run(exposed, "audit", "--cluster", "--format", "json")
    assert (ExitCode.FINDINGS, b"") == (done.returncode, done.stderr)
    report = json.loads(done.stdout)
    assert ["--context=tests"] == report["run"]["sources"]
    assert 0 < report["run"]["age_s"] < 60
    assert int(report["run"]["revision"]) > 0
    (unguarded,) = [one for one in report["findings"] if one["check"] == "nodeport-unguarded"]
    assert ("fail", report["run"]["revision"]) == (unguarded["result"], unguarded["revision"])


def test_a_guarded_cluster_has_no_such_finding(exposed):
    exposed.admin.create(policy("guard"))
    done = run(exposed, "audit", "--context", "tests", "--check", "nodeport-unguarded")
    assert (ExitCode.CLEAN, b"") == (done.returncode, done.stderr)


def test_a_capture_has_the_findings_of_the_cluster(exposed, tmp_path):
    file = tmp_path / "cluster.json"
    taken = run(exposed, "snapshot", "-o", str(file))
    assert 0 == taken.returncode, taken.stderr
    live = findings(run(exposed, "audit", "--cluster", "--format", "json"))
    assert essence(live) == essence(findings(run(exposed, "audit", str(file), "--format", "json")))


def test_a_capture_of_the_same_objects_has_the_same_bytes(exposed, tmp_path):
    files = [tmp_path / name for name in ("first", "second")]
    for file in files:
        assert 0 == run(exposed, "snapshot", "-o", str(file)).returncode
        exposed.admin.create(service(f"gone-{file.name}"))
        exposed.admin.delete(service(f"gone-{file.name}"))
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("command", ["review", "trace"])
def test_other_commands_take_a_capture_in_place_of_manifests(exposed, tmp_path, command):
    file = tmp_path / "cluster.json"
    assert 0 == run(exposed, "snapshot", "-o", str(file)).returncode
    flow = {"from": {"ip": "203.0.113.9"}, "to": {"ip": ADDRESS}, "protocol": "TCP", "port": 30080}
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Service"},
            "object": service("new", type="NodePort", ports=[{"port": 80, "nodePort": 30081}]),
        },
    }
    (tmp_path / "review").write_text(json.dumps(review))
    options = {
        "trace": ("--flow", json.dumps(flow)),
        "review": ("--review", str(tmp_path / "review")),
    }
    done = run(exposed, command, str(file), *options[command])
    told = json.loads(done.stdout)
    if command == "trace":
        assert "allowed" == told["at_host"]
    else:
        assert not told["response"]["allowed"]


def test_a_kind_that_may_not_be_listed_is_named(exposed, tmp_path):
    for one in grants("half", may_read("services")):
        exposed.admin.apply(one)
    token = exposed.service_account("half")
    config = exposed.write_kubeconfig(tmp_path / "half", token=token)
    done = run(exposed, "audit", "--cluster", kubeconfig=config)
    assert ExitCode.UNREADABLE == done.returncode
    assert b"answers 403 to /apis/" in done.stderr


def test_a_context_that_there_is_not_is_told(exposed):
    done = run(exposed, "audit", "--context", "nowhere")
    assert (ExitCode.UNREADABLE, True) == (done.returncode, b"context nowhere" in done.stderr)


def test_a_folder_and_a_cluster_at_once_are_refused(exposed):
    assert ExitCode.USAGE == run(exposed, "audit", "--cluster", ".").returncode
