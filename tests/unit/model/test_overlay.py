from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.overlay import Overlay, with_entry

BIG = {number: str(number) for number in range(100)}


def test_a_small_mapping_is_copied():
    assert {"a": 1, "b": 2} == with_entry({"a": 1}, "b", 2)


def test_a_big_mapping_is_laid_over():
    assert isinstance(with_entry(BIG, 1, "one"), Overlay)


def test_the_mapping_below_does_not_change():
    with_entry(BIG, 1, "one")
    assert "1" == BIG[1]


def test_an_entry_that_is_gone_is_not_found():
    changed = with_entry(BIG, 1, None)
    with pytest.raises(KeyError):
        changed[1]


def test_many_changes_make_it_flat_again():
    changed = BIG
    for number in range(11):
        changed = with_entry(changed, number, "new")
    assert isinstance(changed, dict)


def test_it_shows_its_entries():
    assert repr(BIG) == repr(with_entry(BIG, 100, None))


@given(st.lists(st.tuples(st.integers(0, 120), st.one_of(st.none(), st.text(max_size=2)))))
def test_it_is_a_dictionary_after_any_changes(changes):
    expected, found = dict(BIG), BIG
    for key, value in changes:
        found = with_entry(found, key, value)
        expected.pop(key, None)
        if value is not None:
            expected[key] = value
        assert (expected, len(expected)) == (dict(found), len(found))
        assert [key in expected for key in range(121)] == [key in found for key in range(121)]
