from __future__ import annotations

import itertools
import sys

import pytest

from service.errors import EngineError
from service.registry import discover

names = (f"plugins_{number}" for number in itertools.count())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Makes an importable package of modules, given their sources."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", sys.modules.copy())

    def make(**sources):
        folder = tmp_path / next(names)
        folder.mkdir()
        (folder / "__init__.py").touch()
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(source)
        return folder.name

    return make


def test_the_constants_come_in_the_order_of_their_modules(package):
    assert (1, 2) == discover(package(b="X = 2", a="X = 1"), "X", int)


def test_a_module_set_apart_takes_no_part(package):
    assert (1,) == discover(package(a="X = 1", contract=""), "X", int, apart=("contract",))


def test_a_sub_package_takes_no_part(package, tmp_path):
    name = package(a="X = 1")
    (tmp_path / name / "sub").mkdir()
    (tmp_path / name / "sub" / "__init__.py").touch()
    assert (1,) == discover(name, "X", int)


def test_a_module_without_the_constant_is_an_error(package):
    with pytest.raises(EngineError, match=r"\.a exports no X of type int"):
        discover(package(a="Y = 1"), "X", int)


def test_a_constant_of_another_type_is_an_error(package):
    with pytest.raises(EngineError, match=r"\.a exports no X of type int"):
        discover(package(a="X = 'one'"), "X", int)


def test_two_plugins_with_one_id_are_an_error(package):
    source = "import types\nX = types.SimpleNamespace(id='twice')"
    with pytest.raises(EngineError, match=r"\.b: a X called 'twice' exists already"):
        discover(package(a=source, b=source), "X", object)
