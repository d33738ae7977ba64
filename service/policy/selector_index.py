"""Indexes of label values: which of many selectors select some labels, and which of many labels one selects.

What a match implies about single labels (`Selector.restrictions`) narrows the search; the selector itself
decides. The narrowest of several restrictions is taken.
Source: felix/labelindex, which does the same for the same reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from service.model.selector import LabelRestriction, Selector

T = TypeVar("T")
_Value = tuple[str, str]


class SelectorIndex(Generic[T]):
    """Things that have a selector, in order; None selects everything."""

    def __init__(self, items: Iterable[tuple[Selector | None, T]]) -> None:
        """The index of *items*."""
        self._items = tuple(items)
        values = [_values(selector) for selector, _ in self._items]
        popularity = Counter(
            (label, value)
            for restricted in values
            for label, allowed in restricted.items()
            for value in allowed
        )
        self._by_value: defaultdict[_Value, list[int]] = defaultdict(list)
        self._others: list[int] = []
        for place, restricted in enumerate(values):
            if not restricted:
                self._others.append(place)
                continue
            label, allowed = min(
                restricted.items(), key=lambda one: sum(popularity[one[0], v] for v in one[1])
            )
            for value in allowed:
                self._by_value[label, value].append(place)

    def matching(self, labels: Mapping[str, str]) -> Iterator[T]:
        """The things whose selector selects *labels*, in their order."""
        places = list(self._others)
        for one in labels.items():
            places += self._by_value.get(one, ())
        for place in sorted(places):
            selector, item = self._items[place]
            if selector is None or selector.matches(labels):
                yield item


def _values(selector: Selector | None) -> dict[str, frozenset[str]]:
    """The values that a match asks of labels, where it asks for some."""
    if selector is None:
        return {}
    return {
        label: one.must_have_one_of_values
        for label, one in selector.restrictions().items()
        if one.must_have_one_of_values is not None
    }


class LabelIndex:
    """Maps of labels, in order, of which some may have labels besides that nobody knows."""

    def __init__(
        self, labels: Sequence[Mapping[str, str]], opened: Iterable[tuple[str, ...]] = ()
    ) -> None:
        """The index of *labels*; *opened* are the prefixes of names that each may have besides."""
        self._every = range(len(labels))
        self._by_value: defaultdict[_Value, list[int]] = defaultdict(list)
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        self._by_prefix: defaultdict[str, list[int]] = defaultdict(list)
        for place, known in enumerate(labels):
            for one in known.items():
                self._by_value[one].append(place)
                self._by_name[one[0]].append(place)
        for place, prefixes in enumerate(opened):
            for prefix in prefixes:
                self._by_prefix[prefix].append(place)

    def candidates(self, selector: Selector) -> Iterable[int]:
        """The places of all labels that *selector* may select, in order."""
        narrowest: Sequence[int] = self._every
        for label, restriction in selector.restrictions().items():
            places = self._places(label, restriction)
            if places is not None and len(places) < len(narrowest):
                narrowest = places
        return narrowest if narrowest is self._every else sorted(set(narrowest))

    def _places(self, label: str, restriction: LabelRestriction) -> Sequence[int] | None:
        values = restriction.must_have_one_of_values
        if values is not None:
            found = [place for one in values for place in self._by_value.get((label, one), ())]
        elif restriction.must_be_present:
            found = [*self._by_name.get(label, ())]
        else:
            return None
        for prefix, places in self._by_prefix.items():
            if label.startswith(prefix):
                found += places
        return found
