from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest

from service import __version__, registry
from service.cli.exit_code import ExitCode
from service.cli.main import run
from service.errors import EngineError, InputError, SourceError, SourceLocation
from service.settings import load


@pytest.fixture
def ending(monkeypatch):
    """Runs a command line whose only command ends as told; gives the exit code."""

    def run_with(action):
        command = click.Command("act", callback=action)
        monkeypatch.setattr(registry, "discover", lambda *_names, **_options: (command,))
        return run(["act"])

    return run_with


def raising(error):
    def action():
        raise error

    return action


def test_the_version_is_printed(capsys):
    assert ExitCode.CLEAN == run(["version"])
    assert f"nodeward {__version__}\n" == capsys.readouterr().out


def test_an_unknown_command_is_wrong_usage(capsys):
    assert ExitCode.USAGE == run(["verison"])
    assert "No such command 'verison'" in capsys.readouterr().err


def test_a_config_file_that_is_missing_is_wrong_usage(capsys):
    assert ExitCode.USAGE == run(["--config", "/nowhere.yaml", "version"])
    assert "/nowhere.yaml" in capsys.readouterr().err


def test_the_config_file_is_named_to_the_whole_process(tmp_path, monkeypatch):
    monkeypatch.setenv("NODEWARD_CONFIG", "")
    path = tmp_path / "nodeward.yaml"
    path.touch()
    run(["--config", str(path), "version"])
    assert str(path) == os.environ["NODEWARD_CONFIG"]


def test_options_stand_for_settings_of_the_cluster(monkeypatch):
    monkeypatch.setenv("NODEWARD_CLUSTER_PROFILE", "v3.34")
    monkeypatch.setenv("NODEWARD_DATAPLANE", "auto")
    run(["--profile", "v3.30", "--dataplane", "ipvs", "version"])
    settings = load()
    assert ("v3.30", "ipvs") == (settings.cluster_profile, settings.dataplane)


def test_a_command_returns_its_exit_code(ending):
    assert ExitCode.FINDINGS == ending(lambda: ExitCode.FINDINGS)


def test_an_unreadable_input_is_told_with_its_place(ending, capsys):
    place = SourceLocation("a.yaml", 3, 7, "/spec/order")
    assert ExitCode.UNREADABLE == ending(raising(InputError("no number", location=place)))
    assert "nodeward: a.yaml:3:7 /spec/order: no number\n" == capsys.readouterr().err


def test_a_source_that_does_not_answer_is_unreadable(ending):
    assert ExitCode.UNREADABLE == ending(raising(SourceError("no answer")))


@pytest.mark.parametrize(
    "error", [EngineError("no verdict"), KeyError("tier")], ids=["engine error", "other"]
)
def test_a_defect_is_one_line_and_a_hint(ending, capsys, monkeypatch, error):
    monkeypatch.delenv("NODEWARD_DEBUG", raising=False)
    assert ExitCode.BUG == ending(raising(error))
    told = capsys.readouterr().err
    assert f"nodeward: a defect of Nodeward itself: {type(error).__name__}: {error}" in told
    assert "Traceback" not in told


def test_a_defect_shows_where_it_happened_when_asked(ending, capsys, monkeypatch):
    monkeypatch.setenv("NODEWARD_DEBUG", "1")
    ending(raising(KeyError("tier")))
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_ends_as_a_shell_has_it(ending):
    assert ExitCode.INTERRUPTED == ending(raising(KeyboardInterrupt()))


def test_a_reader_that_goes_away_is_no_finding():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "service", "--help"], stdout=pipe, timeout=30, check=False
        )
    assert ExitCode.BROKEN_PIPE == done.returncode
