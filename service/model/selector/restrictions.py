"""What a match of a selector implies about single labels, and how such implications combine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class LabelRestriction:
    """What a match implies about one label.

    `must_have_one_of_values` is None where any value will do, and empty where none does, as in
    `a == "b" && a == "c"`. Where a label must be both present and absent, too, nothing matches.
    Source: libcalico-go/lib/selector/parser/ast.go LabelRestriction.
    """

    must_be_present: bool = False
    must_be_absent: bool = False
    must_have_one_of_values: frozenset[str] | None = None

    def __and__(self, other: LabelRestriction) -> LabelRestriction:
        """What two restrictions that both hold say together."""
        mine, theirs = self.must_have_one_of_values, other.must_have_one_of_values
        if mine is None or theirs is None:
            values = theirs if mine is None else mine
        else:
            values = mine & theirs
        return LabelRestriction(
            must_be_present=self.must_be_present or other.must_be_present,
            must_be_absent=self.must_be_absent or other.must_be_absent,
            must_have_one_of_values=values,
        )

    def __or__(self, other: LabelRestriction) -> LabelRestriction:
        """What surely holds where one of two restrictions does."""
        mine, theirs = self.must_have_one_of_values, other.must_have_one_of_values
        return LabelRestriction(
            must_be_present=self.must_be_present and other.must_be_present,
            must_be_absent=self.must_be_absent and other.must_be_absent,
            must_have_one_of_values=None if mine is None or theirs is None else mine | theirs,
        )


_FREE = LabelRestriction()


def all_of(implied: Iterable[dict[str, LabelRestriction]]) -> dict[str, LabelRestriction]:
    """What a conjunction implies: everything that an operand does."""
    merged: dict[str, LabelRestriction] = {}
    for restrictions in implied:
        for label, restriction in restrictions.items():
            merged[label] = merged.get(label, _FREE) & restriction
    return merged


def any_of(implied: Iterable[dict[str, LabelRestriction]]) -> dict[str, LabelRestriction]:
    """What a disjunction implies: what every operand does."""
    return reduce(_common, implied)


def _common(
    left: dict[str, LabelRestriction], right: dict[str, LabelRestriction]
) -> dict[str, LabelRestriction]:
    shared = {label: left[label] | right[label] for label in left if label in right}
    return {label: restriction for label, restriction in shared.items() if restriction != _FREE}
