"""Sets, traces and the model agree in thousands of drawn worlds; ``make nightly`` takes a hundred thousand."""

from __future__ import annotations

import json
from random import Random

import pytest

from tests.agreement.__main__ import before, judged
from tests.agreement.directed import direct
from tests.agreement.judge import judge
from tests.agreement.tally import ACTIONS, HOOKS, Tally, cells, criteria
from tests.agreement.worlds import Drawn
from tests.kernel import worlds as kernel_worlds
from tests.kernel.calls import Calls

EACH = 600
CHANCE = "the verdict depends on the source port of the packet that carries it"
"""What no object tells: the model tries one such port."""
FIRST = 1_000_000
"""Beyond the worlds of a night, so that both together see more."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(4))
def test_sets_traces_and_the_model_agree_in_drawn_worlds(part):
    first = FIRST + part * EACH
    found = judged(range(first, first + EACH), 4)
    assert [] == found.differing
    assert EACH * 4 == found.dispositions.total()
    assert set(found.withheld) <= {CHANCE}


@pytest.mark.parametrize("number", [425, 17479, 22320, 30997, 76467])
def test_worlds_in_which_they_once_differed_are_told_alike(number):
    found = judged(range(number, number + 1), 4)
    assert ([], {}) == (found.differing, dict(found.withheld))


def test_every_hook_and_action_comes_to_match_in_few_worlds():
    met = {cell[:2] for cell in judged(range(FIRST, FIRST + 150), 4).cells}
    expected = {(hook, action) for hook in HOOKS for action in ACTIONS}
    assert len(expected - met) <= 3, expected - met


def test_a_rule_is_counted_by_each_criterion():
    rule = {"action": "Deny", "protocol": "TCP", "source": {"nets": ["10.0.0.0/8"]}}
    assert ["protocol", "source.nets"] == criteria(rule)
    assert ["none"] == criteria({"action": "Deny", "destination": {}})


def test_a_cell_that_no_rule_met_is_a_hole():
    tally = Tally()
    whole = list(cells())
    tally.cells[whole[0]] += 1
    other = Tally(worlds=2)
    other.cells[whole[1]] += 1
    tally.add(other)
    assert (2, whole[2:]) == (tally.worlds, tally.holes())


def test_a_run_goes_on_from_what_it_wrote():
    found = judged(range(FIRST, FIRST + 9), 2)
    found.differing.append("1000000 (guard): trace")
    assert found == Tally.from_json(json.loads(json.dumps(found.to_json())))


def test_half_of_the_directed_worlds_meet_their_cell():
    chosen = list(cells())[::20]
    met = []
    for cell in chosen:
        random, objects = Random(str(cell)), kernel_worlds.draw("mixed", 1)
        flows = direct(cell, objects, Calls(random, objects), random=random, count=4)
        tally = Tally()
        judge(Drawn("", objects, flows), tally)
        met.append(tally.cells[cell] > 0)
    assert sum(met) >= len(met) / 2


def test_a_run_that_goes_on_tries_again_what_differed(tmp_path):
    output = tmp_path / "agreement.json"
    tally = Tally(worlds=3, differing=[f"{FIRST} (guard): what was mended since"])
    output.write_text(json.dumps({"first": FIRST, **tally.to_json()}))
    found = before(output, FIRST, flows=1)
    assert (3, [], [FIRST]) == (found.worlds, found.differing, found.mended)
    assert Tally() == before(output, FIRST + 1, flows=1)
