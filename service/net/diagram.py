"""Ordered, reduced interval decision diagrams: Boolean functions of a few bounded integers.

A node tests one variable. Its edges partition the variable's whole domain into closed ranges, given by
their ends, and lead to nodes of higher variables or to a constant; a variable that a path skips does
not matter on it. Neighbouring edges lead to unequal children and a node has at least two edges: so a
function has exactly one diagram, and equal functions are equal nodes. This is the firewall decision
diagram of Gouda and Liu with the sharing of a BDD.

Nodes are immutable and belong to no table, so threads may share them. Each operation remembers, for its
own duration only, which pairs of nodes it has combined: its cost is a linear merge of the edges of each
pair of nodes that meet. Recursion is as deep as there are variables.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, final

from service.net.intervals import IntervalSet, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    _Settle = Callable[["Diagram", "Diagram"], "Diagram | None"]


@final
class Node:
    """A test of one variable, reduced; made by `node` only.

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
        if self is other:
            return True
        # Unequal nodes part at the cached hash; equal ones compare shared children by identity.
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


def node(variable: int, ends: Sequence[int], children: Iterable[Diagram]) -> Diagram:
    """The reduced diagram of a test: equal neighbours joined, a test of one outcome left out. O(n)."""
    kept_ends: list[int] = []
    kept: list[Diagram] = []
    last: Diagram | None = None
    for end, child in zip(ends, children, strict=True):
        if child is last or child == last:
            kept_ends[-1] = end
        else:
            kept_ends.append(end)
            kept.append(child)
            last = child
    if len(kept) == 1:
        return kept[0]
    return Node(variable, tuple(kept_ends), tuple(kept))


def membership(variable: int, values: IntervalSet, *, top: int, then: Diagram = True) -> Diagram:
    """The function *then* where the variable is one of *values*, within `[0, top]`, and false elsewhere."""
    ends: list[int] = []
    children: list[Diagram] = []
    for lo, hi in values:
        if lo > 0:
            ends.append(lo - 1)
            children.append(False)
        ends.append(hi)
        children.append(then)
    if not ends or ends[-1] < top:
        ends.append(top)
        children.append(False)
    return node(variable, ends, children)


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
            children = [without(child) for child in one.children]
            freed = one.variable in variables
            known = union_all(children) if freed else node(one.variable, one.ends, children)
            seen[id(one)] = known
        return known

    return without(diagram)


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

    def descend(one: Diagram, two: Diagram) -> Diagram:
        key = (id(one), id(two))
        known = seen.get(key)
        if known is None:
            variable = min(_variable(one), _variable(two))
            ends, pairs = _overlay(_split(one, variable), _split(two, variable))
            children: list[Diagram] = []
            for pair in pairs:
                settled = settle(*pair)
                children.append(descend(*pair) if settled is None else settled)
            known = seen[key] = node(variable, ends, children)
        return known

    settled = settle(left, right)
    return descend(left, right) if settled is None else settled


def _variable(one: Diagram) -> int:
    return one.variable if isinstance(one, Node) else _CONSTANT


def _split(one: Diagram, variable: int) -> tuple[tuple[int, ...], tuple[Diagram, ...]]:
    """The edges of *one* by *variable*: one edge without end where it does not test it."""
    if isinstance(one, Node) and one.variable == variable:
        return one.ends, one.children
    return (_ENDLESS,), (one,)


def _overlay(
    one: tuple[tuple[int, ...], tuple[Diagram, ...]],
    two: tuple[tuple[int, ...], tuple[Diagram, ...]],
) -> tuple[list[int], list[tuple[Diagram, Diagram]]]:
    """The common refinement of two partitions of a domain: the end and the two children of each part."""
    one_ends, one_children = one
    two_ends, two_children = two
    ends: list[int] = []
    pairs: list[tuple[Diagram, Diagram]] = []
    i = j = 0
    while i < len(one_ends) and j < len(two_ends):
        one_end, two_end = one_ends[i], two_ends[j]
        pairs.append((one_children[i], two_children[j]))
        if one_end < two_end:
            ends.append(one_end)
            i += 1
        elif two_end < one_end:
            ends.append(two_end)
            j += 1
        else:
            ends.append(one_end)
            i += 1
            j += 1
    return ends, pairs
