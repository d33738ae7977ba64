"""``nodeward reach``: an answer as JSON or as text, and errors that tell where."""

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
"""
QUESTION = json.dumps({"from": {"ip": "203.0.113.9"}, "to": {"node": "w1"}, "family": 4})


@pytest.fixture
def node(tmp_path):
    file = tmp_path / "node.yaml"
    file.write_text(NODE)
    return str(file)


def test_the_answer_is_a_line_of_json(node, capsysbinary):
    assert ExitCode.CLEAN == run(["reach", node, "--question", QUESTION])
    answer = json.loads(capsysbinary.readouterr().out)
    assert [("allowed", [{}])] == [(one["disposition"], one["flows"]) for one in answer["parts"]]


def test_people_may_ask_for_text(node, capsys):
    assert ExitCode.CLEAN == run(["reach", node, "--format", "text", "--question", QUESTION])
    assert capsys.readouterr().out.startswith("allowed, IPv4 from outside")


@pytest.mark.parametrize(
    ("question", "told"), [("{", "--question"), ('{"port": 0}', "--question /port")]
)
def test_a_bad_question_is_pointed_at(node, capsys, question, told):
    assert ExitCode.UNREADABLE == run(["reach", node, "--question", question])
    assert told in capsys.readouterr().err


def test_a_question_that_means_too_much_is_refused(node, capsys):
    assert ExitCode.UNREADABLE == run(["reach", node, "--limit", "1"])
    assert "6 pairs are meant, of 2 senders" in capsys.readouterr().err
