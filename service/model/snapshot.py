"""The immutable cluster: every object that was read, and those that are in effect, by type."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from service.model.kind import kinds
from service.model.overlay import with_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.model.meta import Decoded
    from service.model.refs import ObjectRef

T = TypeVar("T")
_KindKey = tuple[str, str]
_NOTHING: Mapping[ObjectRef, Any] = MappingProxyType({})


class Operation(StrEnum):
    """What a change does to an object; the words of AdmissionReview."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after a request: ``before`` is None for CREATE, ``after`` for DELETE."""

    operation: Operation
    before: Decoded[object] | None
    after: Decoded[object] | None

    @property
    def ref(self) -> ObjectRef:
        """The object that changes."""
        decoded = self.after or self.before
        if decoded is None:
            raise ValueError("a change has an object before it or after it")
        return decoded.ref


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Objects of one moment; equal content gives an equal `digest`, whatever order it was read in.

    ``maps`` holds the objects in effect by type; a map that a change does not touch stays the *same*
    object in the changed snapshot, so that caches keyed on its identity stay valid. ``replaced`` are
    objects that a later one of the same name replaced, as `kubectl apply` would.
    """

    maps: Mapping[type, Mapping[ObjectRef, Any]] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    replaced: tuple[Decoded[object], ...] = ()
    revision: str = ""
    _by_kind: Mapping[_KindKey, Mapping[ObjectRef, Decoded[object]]] = field(default_factory=dict)
    _faulty: Mapping[ObjectRef, Decoded[object]] = field(default_factory=dict, repr=False)
    _digest: list[str] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        decoded: Iterable[Decoded[object]],
        *,
        revision: str = "",
        skipped: Mapping[str, int] | None = None,
    ) -> Snapshot:
        """The snapshot of *decoded*; a later object replaces an earlier one of the same reference."""
        by_kind: dict[_KindKey, dict[ObjectRef, Decoded[object]]] = {}
        replaced = []
        for one in decoded:
            of_kind = by_kind.setdefault(_kind_key(one.ref), {})
            earlier = of_kind.get(one.ref)
            if earlier is not None:
                replaced.append(earlier)
            of_kind[one.ref] = one
        maps: dict[type, dict[ObjectRef, object]] = {}
        for one in chain.from_iterable(of_kind.values() for of_kind in by_kind.values()):
            if one.in_effect:
                maps.setdefault(type(one.obj), {})[one.ref] = one.obj
        every = chain.from_iterable(of_kind.values() for of_kind in by_kind.values())
        faulty = {one.ref: one for one in every if one.problems}
        return cls(maps, dict(skipped or {}), tuple(replaced), revision, by_kind, faulty)

    def all(self, kind: type[T]) -> Mapping[ObjectRef, T]:
        """The objects of type *kind* that are in effect, by reference."""
        return cast("Mapping[ObjectRef, T]", self.maps.get(kind, _NOTHING))

    def get(self, kind: type[T], name: str, namespace: str = "") -> T | None:
        """The object in effect of that type and name, or None where there is none.

        An object in a namespace is found with its namespace only.
        """
        objects = self.all(kind)
        refs = (
            one.ref(name, namespace)
            for one in kinds()
            if one.type is kind and one.namespaced == bool(namespace)
        )
        return next((objects[ref] for ref in refs if ref in objects), None)

    def find(self, ref: ObjectRef) -> Decoded[object] | None:
        """The object of that reference as it was read, in effect or not; None where there is none."""
        return self._by_kind.get(_kind_key(ref), _NOTHING).get(ref)

    def decoded(self) -> Iterator[Decoded[object]]:
        """Every object as it was read, sorted by reference; O(n log n)."""
        for key in sorted(self._by_kind):
            of_kind = self._by_kind[key]
            yield from (of_kind[ref] for ref in sorted(of_kind))

    def problems(self) -> Iterator[Decoded[object]]:
        """The objects with problems, sorted by reference; then the replaced ones among them."""
        standing = sorted(self._faulty.values(), key=lambda one: one.ref)
        return (one for one in chain(standing, self.replaced) if one.problems)

    def with_change(self, change: Change) -> Snapshot:
        """The snapshot after *change*: at the cost of an entry, all maps that it leaves alone are shared."""
        ref = change.ref
        by_kind = _replaced(self._by_kind, _kind_key(ref), ref=ref, value=change.after)
        maps = self.maps
        before = self.find(ref)
        after = change.after
        if before is not None and before.in_effect:
            maps = _replaced(maps, type(before.obj), ref=ref, value=None)
        if after is not None and after.in_effect:
            maps = _replaced(maps, type(after.obj), ref=ref, value=after.obj)
        faulty = self._faulty
        if after is not None and after.problems:
            faulty = with_entry(faulty, ref, after)
        elif ref in faulty:
            faulty = with_entry(faulty, ref, None)
        return Snapshot(maps, self.skipped, self.replaced, self.revision, by_kind, faulty)

    @property
    def digest(self) -> str:
        """Sha256 (hex) over the canonical JSON of all objects as read; computed once, when asked."""
        if not self._digest:
            digest = hashlib.sha256()
            for one in self.decoded():
                digest.update(str(one.ref).encode())
                digest.update(json.dumps(one.raw, sort_keys=True, default=str).encode())
            self._digest.append(digest.hexdigest())
        return self._digest[0]


def _kind_key(ref: ObjectRef) -> _KindKey:
    return ref.group, ref.kind


K = TypeVar("K")
V = TypeVar("V")


def _replaced(
    maps: Mapping[K, Mapping[ObjectRef, V]], key: K, *, ref: ObjectRef, value: V | None
) -> Mapping[K, Mapping[ObjectRef, V]]:
    """*maps* with one entry of one map set, or gone for None; an empty map goes with it."""
    changed = with_entry(maps.get(key, _NOTHING), ref, value)
    result = {**maps, key: changed}
    if not changed:
        del result[key]
    return result
