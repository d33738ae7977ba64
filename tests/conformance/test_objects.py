"""What a real API server, Calico's validator and Felix did with 197 objects: Nodeward says the same."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path

import pytest

from service.errors import SourceLocation
from service.model.decode import Skipped, decode_object
from service.model.document import API_SERVER

ROWS = [
    json.loads(line)
    for line in Path(__file__).with_name("objects.jsonl").read_text("utf-8").splitlines()
]


def decoded(row):
    result = decode_object(row["object"], SourceLocation("objects.jsonl"))
    assert not isinstance(result, Skipped)
    return result


def stored_spec(one):
    """The spec with what the API server fills in, without nulls."""
    spec = copy.deepcopy(one.raw["spec"])
    for default in one.defaults:
        if default.source == API_SERVER:
            spec[default.pointer.rpartition("/")[2]] = json.loads(default.value)
    return {key: value for key, value in spec.items() if value is not None}


by_row = pytest.mark.parametrize(
    "row", ROWS, ids=[f"{index}: {row['why'][:40]}" for index, row in enumerate(ROWS)]
)


@by_row
def test_the_api_server_accepts_what_a_real_one_accepts(row):
    one = decoded(row)
    expected = row["api_server"] == "accepts"
    assert expected == one.api_server_accepts, [str(problem) for problem in one.problems]


@by_row
def test_the_validator_says_what_calico_says(row):
    one = decoded(row)
    assert row["validator"] == one.validator_verdict, [str(problem) for problem in one.problems]


@by_row
def test_felix_does_what_felix_does(row):
    one = decoded(row)
    assert row["felix"] == one.felix_verdict, [str(problem) for problem in one.problems]


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row["api_server"] == "accepts"],
    ids=lambda row: row["why"][:40],
)
def test_the_stored_spec_has_the_defaults_of_a_real_api_server(row):
    assert row.get("stored_spec", row["object"]["spec"]) == stored_spec(decoded(row))


def test_no_row_is_missing():
    assert {
        "GlobalNetworkPolicy": 124,
        "HostEndpoint": 19,
        "FelixConfiguration": 19,
        "Tier": 12,
        "GlobalNetworkSet": 6,
        "NetworkSet": 6,
        "NetworkPolicy": 5,
        "StagedGlobalNetworkPolicy": 4,
        "KubeControllersConfiguration": 2,
    } == Counter(row["object"]["kind"] for row in ROWS)
    assert Counter(accepts=137, rejects=60) == Counter(row["api_server"] for row in ROWS)
    dropped = [row for row in ROWS if (row["api_server"], row["felix"]) == ("accepts", "drops")]
    assert 15 == len(dropped)
    assert not any(decoded(row).in_effect for row in dropped)
