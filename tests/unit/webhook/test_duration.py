import pytest

from webhook.duration import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5s", 5.0),
        ("1m30s", 90.0),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("1h", 3600.0),
        ("2us", 2e-6),
        ("3\N{MICRO SIGN}s", 3e-6),
        ("4ns", 4e-9),
        ("0", 0.0),
        ("0s", 0.0),
    ],
)
def test_a_go_duration_is_read_in_seconds(text, expected):
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "-5s", "5 s", "5x", "5sx", "\u0661s", "1e3s", "9" * 400 + "s", "1s" * 100],
)
def test_what_go_would_not_parse_is_no_limit(text):
    assert seconds(text) is None
