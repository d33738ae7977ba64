"""``nodeward openapi``: prints, writes and checks the specification."""

from __future__ import annotations

import yaml

from service.cli.exit_code import ExitCode
from service.cli.main import run


def test_it_prints_the_specification(capsys):
    assert run(["openapi"]) == ExitCode.CLEAN
    assert yaml.safe_load(capsys.readouterr().out)["info"]["title"] == "Nodeward"


def test_what_it_wrote_passes_its_check(tmp_path):
    file = str(tmp_path / "openapi.yaml")

    assert run(["openapi", "--write", file]) == ExitCode.CLEAN
    assert run(["openapi", "--check", file]) == ExitCode.CLEAN


def test_a_file_that_has_drifted_fails_the_check(tmp_path, capsys):
    file = tmp_path / "openapi.yaml"
    file.write_text("openapi: 3.1.0\n")

    assert run(["openapi", "--check", str(file)]) == ExitCode.FINDINGS
    assert f"nodeward openapi --write {file}" in capsys.readouterr().err
