"""IntervalSet: canonical form, and each operation at its edges."""

import pytest

from service.net.intervals import IntervalSet


def test_overlapping_and_adjacent_ranges_become_one() -> None:
    assert IntervalSet.of((5, 9), (1, 2), (3, 6)).ranges == ((1, 9),)


def test_ranges_with_a_gap_of_one_stay_apart() -> None:
    assert IntervalSet.of((3, 3), (1, 1)).ranges == ((1, 1), (3, 3))


def test_a_range_within_another_is_absorbed() -> None:
    assert IntervalSet.of((1, 10), (2, 3)).ranges == ((1, 10),)


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="5-4"):
        IntervalSet.of((1, 2), (5, 4))


def test_sets_of_the_same_integers_are_equal_and_hash_alike() -> None:
    split = IntervalSet.of((1, 2), (3, 4))
    whole = IntervalSet.of((1, 4))
    assert (split, hash(split)) == (whole, hash(whole))


def test_the_empty_set_is_false_and_holds_nothing() -> None:
    empty = IntervalSet.empty()
    assert (bool(empty), empty.size(), 0 in empty, list(empty)) == (False, 0, False, [])


def test_membership_includes_both_ends_and_nothing_beyond() -> None:
    ports = IntervalSet.of((22, 22), (80, 443))
    assert [n for n in (21, 22, 23, 79, 80, 200, 443, 444) if n in ports] == [22, 80, 200, 443]


@pytest.mark.parametrize(
    ("left", "right", "union", "common", "rest"),
    [
        (((1, 5),), ((6, 9),), ((1, 9),), (), ((1, 5),)),
        (((1, 9),), ((3, 4),), ((1, 9),), ((3, 4),), ((1, 2), (5, 9))),
        (((1, 2), (5, 6)), ((2, 5),), ((1, 6),), ((2, 2), (5, 5)), ((1, 1), (6, 6))),
        (((1, 3),), (), ((1, 3),), (), ((1, 3),)),
        ((), ((1, 3),), ((1, 3),), (), ()),
        (((4, 8),), ((1, 5), (7, 9)), ((1, 9),), ((4, 5), (7, 8)), ((6, 6),)),
    ],
)
def test_union_intersection_and_difference(left, right, union, common, rest) -> None:
    one, two = IntervalSet.of(*left), IntervalSet.of(*right)
    assert ((one | two).ranges, (one & two).ranges, (one - two).ranges) == (union, common, rest)


def test_a_set_is_within_another_when_all_its_integers_are() -> None:
    inner, outer = IntervalSet.of((2, 3), (7, 7)), IntervalSet.of((1, 4), (6, 9))
    assert (inner <= outer, outer <= inner, IntervalSet.empty() <= inner) == (True, False, True)


def test_the_complement_is_what_is_left_of_the_given_range() -> None:
    assert IntervalSet.of((0, 3), (8, 20)).complement(2, 10).ranges == ((4, 7),)


def test_the_complement_of_nothing_is_the_given_range() -> None:
    assert IntervalSet.empty().complement(0, 65535).ranges == ((0, 65535),)


def test_the_union_of_many_sets_is_canonical() -> None:
    singles = [IntervalSet.single(n) for n in (9, 1, 2, 5, 3)]
    assert IntervalSet.union_all(singles).ranges == ((1, 3), (5, 5), (9, 9))


def test_the_size_counts_integers_and_not_ranges() -> None:
    assert IntervalSet.of((1, 3), (10, 10)).size() == 4


def test_the_text_shows_single_values_without_a_dash() -> None:
    assert str(IntervalSet.of((22, 22), (80, 443))) == "22, 80-443"


def test_a_hundred_thousand_ranges_combine_exactly() -> None:
    left = IntervalSet.of(*((n * 10, n * 10 + 4) for n in range(100_000)))
    right = IntervalSet.of(*((n * 10 + 3, n * 10 + 6) for n in range(100_000)))
    sizes = ((left | right).size(), (left & right).size(), (left - right).size())
    assert sizes == (700_000, 200_000, 300_000)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([(1, 5)], [(5, 9)], True), ([(1, 5)], [(6, 9)], False), ([], [(1, 1)], False)],
)
def test_sets_meet_where_they_share_an_integer(one, other, expected) -> None:
    left, right = IntervalSet.of(*one), IntervalSet.of(*other)
    assert (expected, expected) == (left.meets(right), right.meets(left))
