"""The lock files and pyproject.toml agree, without asking an index."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.source import ROOT

PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)", re.MULTILINE)


def pins(file):
    return {
        canonicalize_name(pin["name"]): pin["version"]
        for pin in PINNED.finditer((ROOT / file).read_text(encoding="utf-8"))
    }


def unsatisfied(requirements, locked):
    return [
        text
        for text in requirements
        for wanted in [Requirement(text)]
        if not wanted.specifier.contains(locked.get(canonicalize_name(wanted.name), "0"))
    ]


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_runtime_lock_satisfies_every_runtime_dependency():
    assert [] == unsatisfied(project()["project"]["dependencies"], pins("requirements.lock"))


def test_the_dev_lock_satisfies_every_development_dependency():
    assert [] == unsatisfied(project()["dependency-groups"]["dev"], pins("requirements-dev.lock"))


def test_the_dev_lock_pins_what_the_wheel_is_installed_with():
    runtime, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert runtime == {name: dev.get(name) for name in runtime}


def test_every_pin_has_a_hash():
    for file in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert text.count(" \\\n    --hash=sha256:") >= len(pins(file))


def test_no_lock_names_a_host():
    for file in ("requirements.lock", "requirements-dev.lock"):
        assert "://" not in (ROOT / file).read_text(encoding="utf-8")
