"""``nodeward explain``: a check's page, from wherever Nodeward is installed."""

from __future__ import annotations

import pytest

from service.checks.run import checks
from service.cli.exit_code import ExitCode
from service.cli.main import run


@pytest.mark.parametrize("check", [one.id for one in checks()])
def test_every_check_explains_itself(check, capsys):
    assert ExitCode.CLEAN == run(["explain", check])
    assert f"# {check}" == capsys.readouterr().out.splitlines()[0]


def test_a_check_that_there_is_not_is_told_with_those_there_are(capsys):
    assert ExitCode.USAGE == run(["explain", "../README"])
    assert "apiserver-lockout" in capsys.readouterr().err
