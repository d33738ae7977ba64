"""Reach says what real packets through the real dataplane showed, of whole sets that they are in.

`make reach-conformance` asks for every flow.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest

from tests.conformance.reached import OUTCOMES, asked
from tests.reference.measured import worlds

ARCHIVE = Path(__file__).parent / "felix.tar.xz"
WORLDS = 8


@cache
def chosen():
    return Random("reach").sample(list(worlds(ARCHIVE)), WORLDS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(WORLDS))
def test_every_measured_flow_is_in_the_part_that_was_measured(number):
    differing = [one for one in asked(chosen()[number]).flows if one.outcome in OUTCOMES[1:3]]
    assert [] == differing
