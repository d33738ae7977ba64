"""How lists are cut short in messages."""

from __future__ import annotations

import pytest

from service.checks.apiserver.way import some as some_of
from service.checks.nodeport.question import nodes_text, some

NAMES = ["a", "b", "c", "d", "e", "f", "g"]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "a"),
        (5, "a, b, c, d, e"),
        (6, "a, b, c, d, e and 1 more"),
        (7, "a, b, c, d, e and 2 more"),
    ],
)
def test_five_are_told_and_how_many_more_there_are(count, expected):
    assert [expected, expected] == [some(NAMES[:count]), some_of(NAMES[:count])]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "no node"), (5, "a, b, c, d, e"), (6, "a, b, c, d, e and 1 more nodes")],
)
def test_of_nodes_none_is_said_to_be_none(count, expected):
    assert expected == nodes_text(tuple(NAMES[:count]))
