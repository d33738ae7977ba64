"""Exact sets of packets of one address family, and the bounds of a set that is not exactly known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Self

from service.net import diagram
from service.net.diagram import Diagram, Node
from service.net.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from service.net.prefixes import Family


class Field(IntEnum):
    """A header field, numbered in the order in which diagrams test them.

    Few values first, so that paths stay few; sources last, because questions ask for them.
    A packet has a value in every field: one that its protocol lacks is a value that no rule looks at.
    """

    PROTOCOL = 0
    DST_PORT = 1
    SRC_PORT = 2
    ICMP_TYPE = 3
    ICMP_CODE = 4
    DST = 5
    SRC = 6

    def top(self, family: Family) -> int:
        """The highest value of the field; the lowest is 0."""
        return _TOPS.get(self) or family.max_address


_TOPS = {
    Field.PROTOCOL: 255,
    Field.DST_PORT: 65535,
    Field.SRC_PORT: 65535,
    Field.ICMP_TYPE: 255,
    Field.ICMP_CODE: 255,
}
_DOMAINS = {field: IntervalSet.of((0, top)) for field, top in _TOPS.items()}


@dataclass(frozen=True, slots=True, repr=False)
class HeaderSpace:
    """An immutable set of packets of one family; equal sets are equal values.

    Sets of different families do not combine: ValueError.
    """

    family: Family
    _root: Diagram

    @classmethod
    def everything(cls, family: Family) -> Self:
        """All packets of *family*."""
        return cls(family, _root=True)

    @classmethod
    def nothing(cls, family: Family) -> Self:
        """No packet."""
        return cls(family, _root=False)

    @classmethod
    def box(cls, family: Family, fields: Mapping[Field, IntervalSet]) -> Self:
        """The packets whose every field in *fields* has one of the values there; other fields are free.

        Raises: ValueError for a value outside the field's domain.
        """
        root: Diagram = True
        for field in sorted(fields, reverse=True):
            values, top = fields[field], field.top(family)
            if values and (values.ranges[0][0] < 0 or values.ranges[-1][1] > top):
                raise ValueError(f"{field.name} takes 0-{top}, not {values}")
            root = diagram.membership(field, values, top=top, then=root)
        return cls(family, root)

    @classmethod
    def union_all(cls, family: Family, spaces: Iterable[HeaderSpace]) -> Self:
        """The union of *spaces*, combined as a balanced tree."""
        return cls(family, diagram.union_all(_root_in(family, space) for space in spaces))

    def __or__(self, other: HeaderSpace) -> Self:
        """The packets of either set."""
        return type(self)(self.family, diagram.union(self._root, _root_in(self.family, other)))

    def __and__(self, other: HeaderSpace) -> Self:
        """The packets of both sets."""
        return type(self)(
            self.family, diagram.intersection(self._root, _root_in(self.family, other))
        )

    def __sub__(self, other: HeaderSpace) -> Self:
        """The packets of this set that are not in *other*."""
        return type(self)(self.family, diagram.difference(self._root, _root_in(self.family, other)))

    def __invert__(self) -> Self:
        """The packets of the family that are not in this set."""
        return type(self)(self.family, diagram.complement(self._root))

    def __le__(self, other: HeaderSpace) -> bool:
        """Whether every packet of this set is in *other*."""
        return diagram.difference(self._root, _root_in(self.family, other)) is False

    def __bool__(self) -> bool:
        """Whether the set has any packet."""
        return self._root is not False

    def __repr__(self) -> str:
        """A few of the boxes; whole spaces run to megabytes."""
        boxes = [
            " ".join(f"{field.name}={values}" for field, values in box.items()) or "everything"
            for box, _ in zip(self.boxes(), range(3), strict=False)
        ]
        return f"<HeaderSpace {self.family.name} {'; '.join(boxes) or 'nothing'}>"

    def restrict(self, field: Field, values: IntervalSet) -> Self:
        """The packets of the set whose *field* has one of *values*."""
        return self & self.box(self.family, {field: values})

    def project(self, field: Field) -> IntervalSet:
        """The values of *field* that some packet of the set has."""
        others = [other for other in Field if other is not field]
        root = diagram.exists(self._root, others)
        if isinstance(root, Node):
            return root.branches()[True]
        return IntervalSet.of((0, field.top(self.family))) if root else IntervalSet.empty()

    def protocols_and_ports(self) -> tuple[IntervalSet, IntervalSet]:
        """Protocols and destination ports such that each packet of the set has one of either.

        O(edges of the first two tests): a quick bound, which `project` makes exact.
        """
        root, protocols = self._root, _DOMAINS[Field.PROTOCOL]
        if isinstance(root, Node) and root.variable == Field.PROTOCOL:
            protocols = root.support()
            rest = {child for child in root.children if child is not False}
            root = rest.pop() if len(rest) == 1 else True
        if isinstance(root, Node) and root.variable == Field.DST_PORT:
            return protocols, root.support()
        return protocols, _DOMAINS[Field.DST_PORT]

    def forget(self, *fields: Field) -> Self:
        """The packets that differ from one of the set at most in *fields*."""
        return type(self)(self.family, diagram.exists(self._root, fields))

    def told_apart(self, field: Field, groups: dict[int, int]) -> dict[int, int]:
        """*groups* of values of *field*, by number, parted where the set tells their values apart."""
        for node in diagram.tests_of(self._root, field):
            numbers: dict[tuple[int, Diagram], int] = {}
            groups = {
                value: numbers.setdefault((group, node.child_at(value)), len(numbers))
                for value, group in groups.items()
            }
        return groups

    def boxes(self) -> Iterator[dict[Field, IntervalSet]]:
        """Disjoint boxes that together are the set; each names only the fields that it constrains.

        Values of a field that lead to the same rest share a box. Ascending by field, then by lowest value.
        """
        return _boxes(self._root)

    def contains(self, fields: Mapping[Field, int]) -> bool:
        """Whether the packet of these values is in the set.

        Raises: KeyError if the answer hangs on a field that *fields* leaves out.
        """
        root = self._root
        while isinstance(root, Node):
            root = root.child_at(fields[Field(root.variable)])
        return root

    def sample(self, prefer: Mapping[Field, Sequence[int]] | None = None) -> dict[Field, int]:
        """One packet of the set, always the same, with a value for every field.

        Field by field in diagram order: the first preferred value with which some packet of the set
        still agrees, else the lowest such value.

        Raises: ValueError if the set is empty.
        """
        root = self._root
        if root is False:
            raise ValueError("no packet is in an empty set")
        packet: dict[Field, int] = {}
        for field in Field:
            top = field.top(self.family)
            wanted = [value for value in (prefer or {}).get(field, ()) if 0 <= value <= top]
            if isinstance(root, Node) and root.variable == field:
                packet[field], root = _step(root, wanted)
            else:
                packet[field] = wanted[0] if wanted else 0
        return packet


def _root_in(family: Family, space: HeaderSpace) -> Diagram:
    if space.family is not family:
        raise ValueError(f"{family.name} and {space.family.name} packets do not combine")
    return space._root  # noqa: SLF001 - this module is the class


def _boxes(root: Diagram) -> Iterator[dict[Field, IntervalSet]]:
    if isinstance(root, Node):
        for child, values in root.branches().items():
            for rest in _boxes(child):
                yield {Field(root.variable): values, **rest}
    elif root:
        yield {}


def _step(root: Node, wanted: Sequence[int]) -> tuple[int, Diagram]:
    """A value of the tested field that leads on, *wanted* ones first, and where it leads."""
    for value in wanted:
        child = root.child_at(value)
        if child is not False:
            return value, child
    # A reduced node has two different children, so one of the first two edges leads on.
    return next((lo, child) for (lo, _), child in root.edges() if child is not False)


@dataclass(frozen=True, slots=True)
class Bounds:
    """A set of packets known to lie between two: `must <= truth <= may`.

    Raises: ValueError on construction where `must` is not within `may`.
    """

    must: HeaderSpace
    may: HeaderSpace

    def __post_init__(self) -> None:
        """Refuse bounds that no set can keep."""
        if self.must is not self.may and not self.must <= self.may:
            raise ValueError(f"{self.must!r} is not within {self.may!r}")

    @classmethod
    def exact(cls, space: HeaderSpace) -> Self:
        """The bounds of a set that is known."""
        return cls(space, space)

    @classmethod
    def union_all(cls, family: Family, spaces: Iterable[Bounds]) -> Self:
        """The bounds of the union of *spaces*; of nothing for none."""
        every = tuple(spaces)
        return cls(
            HeaderSpace.union_all(family, (one.must for one in every)),
            HeaderSpace.union_all(family, (one.may for one in every)),
        )

    @property
    def is_exact(self) -> bool:
        """Whether only one set lies between the bounds."""
        return self.must is self.may or self.must == self.may

    def __and__(self, other: Bounds) -> Self:
        """The bounds of the intersection."""
        must = self.must & other.must
        return type(self)(must, must if self._known_with(other) else self.may & other.may)

    def __or__(self, other: Bounds) -> Self:
        """The bounds of the union."""
        must = self.must | other.must
        return type(self)(must, must if self._known_with(other) else self.may | other.may)

    def __sub__(self, other: Bounds) -> Self:
        """The bounds of what is in this set and not in *other*."""
        must = self.must - other.may
        return type(self)(must, must if self._known_with(other) else self.may - other.must)

    def __invert__(self) -> Self:
        """The bounds of the complement."""
        must = ~self.may
        return type(self)(must, must if self.is_exact else ~self.must)

    def _known_with(self, other: Bounds) -> bool:
        """Whether both sets are known, so that one computation serves both bounds."""
        return self.is_exact and other.is_exact
