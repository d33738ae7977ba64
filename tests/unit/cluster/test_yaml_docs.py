"""Text to documents: positions, streams, and input that means harm."""

from __future__ import annotations

import time

import pytest

from service.cluster import yaml_docs
from service.cluster.yaml_docs import MAX_DEPTH, YamlDocument, decoded_text, documents
from service.errors import ManifestError, SourceLocation


def values(text):
    return [one.value for one in documents(text, "f") if isinstance(one, YamlDocument)]


def errors(text):
    return [str(one) for one in documents(text, "f") if isinstance(one, ManifestError)]


def laughs(levels):
    """Each level repeats the one before nine times."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize("text", ["", "\n", "# only\n# comments\n", "---\n", "---\n---\n...\n"])
def test_a_stream_without_content_has_no_document(text):
    assert ([], []) == (values(text), errors(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", [{"a": 1}]),
        ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("---\na: 1\n--- # next\nb: 2\n---\n", [{"a": 1}, {"b": 2}]),
        ("--- {a: 1}\n--- {b: 2}\n", [{"a": 1}, {"b": 2}]),
        ("%YAML 1.1\n---\na: 1\n", [{"a": 1}]),
        ("# one\n---\na: 1\n...\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a: |\n  ---\n  text\n", [{"a": "---\ntext\n"}]),
        ("a: 1\r\n---\r\nb: 2\r\n", [{"a": 1}, {"b": 2}]),
        ('{"a": [1, 2.5, null, true, "x"]}', [{"a": [1, 2.5, None, True, "x"]}]),
        ('{"a": "\\/"}', [{"a": "/"}]),
        ("a: &x {b: 1}\nc: *x\n", [{"a": {"b": 1}, "c": {"b": 1}}]),
        (
            "a: &x {b: 1, c: 1}\nd: {<<: *x, c: 2}\n",
            [{"a": {"b": 1, "c": 1}, "d": {"b": 1, "c": 2}}],
        ),
        ("a: {<<: [{b: 1}, {b: 2, c: 2}]}\n", [{"a": {"b": 1, "c": 2}}]),
        ("on: 1\n80: 2\n1.5: 3\n~: 4\n", [{"true": 1, "80": 2, "1.5": 3, "null": 4}]),
        (
            "a: 'yes'\nb: \"80\"\nc: !!str 80\nd: !!int '80'\n",
            [{"a": "yes", "b": "80", "c": "80", "d": 80}],
        ),
    ],
)
def test_streams_are_read_as_kubectl_reads_them(text, expected):
    assert (expected, []) == (values(text), errors(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", 'f:3:1: duplicate key "a"'),
        ("on: 1\ntrue: 2\n", 'f:2:1: duplicate key "true"'),
        ("x: 1\n---\na: {b: 1, b: 2}\n", 'f:3:11: duplicate key "b"'),
        ("? [a]\n: b\n", "f:1:3: a key must be a scalar"),
        ("a: !!timestamp 2001-01-01\n", "f:1:4: '2001-01-01' is no timestamp"),
        ("a: !!python/name:os.system x\n", "f:1:4: 'x' is no python/name"),
        ("a: {<<: 5}\n", "f:1:9: a merge key takes mappings only"),
        ("a: \x00\n", "f:1:4: a NUL byte (U+0000) is not allowed"),
        ("a: 1\nb: \x1b[0m\n", "f:2:4: a control character (U+001B) is not allowed"),
        ("a: &x [*x]\n", f"f:1:4: its aliases nest deeper than {MAX_DEPTH} levels"),
        ("a: *x\n", "f:1:4: found undefined alias"),
        (
            "a: 1\n\tb: 2\n",
            "found a tab character that violates indentation: the line is indented with a tab",
        ),
        (
            "a:\n  - b\n  \u00a0c: 1\n d: 2\n",
            "f:3:3: did not find expected '-' indicator: the line holds a non-breaking space",
        ),
    ],
)
def test_a_document_that_cannot_be_read_is_a_located_error(text, expected):
    [error] = errors(text)
    assert expected in error


def test_the_line_that_does_not_parse_tells_of_its_misleading_blank():
    [error] = errors("a: [1\n\u00a0b: }\n")
    assert "the line holds a non-breaking space (U+00A0)" in error


def test_a_broken_document_leaves_the_others():
    text = "a: 1\n---\nb: [\n---\nc: 3\n---\nd: {x: 1, x: 2}\n---\ne: 5\n"
    assert [{"a": 1}, {"c": 3}, {"e": 5}] == values(text)
    assert 2 == len(errors(text))


@pytest.mark.parametrize(
    ("pointer", "line", "column"),
    [
        ("", 2, 1),
        ("/metadata", 2, 1),
        ("/metadata/name", 3, 3),
        ("/spec/ingress/1", 7, 5),
        ("/spec/ingress/1/a~1b", 7, 5),
        ("/spec/missing", 4, 1),
        ("/spec/ingress/9/action", 5, 3),
        ("/spec/ingress/x", 5, 3),
        ("/metadata/name/deeper", 3, 3),
    ],
)
def test_a_place_is_that_of_the_key_or_of_what_is_around_it(pointer, line, column):
    text = "\nmetadata:\n  name: x\nspec:\n  ingress:\n  - action: Deny\n  - a/b: 1\n"
    [document] = documents(text, "f")
    assert SourceLocation("f", line, column, pointer) == document.at(pointer)


def test_places_count_from_the_start_of_the_file():
    [_, document] = documents("a: 1\nb: 2\n---\nc:\n  d: 3\n", "f")
    assert SourceLocation("f", 5, 3, "/c/d") == document.at("/c/d")


def test_json_that_yaml_cannot_read_is_read_without_places():
    [document] = documents('\n{"a":\n\t"\\ud83d\\ude00"}', "f")
    assert {"a": "\U0001f600"} == document.value
    assert SourceLocation("f", 1, 1, "/a") == document.at("/a")


@pytest.mark.parametrize("text", ['{"a": "\\ud83d\\ude00", "a": 1}', "{" * 10, '{"a":\n\t]'])
def test_what_is_neither_yaml_nor_json_is_an_error(text):
    assert 1 == len(errors(text))


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "[{a: ", "? "])
def test_deep_nesting_is_refused_before_it_exhausts_the_stack(opening):
    [error] = errors(opening * 100_000)
    assert "nested deeper than" in error or "did not find" in error or "mapping values" in error


def test_nesting_within_the_limit_is_read():
    depth = MAX_DEPTH - 1
    assert 1 == len(values("[" * depth + "]" * depth))


def test_aliases_that_explode_are_refused_at_once():
    started = time.perf_counter()
    assert 1 == len(errors(laughs(12)))
    assert time.perf_counter() - started < 5


def test_a_document_that_repeats_an_alias_now_and_then_is_read():
    assert [] == errors(laughs(4))


def test_many_separators_take_no_longer_than_their_number():
    started = time.perf_counter()
    assert [] == values("---\n" * 50_000)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("data", "text"), [(b"a: 1", "a: 1"), (b"\xef\xbb\xbfa: 1", "a: 1"), ("ü".encode(), "ü")]
)
def test_utf_8_is_read_with_and_without_its_mark(data, text):
    assert text == decoded_text(data, "f")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\nb: \xff\n", "f:2:4: not UTF-8: byte 0xff has no place here"),
        ("a: 1".encode("utf-16"), "f:1:1: not UTF-8: byte 0xff has no place here"),
        (b"\xc3", "f:1:1: not UTF-8: byte 0xc3 has no place here"),
    ],
)
def test_other_bytes_are_refused_with_their_place(data, expected):
    with pytest.raises(ManifestError) as caught:
        decoded_text(data, "f")
    assert expected == str(caught.value)


def test_a_file_beyond_all_measure_is_refused(monkeypatch):
    monkeypatch.setattr(yaml_docs, "MAX_BYTES", 2 * 1024 * 1024)
    with pytest.raises(ManifestError, match="larger than 2 MiB"):
        decoded_text(b"#" * (2 * 1024 * 1024 + 1), "f")
