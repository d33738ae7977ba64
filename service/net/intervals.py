"""Exact sets of integers as sorted closed ranges."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""A closed range `(lo, hi)` with `lo <= hi`."""


@dataclass(frozen=True, slots=True)
class IntervalSet:
    """An immutable set of integers; equal sets have equal `ranges`.

    `ranges` are sorted, disjoint and non-adjacent: `lo[i] <= hi[i] < lo[i + 1] - 1`. The constructor
    trusts its argument to be so; `of` accepts ranges in any order. Binary operations are one linear
    merge, membership is a bisection.
    """

    ranges: tuple[Range, ...]

    EMPTY: ClassVar[IntervalSet]

    @staticmethod
    def of(*ranges: Range) -> IntervalSet:
        """The union of *ranges*, which may overlap and come in any order.

        Raises: ValueError for a range whose end precedes its start.
        """
        for lo, hi in ranges:
            if lo > hi:
                detail = f"a range must not end before it starts: {lo}-{hi}"
                raise ValueError(detail)
        return _coalesced(sorted(ranges))

    @staticmethod
    def single(value: int) -> IntervalSet:
        """The set of one integer."""
        return IntervalSet(((value, value),))

    @staticmethod
    def empty() -> IntervalSet:
        """The set of no integer."""
        return IntervalSet.EMPTY

    @staticmethod
    def union_all(sets: Iterable[IntervalSet]) -> IntervalSet:
        """The union of *sets* by one sort of all their ranges: O(n log n) however many sets."""
        return _coalesced(sorted(chain.from_iterable(one.ranges for one in sets)))

    def __or__(self, other: IntervalSet) -> IntervalSet:
        """The integers of either set."""
        if not other.ranges:
            return self
        if not self.ranges:
            return other
        # Two ascending runs: timsort merges them in linear time.
        return _coalesced(sorted(self.ranges + other.ranges))

    def __and__(self, other: IntervalSet) -> IntervalSet:
        """The integers of both sets."""
        return IntervalSet(tuple(_common(self.ranges, other.ranges)))

    def __sub__(self, other: IntervalSet) -> IntervalSet:
        """The integers of this set that are not in *other*."""
        if not self.ranges or not other.ranges:
            return self
        return self & other.complement(self.ranges[0][0], self.ranges[-1][1])

    def __le__(self, other: IntervalSet) -> bool:
        """Whether every integer of this set is in *other*."""
        return self & other == self

    def meets(self, other: IntervalSet) -> bool:
        """Whether any integer is in both sets; O(m log n), m being the ranges of the smaller one."""
        few, many = sorted((self.ranges, other.ranges), key=len)
        for lo, hi in few:
            at = bisect_right(many, hi, key=_low)
            if at > 0 and many[at - 1][1] >= lo:
                return True
        return False

    def __contains__(self, value: int) -> bool:
        """Whether *value* is in the set, in O(log n)."""
        at = bisect_right(self.ranges, value, key=_low)
        return at > 0 and value <= self.ranges[at - 1][1]

    def __bool__(self) -> bool:
        """Whether the set has any integer."""
        return bool(self.ranges)

    def __iter__(self) -> Iterator[Range]:
        """The ranges in ascending order."""
        return iter(self.ranges)

    def __str__(self) -> str:
        """The ranges as text, such as `22, 80-443`."""
        return ", ".join(str(lo) if lo == hi else f"{lo}-{hi}" for lo, hi in self.ranges)

    def size(self) -> int:
        """The number of integers in the set."""
        return sum(hi - lo + 1 for lo, hi in self.ranges)

    def complement(self, lo: int, hi: int) -> IntervalSet:
        """The integers of `[lo, hi]` that are not in the set."""
        return IntervalSet(tuple(_gaps(self.ranges, lo, hi)))


IntervalSet.EMPTY = IntervalSet(())


def _low(one: Range) -> int:
    return one[0]


def _coalesced(ascending: Iterable[Range]) -> IntervalSet:
    """The set of the ranges of *ascending*, sorted by start; overlapping and adjacent ones joined."""
    ranges: list[Range] = []
    last_hi: int | None = None
    for lo, hi in ascending:
        if last_hi is None or lo > last_hi + 1:
            ranges.append((lo, hi))
            last_hi = hi
        elif hi > last_hi:
            ranges[-1] = (ranges[-1][0], hi)
            last_hi = hi
    return IntervalSet(tuple(ranges))


def _common(left: tuple[Range, ...], right: tuple[Range, ...]) -> Iterator[Range]:
    """The overlaps of two canonical tuples, ascending; O(n + m).

    Two overlaps cannot touch, for then one side would hold two adjacent ranges.
    """
    i = j = 0
    while i < len(left) and j < len(right):
        left_lo, left_hi = left[i]
        right_lo, right_hi = right[j]
        if left_hi < right_lo:
            i += 1
        elif right_hi < left_lo:
            j += 1
        elif left_hi <= right_hi:
            yield (left[i] if left_lo >= right_lo else (right_lo, left_hi))
            i += 1
        else:
            yield (right[j] if right_lo >= left_lo else (left_lo, right_hi))
            j += 1


def _gaps(ranges: tuple[Range, ...], lo: int, hi: int) -> Iterator[Range]:
    """The parts of `[lo, hi]` between the *ranges*, ascending."""
    start = lo
    for range_lo, range_hi in ranges:
        if range_lo > hi:
            break
        if range_lo > start:
            yield start, range_lo - 1
        start = max(start, range_hi + 1)
    if start <= hi:
        yield start, hi
