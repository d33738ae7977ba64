"""``nodeward test``: case folders, anybody's."""

from __future__ import annotations

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: w1}
status: {addresses: [{type: InternalIP, address: 10.0.0.11}]}
"""
EXPECTED = """\
flows:
- {flow: {from: {ip: 203.0.113.9}, to: {node: w1}, protocol: TCP, port: 80}, disposition: FATE}
"""


@pytest.fixture
def case(tmp_path):
    """Makes a case folder whose flow is expected to have a fate."""

    def make(name, fate="allowed"):
        folder = tmp_path / "cases" / name
        folder.mkdir(parents=True)
        (folder / "cluster.yaml").write_text(NODE)
        (folder / "expect.yaml").write_text(EXPECTED.replace("FATE", fate))
        return folder

    return make


def test_a_case_that_holds_passes(case, capsys):
    folder = case("one")
    assert ExitCode.CLEAN == run(["test", str(folder)])
    assert ["ok    " + str(folder), "1 passed, 0 failed"] == capsys.readouterr().out.split("\n")[:2]


def test_a_case_that_does_not_hold_fails_and_tells_why(case, capsys):
    assert ExitCode.FINDINGS == run(["test", str(case("one", fate="denied"))])
    out = capsys.readouterr().out
    assert "disposition is allowed, not denied" in out
    assert "0 passed, 1 failed" in out


def test_a_folder_of_cases_is_run_whole(case, capsys):
    parent = case("one").parent
    case("two", fate="denied")
    assert ExitCode.FINDINGS == run(["test", str(parent)])
    assert "1 passed, 1 failed" in capsys.readouterr().out


def test_a_folder_without_an_expectation_is_an_error_and_the_rest_still_run(case, capsys):
    folder = case("one")
    (case("two") / "expect.yaml").unlink()
    assert ExitCode.UNREADABLE == run(["test", str(folder.parent)])
    out = capsys.readouterr().out
    assert "ERROR" in out
    assert "1 passed, 0 failed, 1 unreadable" in out


def test_no_case_at_all_is_an_error(tmp_path, capsys):
    assert ExitCode.UNREADABLE == run(["test", str(tmp_path)])
    assert "there is no case here" in capsys.readouterr().err
