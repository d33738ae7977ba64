"""Sizes of files and functions. An exception is a line here, with its reason."""

from __future__ import annotations

import ast

from tests.house.source import PACKAGES, ROOT, modules, tree

FILE_LINES = 400
FUNCTION_LINES = 60

LONGER_FILES: dict[str, str] = {}
LONGER_FUNCTIONS: dict[str, str] = {}


def file_lengths():
    return {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in modules(*PACKAGES, "tests")
    }


def function_lengths():
    return {
        f"{path}:{node.name}": node.end_lineno - node.lineno + 1
        for path in modules(*PACKAGES, "tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def over(lengths, limit, excepted):
    return {
        name: lines for name, lines in lengths.items() if lines > limit and name not in excepted
    }


def test_no_file_outgrows_its_limit():
    assert {} == over(file_lengths(), FILE_LINES, LONGER_FILES)


def test_no_function_outgrows_its_limit():
    assert {} == over(function_lengths(), FUNCTION_LINES, LONGER_FUNCTIONS)


def test_every_exception_is_still_needed():
    needed = over(file_lengths(), FILE_LINES, ()) | over(function_lengths(), FUNCTION_LINES, ())
    assert set() == (LONGER_FILES.keys() | LONGER_FUNCTIONS.keys()) - needed.keys()


def test_no_module_has_a_name_that_says_nothing():
    empty_words = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    assert [] == [str(path) for path in modules(*PACKAGES) if path.stem in empty_words]
