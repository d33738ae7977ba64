"""Ordered, reduced interval decision diagrams: Boolean functions of a few bounded integers.

A node tests one variable. Its edges partition the variable's whole domain into closed ranges, given by
their ends, and lead to nodes of higher variables or to a constant; a variable that a path skips does
not matter on it. Neighbouring edges lead to unequal children and a node has at least two edges: so a
function has exactly one diagram, and equal functions are equal nodes. This is the firewall decision
diagram of Gouda and Liu with the sharing of a BDD.

Nodes are immutable and belong to no table, so threads may share them. Each operation remembers, for its
own duration only, which pairs of nodes it has combined: its cost is one merge of the edges of each pair
of nodes that meet. Recursion is as deep as there are variables.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple, final

from service.net.intervals import IntervalSet, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    _Settle = Callable[["Diagram", "Diagram"], "Diagram | None"]
    _Partition = tuple[tuple[int, ...], tuple["Diagram", ...]]


@final
class Node:
    """A test of one variable, reduced: neighbouring children differ, and there are two at least.

    Edge `i` covers what follows the end of edge `i - 1` (or 0) up to `ends[i]` and leads to `children[i]`.
    """

    __slots__ = ("_hash", "children", "ends", "variable")

    def __init__(self, variable: int, ends: tuple[int, ...], children: tuple[Diagram, ...]) -> None:
        self.variable = variable
        self.ends = ends
        self.children = children
        self._hash = hash((variable, ends, children))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        # Unequal nodes part at the cached hash; tuples compare shared children by identity first.
        return (
            isinstance(other, Node)
            and self._hash == other._hash
            and self.variable == other.variable
            and self.ends == other.ends
            and self.children == other.children
        )

    def edges(self) -> Iterator[tuple[Range, Diagram]]:
        """Each edge as its closed range and its child, ascending."""
        start = 0
        for end, child in zip(self.ends, self.children, strict=True):
            yield (start, end), child
            start = end + 1

    def child_at(self, value: int) -> Diagram:
        """The child of the edge that covers *value*, in O(log edges)."""
        return self.children[bisect_left(self.ends, value)]

    def support(self) -> IntervalSet:
        """The values that lead on to anything but false."""
        ranges: list[Range] = []
        start, reaches = 0, False
        for end, child in zip(self.ends, self.children, strict=True):
            if child is not False:
                ranges.append((ranges.pop()[0] if reaches else start, end))
            start, reaches = end + 1, child is not False
        return IntervalSet(tuple(ranges))

    def branches(self) -> dict[Diagram, IntervalSet]:
        """The values that lead to each distinct child, by the lowest of them."""
        ranges: dict[Diagram, list[Range]] = {}
        for one, child in self.edges():
            ranges.setdefault(child, []).append(one)
        return {child: IntervalSet(tuple(ascending)) for child, ascending in ranges.items()}


Diagram = Node | bool
"""A Boolean function: a test or a constant."""

_CONSTANT = 1 << 16
"""What a constant counts as, among variables: after all of them."""
_ENDLESS = 1 << 256
"""The end of an edge that covers any domain."""
_ANY = Node(_CONSTANT, (), ())
"""A stand-in for any function, to ask what an operation does to all."""


class _Edges:
    """The edges of a node in the making, in ascending order and reduced as they come."""

    __slots__ = ("children", "ends")

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.children: list[Diagram] = []

    def append(self, end: int, child: Diagram) -> None:
        """Add one edge; it joins the last where their children are equal."""
        if self.children and (child is self.children[-1] or child == self.children[-1]):
            self.ends[-1] = end
        else:
            self.ends.append(end)
            self.children.append(child)

    def extend(self, ends: Sequence[int], children: Sequence[Diagram]) -> None:
        """Add edges, at least one, that are reduced among themselves, at the speed of copying."""
        self.append(ends[0], children[0])
        self.ends += ends[1:]
        self.children += children[1:]

    def under(self, variable: int) -> Diagram:
        """The diagram of the finished edges: a test of one outcome is that outcome."""
        if len(self.children) == 1:
            return self.children[0]
        return Node(variable, tuple(self.ends), tuple(self.children))


def membership(variable: int, values: IntervalSet, *, top: int, then: Diagram = True) -> Diagram:
    """The function *then* where the variable is one of *values*, within `[0, top]`, and false elsewhere."""
    edges = _Edges()
    for lo, hi in values:
        if lo > 0:
            edges.append(lo - 1, False)
        edges.append(hi, then)
    if not edges.ends or edges.ends[-1] < top:
        edges.append(top, False)
    return edges.under(variable)


def union(left: Diagram, right: Diagram) -> Diagram:
    """The function that is true where either is."""
    return _combined(left, right, _settle_union)


def intersection(left: Diagram, right: Diagram) -> Diagram:
    """The function that is true where both are."""
    return _combined(left, right, _settle_intersection)


def difference(left: Diagram, right: Diagram) -> Diagram:
    """The function that is true where *left* is and *right* is not."""
    return _combined(left, right, _settle_difference)


def complement(one: Diagram) -> Diagram:
    """The function that is true where *one* is not."""
    return _combined(True, one, _settle_difference)  # noqa: FBT003 - the constant function


def union_all(diagrams: Iterable[Diagram]) -> Diagram:
    """The union of *diagrams*, as a balanced tree over the distinct ones; false of none."""
    level: list[Diagram] = [one for one in dict.fromkeys(diagrams) if one is not False]
    while len(level) > 1:
        pairs = [union(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]
    return level[0] if level else False


def exists(diagram: Diagram, variables: Collection[int]) -> Diagram:
    """The function that is true where some values of *variables* make *diagram* true."""
    seen: dict[int, Diagram] = {}

    def without(one: Diagram) -> Diagram:
        if isinstance(one, bool):
            return one
        known = seen.get(id(one))
        if known is None:
            known = seen[id(one)] = descend(one)
        return known

    def descend(one: Node) -> Diagram:
        children = map(without, one.children)
        if one.variable in variables:
            return union_all(children)
        edges = _Edges()
        for end, child in zip(one.ends, children, strict=True):
            edges.append(end, child)
        return edges.under(one.variable)

    return without(diagram)


def tests_of(diagram: Diagram, variable: int) -> list[Node]:
    """Every node of *diagram* that tests *variable*, each once."""
    found: list[Node] = []
    seen: set[int] = set()

    def descend(one: Diagram) -> None:
        if isinstance(one, bool) or one.variable > variable or id(one) in seen:
            return
        seen.add(id(one))
        if one.variable == variable:
            found.append(one)
        else:
            for child in one.children:
                descend(child)

    descend(diagram)
    return found


def _settle_union(left: Diagram, right: Diagram) -> Diagram | None:
    if left is True or right is True:
        return True
    if left is False or left is right:
        return right
    return left if right is False else None


def _settle_intersection(left: Diagram, right: Diagram) -> Diagram | None:
    if left is False or right is False:
        return False
    if left is True or left is right:
        return right
    return left if right is True else None


def _settle_difference(left: Diagram, right: Diagram) -> Diagram | None:
    if left is False or right is True or left is right:
        return False
    return left if right is False else None


def _combined(left: Diagram, right: Diagram, settle: _Settle) -> Diagram:
    """The diagram of a binary operation, of which *settle* knows the cases that need no descent."""
    # Keyed by identity: the operands keep every node that is combined alive.
    seen: dict[tuple[int, int], Diagram] = {}

    def combine(one: Diagram, two: Diagram) -> Diagram:
        settled = settle(one, two)
        if settled is not None:
            return settled
        key = (id(one), id(two))
        known = seen.get(key)
        if known is None:
            known = seen[key] = descend(one, two)
        return known

    def descend(one: Diagram, two: Diagram) -> Diagram:
        variable = min(_variable(one), _variable(two))
        one_edges, two_edges = _split(one, variable), _split(two, variable)
        if len(one_edges[0]) >= len(two_edges[0]):
            return _overlay(one_edges, two_edges, _Pairing(settle, combine)).under(variable)
        mirrored = _Pairing(lambda a, b: settle(b, a), lambda a, b: combine(b, a))
        return _overlay(two_edges, one_edges, mirrored).under(variable)

    return combine(left, right)


class _Pairing(NamedTuple):
    """What becomes of two children: without descent, where that is possible, and in any case."""

    settle: _Settle
    combine: Callable[[Diagram, Diagram], Diagram]


def _variable(one: Diagram) -> int:
    return one.variable if isinstance(one, Node) else _CONSTANT


def _split(one: Diagram, variable: int) -> _Partition:
    """The edges of *one* by *variable*: one edge without end where it does not test it."""
    if isinstance(one, Node) and one.variable == variable:
        return one.ends, one.children
    return (_ENDLESS,), (one,)


def _overlay(wide: _Partition, narrow: _Partition, pairing: _Pairing) -> _Edges:
    """The edges of the common refinement of two partitions of a domain.

    Under an edge of *narrow* whose child is neutral to the operation, such as false in a union, those of
    *wide* stay as they are and are copied in bulk: a small set is taken from a huge one at copying speed.
    """
    wide_ends, wide_children = wide
    edges = _Edges()
    append, settle, combine = edges.append, pairing.settle, pairing.combine
    at = 0
    for narrow_end, child in zip(*narrow, strict=True):
        end = min(narrow_end, wide_ends[-1])
        last = bisect_left(wide_ends, end, at)
        outcome = settle(_ANY, child)
        if outcome is _ANY:
            if last > at:
                edges.extend(wide_ends[at:last], wide_children[at:last])
            append(end, wide_children[last])
        elif outcome is not None:
            append(end, outcome)
        else:
            for one_end, one in zip(wide_ends[at:last], wide_children[at:last], strict=True):
                append(one_end, combine(one, child))
            append(end, combine(wide_children[last], child))
        at = last + (wide_ends[last] == end)
    return edges
