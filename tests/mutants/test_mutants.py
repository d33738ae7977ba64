"""The mutants are those that are meant, and a test that looks notices them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.mutants.operators import mutated, sites

SOURCE = '''
LIMIT = 3

def f(a: int = 1, *, b: bool = True) -> bool:
    """1 in a docstring."""
    if a > 2 and not b:
        raise ValueError("1")
    return [one for one in (a, b) if one] == f"{a}"

class C:
    def g(self):
        return cast("int", self.h()) - 1
'''


def changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("m.py")
    path.write_text(SOURCE)
    return sites(path)


def test_what_may_change_is_in_functions_and_no_message_default_or_docstring(tmp_path, monkeypatch):
    found = [(one.line, one.function, one.what) for one in changes(tmp_path, monkeypatch)]
    expected = [
        (6, "f", "Gt becomes GtE"),
        (6, "f", "2 becomes 3"),
        (6, "f", "And becomes Or"),
        (6, "f", "condition a > 2 and (not b) is negated"),
        (6, "f", "not b loses its not"),
        (8, "f", "Eq becomes NotEq"),
        (8, "f", "filter one is dropped"),
        (8, "f", "returns None"),
        (12, "C.g", "1 becomes 2"),
        (12, "C.g", "Sub becomes Add"),
        (12, "C.g", "returns None"),
    ]
    assert sorted(expected) == sorted(found)


def test_each_mutant_is_other_code_than_every_other(tmp_path, monkeypatch):
    found = changes(tmp_path, monkeypatch)
    texts = {ast.unparse(mutated(one)) for one in found} | {ast.unparse(ast.parse(SOURCE))}
    assert len(found) + 1 == len(texts)


def test_tests_of_prefixes_notice_mutants_of_prefixes():
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "tests.mutants",
                "--floor",
                "net",
                "--count",
                "12",
                "--seed",
                "3",
            ),
            *("--tests", "tests/unit/net/test_prefixes.py"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert '"killed": ' in done.stdout, done.stderr
    assert '"untested": ' in done.stdout
