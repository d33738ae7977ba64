"""What commands over a live cluster refuse; what they do is tests/apiserver/test_cluster_commands.py."""

from __future__ import annotations

import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """There are no credentials for any cluster."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        ["audit", "--cluster"],
        ["audit", "--context", "prod"],
        ["snapshot", "-o", "cluster.json"],
        ["serve", "--cluster"],
        ["serve", "--context", "a", "--context", "b"],
    ],
)
def test_without_credentials_the_exit_code_says_so(command, tmp_path, capsys):
    assert run(command) is ExitCode.UNREADABLE
    assert "no credentials for a cluster" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["audit"], ["audit", ".", "--cluster"], ["snapshot"]])
def test_what_is_to_be_read_must_be_said_once(command):
    assert run(command) is ExitCode.USAGE
