import time

import pytest

from service.admission.strict_json import DEPTH_LIMIT, JsonError, decode


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_a_text_is_decoded():
    assert decode(b'{"a": [1, -2.5e3, true, null, "\xc3\xa9"]}') == {
        "a": [1, -2500.0, True, None, "é"]
    }


def test_a_pair_of_escaped_surrogates_is_one_character():
    assert decode(rb'"\ud83d\ude00"') == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "line 1 column 1"),
        (b'{"a": }', "line 1 column 7"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        ('"\N{BYTE ORDER MARK}"'.encode("utf-16"), "is not UTF-8"),
        (b'{"a": 1, "b": {"a": 1, "a": 2}}', "'a' stands twice"),
        (b'{"a": 1, "b": 2, "b": 3}', "'b' stands twice"),
        (b"[NaN]", "NaN is no JSON number"),
        (b"[-Infinity]", "-Infinity is no JSON number"),
        (b"[1e999]", "out of range"),
        (b"[" + b"9" * 5000 + b"]", "out of range"),
        (rb'{"a": "\ud800"}', "half a character"),
        (rb'{"\uDFFF": 1}', "half a character"),
        (nested(DEPTH_LIMIT + 1), "levels deep"),
        (nested(100_000), "levels deep"),
        (b'{"a":' * 100_000, "levels deep"),
    ],
)
def test_what_readers_could_understand_differently_is_refused(body, reason):
    with pytest.raises(JsonError, match=reason):
        decode(body)


def test_the_deepest_allowed_nesting_is_read():
    assert len(decode(nested(DEPTH_LIMIT))) == 1


def test_brackets_in_strings_are_no_nesting():
    text = r"\"[{" * DEPTH_LIMIT
    assert decode(f'[{{"{text}\\\\": "{text}"}}]'.encode()) == [
        {'"[{' * DEPTH_LIMIT + "\\": '"[{' * DEPTH_LIMIT}
    ]


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
def test_lists_and_objects_nest_alike(start, end):
    def around(levels: int) -> bytes:
        return f"{start * levels}[{{}}, []]{end * levels}".encode()

    assert decode(around(DEPTH_LIMIT - 2))
    with pytest.raises(JsonError, match="levels deep"):
        decode(around(DEPTH_LIMIT - 1))


MEGABYTES = 8 * 10**6


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        b"0,",
        b"[],",
        b"[" * 90 + b"]" * 90 + b",",
        b'{"a":{"a":{}}},',
        b'"\\u0041",',
        b'"a",',
        b"1e9,",
    ],
)
def test_what_is_made_to_cost_is_decoded_in_linear_time(unit):
    """8 MB within seconds, also beside other tests: anything worse than linear takes minutes."""
    started = time.monotonic()
    assert decode(b"[" + unit * (MEGABYTES // len(unit)) + b"0]")
    assert time.monotonic() - started < 30
