"""The ledger of claims about Calico names functions that there are, and tests that are there."""

from __future__ import annotations

import re
from pkgutil import resolve_name

import pytest

from tests.house.source import ROOT

_LEDGER = (ROOT / "docs" / "semantics.md").read_text("utf-8")
_ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in _LEDGER.splitlines()
    if line.startswith("| ") and not line.startswith("| claim")
]


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row[0][:40])
def test_a_claim_has_a_function_and_a_test(row):
    _claim, _source, function, test = row
    assert resolve_name(function.strip("`"))
    assert re.findall(r"\]\(\.\./(tests/[^)]+)\)", test)
