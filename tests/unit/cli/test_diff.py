"""``nodeward diff``: what it prints, and how it exits."""

from __future__ import annotations

import json

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: w1}
status: {addresses: [{type: InternalIP, address: 10.0.0.11}]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: w1-eth0, labels: {role: node}}
spec: {node: w1, interfaceName: eth0, expectedIPs: [10.0.0.11], profiles: [projectcalico-default-allow]}
"""
POLICY = """\
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: shut}
spec:
  selector: role == 'node'
  types: [Ingress]
  ingress: [{action: Deny, protocol: TCP, destination: {ports: [9100]}}, {action: Allow}]
"""
QUESTION = json.dumps({"from": {"outside": True}, "to": {"node": "w1"}, "family": 4})


@pytest.fixture
def states(tmp_path):
    texts = {"a": NODE, "b": NODE + POLICY}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return [str(tmp_path / f"{name}.yaml") for name in texts]


def test_flows_that_closed_are_told_and_exit_with_one(states, capsysbinary):
    called = ["diff", *states, "--question", QUESTION, "--format", "json"]
    assert ExitCode.FINDINGS == run(called)
    answer = json.loads(capsysbinary.readouterr().out)
    assert [("closed", [{"protocol": ["TCP"], "port": ["9100"]}])] == [
        (one["turn"], one["flows"]) for one in answer["turned"]
    ]
    assert [{"object": "GlobalNetworkPolicy shut", "operation": "CREATE"}] == answer["changes"]


def test_people_get_text(states, capsys):
    assert ExitCode.FINDINGS == run(["diff", *states, "--question", QUESTION])
    out = capsys.readouterr().out
    assert out.startswith("created GlobalNetworkPolicy shut\nclosed, IPv4 from outside\n")
    assert "by any of: GlobalNetworkPolicy shut" in out


def test_states_that_do_not_differ_exit_with_zero(states, capsys):
    assert ExitCode.CLEAN == run(["diff", states[0], states[0]])
    assert "no flow opened or closed\n" == capsys.readouterr().out


def test_a_bad_question_is_pointed_at(states, capsys):
    assert ExitCode.UNREADABLE == run(["diff", *states, "--question", '{"port": 0}'])
    assert "--question /port" in capsys.readouterr().err


def test_a_question_that_means_too_much_is_refused(states, capsys):
    assert ExitCode.UNREADABLE == run(["diff", *states, "--limit", "1"])
    assert "6 pairs are meant, of 2 senders" in capsys.readouterr().err
