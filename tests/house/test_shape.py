"""Sizes of files and functions. An exception is a line here, with its reason."""

from __future__ import annotations

import ast
import statistics

from tests.house.source import PACKAGES, ROOT, modules, tree

FILE_LINES = 400
FUNCTION_LINES = 60
MEDIAN_LINES = 10
P90_LINES = 30

LONGER_FILES: dict[str, str] = {}
LONGER_FUNCTIONS: dict[str, str] = {}


def file_lengths():
    return {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in modules(*PACKAGES, "tests")
    }


def functions(*folders):
    """(``path:name``, lines) of every function; two methods of one name share theirs."""
    return [
        (f"{path}:{node.name}", node.end_lineno - node.lineno + 1)
        for path in modules(*folders)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def over(lengths, limit):
    return {name for name, lines in lengths if lines > limit}


def test_no_file_outgrows_its_limit():
    assert LONGER_FILES.keys() == over(file_lengths().items(), FILE_LINES)


def test_no_function_outgrows_its_limit():
    assert LONGER_FUNCTIONS.keys() == over(functions(*PACKAGES, "tests"), FUNCTION_LINES)


def test_most_functions_are_short():
    lengths = [lines for _, lines in functions(*PACKAGES)]
    deciles = statistics.quantiles(lengths, n=10)
    assert (True, True) == (deciles[4] <= MEDIAN_LINES, deciles[8] <= P90_LINES)


def test_no_module_has_a_name_that_says_nothing():
    empty_words = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    assert [] == [str(path) for path in modules(*PACKAGES) if path.stem in empty_words]
