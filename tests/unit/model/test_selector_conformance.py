"""The selector language against Calico's own parser and evaluator, on 2,500 generated selectors."""

import json
from pathlib import Path

import pytest

from service.errors import SelectorError
from service.model.selector import parse

DATA = Path(__file__).parents[2] / "conformance" / "selectors.jsonl"


@pytest.fixture(scope="module")
def lines():
    with DATA.open(encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]


@pytest.fixture(scope="module")
def valid(lines):
    return [line for line in lines if line["valid"]]


def accepted(text):
    try:
        parse(text)
    except SelectorError:
        return False
    return True


def test_the_data_are_whole(lines, valid):
    matches = sum(len(line["rows"]) for line in valid)
    assert (len(lines), len(valid), matches) == (2500, 1583, 9498)


def test_the_selectors_that_calico_parses_are_those_that_we_parse(lines):
    assert [line for line in lines if accepted(line["selector"]) is not line["valid"]] == []


def test_every_canonical_form_is_calicos(valid):
    ours = [parse(line["selector"]).canonical() for line in valid]
    assert [line["canonical"] for line in valid] == ours


def test_every_match_is_calicos(valid):
    wrong = [
        (line["selector"], row)
        for line in valid
        for row in line["rows"]
        if parse(line["selector"]).matches(row["labels"]) is not row["match"]
    ]
    assert wrong == []


def test_every_canonical_form_reads_back_with_the_same_matches(valid):
    wrong = [
        (line["canonical"], row)
        for line in valid
        for row in line["rows"]
        if parse(line["canonical"]).matches(row["labels"]) is not row["match"]
    ]
    assert wrong == []
