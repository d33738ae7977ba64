from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.moments import moment_text, parse_moment

MOMENTS = st.integers(0, 7_258_118_400).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(MOMENTS)
def test_a_moment_is_the_second_that_the_calendar_says(moment):
    text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert int(moment.timestamp()) == parse_moment(text)


@given(MOMENTS)
def test_a_moment_is_told_as_it_was_read(moment):
    text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert text == moment_text(parse_moment(text))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-26T05:00:00.123456Z", "2026-11-26T05:00:00Z"),
        ("2026-11-26T05:00:00+02:00", "2026-11-26T03:00:00Z"),
        ("2026-11-26T05:00:00-01:30", "2026-11-26T06:30:00Z"),
    ],
)
def test_fractions_are_cut_off_and_offsets_taken_into_account(text, utc):
    assert parse_moment(utc) == parse_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00",
    ],
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match=r"names no|is no moment"):
        parse_moment(text)
