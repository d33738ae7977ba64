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


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:00Z",
        "1970-12-31T23:59:59Z",
        "1972-02-29T00:00:00Z",
        "2000-02-29T12:00:00Z",
        "2100-03-01T00:00:00Z",
        "2026-01-31T01:02:03Z",
        "2399-12-31T23:59:59Z",
    ],
)
def test_the_corners_of_the_calendar_are_known(text):
    at = datetime.fromisoformat(text).timestamp()
    assert (int(at), text) == (parse_moment(text), moment_text(parse_moment(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-26T23:59:60Z", "2026-11-26T23:59:59Z"),
        ("2026-11-26T05:00:00+00:00", "2026-11-26T05:00:00Z"),
        ("2026-11-26T00:00:00+14:00", "2026-11-25T10:00:00Z"),
    ],
)
def test_leap_seconds_and_far_zones_are_read(text, expected):
    assert parse_moment(expected) == parse_moment(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2100-02-29T00:00:00Z", "no day of the calendar"),
        ("2026-00-01T00:00:00Z", "no day of the calendar"),
        ("2026-04-31T00:00:00Z", "no day of the calendar"),
        ("2026-04-00T00:00:00Z", "no day of the calendar"),
        ("2026-04-01T24:00:00Z", "no time of the day"),
        ("2026-04-01T00:60:00Z", "no time of the day"),
        ("2026-04-01T00:00:61Z", "no time of the day"),
        ("x" * 99, f"'{'x' * 64}' is no moment"),
    ],
)
def test_what_is_wrong_with_a_moment_is_told(text, why):
    with pytest.raises(ValueError, match=why):
        parse_moment(text)
