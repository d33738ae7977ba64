"""The reference model says what real packets through the real dataplane showed.

Each folder of the archive takes up to 15 seconds of one core, all of it about 40.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.reference import selector
from tests.reference.measured import compare, worlds
from tests.reference.policies import BrokenError, policy

DATA = Path(__file__).parent
FLOWS = {
    "iptables": 2847,
    "pods": 20328,
    "pods-iptables": 2772,
    "random": 18123,
    "recipes": 13432,
}
# A rule there asks for source ports 20000 to 20500, and these four come from behind a masquerade,
# which draws the port at random.
LEFT_TO_CHANCE = {
    ("random", "033", "pod-othernode-nodeport"),
    ("random", "033", "out-nodeport-tcp"),
    ("random", "033", "pod-hostpod"),
    ("random", "033", "node-clusterip"),
}
POLICIES = {
    "GlobalNetworkPolicy",
    "NetworkPolicy",
    "StagedGlobalNetworkPolicy",
    "StagedNetworkPolicy",
}


@cache
def measured():
    return list(worlds(DATA / "felix.tar.xz"))


def rows(name):
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


def verdict_of_felix(manifest):
    try:
        policy(manifest)
    except BrokenError:
        return "drops"
    return "keeps"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("folder", FLOWS)
def test_the_model_agrees_with_every_measured_packet(folder):
    found = [one for world in measured() if world.folder == folder for one in compare(world)]
    assert FLOWS[folder] == len(found)
    assert [] == [(one.world, one.flow) for one in found if one.outcome == "wrong"]
    unknown = [one for one in found if one.outcome == "unknown"]
    expected = Counter(case for case in LEFT_TO_CHANCE if case[0] == folder)
    assert expected == Counter((one.folder, one.world, one.kind) for one in unknown)


def test_its_selector_parser_accepts_what_calicos_accepts():
    def is_valid(text):
        try:
            selector.parse(text)
        except selector.SelectorError:
            return False
        return True

    cases = rows("selectors.jsonl")
    assert [] == [one["selector"] for one in cases if is_valid(one["selector"]) != one["valid"]]


def test_its_selectors_match_what_calicos_match():
    cases = [
        (one["selector"], row) for one in rows("selectors.jsonl") for row in one.get("rows", ())
    ]
    assert 9498 == len(cases)
    assert [] == [
        (text, row["labels"])
        for text, row in cases
        if selector.matches(selector.parse(text), row["labels"]) != row["match"]
    ]


def test_it_discards_the_policies_that_felix_discards():
    cases = [
        row
        for row in rows("objects.jsonl")
        if row["object"]["kind"] in POLICIES
        and row["api_server"] == "accepts"
        and row["felix"] in {"keeps", "drops"}
    ]
    assert 80 == len(cases)
    assert [] == [row["why"] for row in cases if verdict_of_felix(row["object"]) != row["felix"]]
