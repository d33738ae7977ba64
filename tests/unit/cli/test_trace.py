"""``nodeward trace``: an answer for each flow, an error for each line that is none."""

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
FLOW = {"from": {"ip": "203.0.113.9"}, "to": {"node": "w1"}, "protocol": "TCP", "port": 80}


@pytest.fixture
def node(tmp_path):
    file = tmp_path / "node.yaml"
    file.write_text(NODE)
    return str(file)


def lines(capsysbinary):
    return [json.loads(line) for line in capsysbinary.readouterr().out.splitlines() if line]


def test_a_flow_is_answered_by_one_line(node, capsysbinary):
    assert ExitCode.CLEAN == run(["trace", node, "--flow", json.dumps(FLOW)])
    assert ["allowed"] == [answer["disposition"] for answer in lines(capsysbinary)]


def test_people_may_ask_for_text(node, capsys):
    assert ExitCode.CLEAN == run(["trace", node, "--format", "text", "--flow", json.dumps(FLOW)])
    assert "-> node w1 port 80: allowed" in capsys.readouterr().out


def test_a_bad_line_does_not_stop_the_others(node, tmp_path, capsysbinary):
    flows = tmp_path / "flows.jsonl"
    flows.write_text(f'{json.dumps(FLOW)}\n\n{{"to": \n{{"to": {{}}}}\n{json.dumps(FLOW)}\n')
    assert ExitCode.UNREADABLE == run(["trace", node, "--flows", str(flows)])
    out, err = capsysbinary.readouterr()
    answers = [json.loads(line) for line in out.splitlines() if line]
    codes = [answer.get("error", {}).get("code", "") for answer in answers]
    assert ["", "bad-json", "bad-flow", ""] == codes
    assert f"{flows}:3".encode() in err
    assert f"{flows}:4 /from".encode() in err


def test_flows_may_come_from_standard_input(node, capsysbinary, monkeypatch):
    sent = SimpleNamespace(buffer=io.BytesIO(json.dumps(FLOW).encode()))
    monkeypatch.setattr(sys, "stdin", sent)
    assert ExitCode.CLEAN == run(["trace", node, "--flows", "-"])
    assert 1 == len(lines(capsysbinary))


def test_manifests_that_cannot_be_read_are_told_beside_the_answers(node, tmp_path, capsysbinary):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [\n")
    assert ExitCode.UNREADABLE == run(["trace", node, str(broken), "--flow", json.dumps(FLOW)])
    assert ["allowed"] == [answer["disposition"] for answer in lines(capsysbinary)]


@pytest.mark.parametrize("data", [None, b"\xff"])
def test_flows_that_cannot_be_read_are_an_error(node, tmp_path, data, capsys):
    file = tmp_path / "flows.jsonl"
    if data is not None:
        file.write_bytes(data)
    assert ExitCode.UNREADABLE == run(["trace", node, "--flows", str(file)])
    assert "the flows cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--flow", "{}", "--flows", "x"]])
def test_one_source_of_flows_is_needed(node, options):
    assert ExitCode.USAGE == run(["trace", node, *options])


def test_the_rules_that_were_looked_at_are_told_on_request(tmp_path, capsysbinary):
    manifest = tmp_path / "guard.yaml"
    manifest.write_text(
        NODE
        + """\
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: w1, labels: {role: node}}
spec: {node: w1, interfaceName: eth0, expectedIPs: [10.0.0.11]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: allow}
spec:
  selector: role == 'node'
  types: [Ingress]
  ingress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}]
"""
    )
    run(["trace", str(manifest), "--explain", "--flow", json.dumps(FLOW)])
    stage = lines(capsysbinary)[0]["stages"][-1]
    assert ["failsafe", "rule", "end-of-tier"] == [look["what"] for look in stage["looked_at"]]
    assert {
        "what": "rule",
        "tier": "default",
        "kind": "GlobalNetworkPolicy",
        "policy": "allow",
        "rule": 0,
        "action": "Allow",
        "matched": "no",
        "why": "destination.ports 443",
    } == stage["looked_at"][1]
