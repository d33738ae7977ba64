"""A short run of what ``make fuzz`` does by the million."""

import pytest

from tests.fuzz.door import Door

REVIEWS = 3_000


@pytest.fixture
def door():
    made = Door(seed=20261126)
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_reviews_that_no_api_server_would_send_get_an_answer_in_time(door):
    for _ in range(REVIEWS):
        door.answer()
    assert REVIEWS == sum(door.counts.values())
    assert door.counts.keys() >= {"allowed", "denied", "400"}
