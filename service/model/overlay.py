"""Big immutable mappings of which one differs from another by an entry or a few, without a copy each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

K = TypeVar("K")
V = TypeVar("V")

_SMALL: Final = 64
"""A mapping of so few entries is copied."""
_GONE: Final = object()


class Overlay(Mapping[K, V]):
    """A mapping *under* with some entries set or gone. It never nests: its depth is one.

    Look-ups cost two at most, a change the square root of the size on average.
    """

    __slots__ = ("_changed", "_size", "_under")

    def __init__(self, under: Mapping[K, V], changed: dict[K, object], size: int) -> None:
        """Of the parts; use `with_entry`."""
        self._under = under
        self._changed = changed
        self._size = size

    def __getitem__(self, key: K) -> V:
        found = self._changed.get(key, self)
        if found is self:
            return self._under[key]
        if found is _GONE:
            raise KeyError(key)
        return cast("V", found)

    def __contains__(self, key: object) -> bool:
        found = self._changed.get(cast("K", key), self)
        return key in self._under if found is self else found is not _GONE

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[K]:
        changed = self._changed
        yield from (key for key in self._under if key not in changed)
        yield from (key for key, value in changed.items() if value is not _GONE)

    def __repr__(self) -> str:
        return repr(dict(self))

    def changed(self, key: K, value: object) -> Mapping[K, V]:
        """The mapping with one entry set, or gone for `_GONE`; flat again once many have changed."""
        changed = {name: one for name, one in self._changed.items() if name != key}
        if value is not _GONE or key in self._under:
            changed[key] = value
        size = self._size - (key in self) + (value is not _GONE)
        result: Overlay[K, V] = Overlay(self._under, changed, size)
        return dict(result.items()) if len(changed) ** 2 > size else result


def with_entry(entries: Mapping[K, V], key: K, value: V | None) -> Mapping[K, V]:
    """*entries* with one of them set, or gone for None. The given mapping must not change any more."""
    put = _GONE if value is None else value
    if isinstance(entries, Overlay):
        return entries.changed(key, put)
    if len(entries) > _SMALL:
        return Overlay[K, V](entries, {}, len(entries)).changed(key, put)
    copy = {name: one for name, one in entries.items() if name != key}
    if value is not None:
        copy[key] = value
    return copy
