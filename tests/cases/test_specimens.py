"""A finding, an answer and a trace of each kind is told word for word, with its proof and fix."""

from __future__ import annotations

import pytest

from service.checks.run import checks
from tests.specimens import told, written

SPECIMENS = written()


@pytest.mark.parametrize("case", SPECIMENS)
def test_what_a_case_tells_is_what_is_written(case):
    expected, actual = SPECIMENS[case], told(case)
    assert expected == {key: actual.get(key) for key in expected}


def test_every_check_that_asks_the_objects_alone_has_a_specimen():
    told_of = [one for case in SPECIMENS.values() for one in case.values()]
    shown = {one["check"] for one in told_of if "check" in one}
    assert {one.id for one in checks()} - {"admitted-unreviewed"} == shown
