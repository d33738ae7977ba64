"""What a door loads when it starts: what it does not need must not cost it memory or time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "alembic",
    "cryptography",
    "flask",
    "flask_smorest",
    "kubernetes",
    "marshmallow",
    "reportlab",
    "sqlalchemy",
    "yaml",
}


def loaded_by(statement):
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_admission_door_loads_nothing_of_the_audit_door():
    unwanted = {"sqlalchemy", "alembic", "flask_smorest", "reportlab", "kubernetes"}
    assert set() == loaded_by("import webhook.wiring") & unwanted


def test_finding_the_commands_loads_nothing_heavy():
    assert set() == loaded_by("from service.cli.main import root; root()") & HEAVY


@pytest.mark.parametrize("package", ["service", "webhook", "certs"])
def test_a_package_charter_imports_nothing_of_ours(package):
    ours = ("service.", "webhook.", "certs.")
    assert [] == [name for name in loaded_by(f"import {package}") if name.startswith(ours)]
