"""A plugin is found by its file, so the file is named as what it holds."""

from __future__ import annotations

import importlib

import pytest

from tests.house.source import exporting


def load(path, constant):
    return getattr(importlib.import_module(".".join(path.with_suffix("").parts)), constant)


@pytest.mark.parametrize("path", exporting("service/checks", "CHECK"), ids=str)
def test_a_check_is_named_as_its_file(path):
    assert path.stem.replace("_", "-") == load(path, "CHECK").id


@pytest.mark.parametrize("path", exporting("service/cli", "COMMAND"), ids=str)
def test_a_command_is_named_as_its_file(path):
    assert path.stem == load(path, "COMMAND").name


@pytest.mark.parametrize("path", exporting("service/cli", "COMMAND"), ids=str)
def test_a_command_explains_itself(path):
    assert load(path, "COMMAND").help
