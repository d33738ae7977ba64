"""Two minutes of what ``make soak`` does in half an hour."""

from __future__ import annotations

import os

import pytest

from tests.soak.drive import soak

MINUTES = float(os.environ.get("NODEWARD_SOAK_MINUTES", "2"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_door_that_is_asked_for_minutes_stays_as_it_is(tmp_path):
    found = soak("S", MINUTES, tmp_path)
    assert [] == found.faults(), found.figures()
    assert {200} == found.statuses.keys()
    assert len(found.latencies) > 500 * MINUTES
