"""The pure floors compute: the same arguments give the same answer, and nothing else happens."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import PURE_FLOORS, imported, modules, tree

ALLOWED = {
    "__future__",
    "abc",
    "bisect",
    "collections",
    "contextlib",
    "copy",  # of an object that a fix edits
    "dataclasses",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "operator",
    "orjson",  # renders a record
    "re",
    "service",
    "types",
    "typing",
    "unicodedata",
    "yaml",  # renders a fix as text
}
EFFECTS = {"open", "print", "input", "eval", "exec", "breakpoint", "__import__"}

pure = pytest.mark.parametrize(
    "path", modules(*(f"service/{floor}" for floor in PURE_FLOORS)), ids=str
)


@pure
def test_a_pure_module_imports_only_what_has_no_effects(path):
    assert set() == {name.partition(".")[0] for name in imported(path)} - ALLOWED


@pure
def test_a_pure_module_calls_no_builtin_with_effects(path):
    called = {
        node.func.id
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert set() == called & EFFECTS
