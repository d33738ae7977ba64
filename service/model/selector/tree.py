"""The tree of a selector: what it matches, how Calico prints it, what it demands of labels.

Label maps are plain `Mapping[str, str]`; whoever calls has settled inheritance and prefixes.
Source: libcalico-go/lib/selector/parser/ast.go.
"""

# ruff: noqa: D102 - what a method of the tree returns is said once, by Selector

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from service.model.selector.restrictions import LabelRestriction, all_of, any_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping


@dataclass(frozen=True, slots=True)
class AbsentLabels:
    """The labels that an object surely lacks: those named, and all that start with a prefix."""

    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def __contains__(self, label: object) -> bool:
        """Whether *label* is surely absent."""
        return label in self.names or (isinstance(label, str) and label.startswith(self.prefixes))


class Selector(ABC):
    """A Boolean function of labels; immutable, equal where the trees are equal."""

    __slots__ = ()

    @abstractmethod
    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with exactly these labels is selected."""

    @abstractmethod
    def match_unknown(
        self, known: Mapping[str, str], absent: Container[str] = frozenset()
    ) -> bool | None:
        """Whether an object is selected of which only some labels are known; None where that may vary.

        It has the labels of *known*, lacks every other label that is in *absent*, and may have any label
        besides. The logic is Kleene's: an answer holds for every such object, but None is also given
        for the few that no label could change, such as `has(a) || !has(a)`.
        """

    @abstractmethod
    def canonical(self) -> str:
        """The text that Calico prints for the tree; it parses to an equal one.

        A value that holds both kinds of quotes cannot be written; no parsed selector has one.
        """

    @abstractmethod
    def labels(self) -> frozenset[str]:
        """The names of all labels that the selector looks at."""

    @abstractmethod
    def restrictions(self) -> dict[str, LabelRestriction]:
        """What a match implies about single labels, for an index to narrow its search by.

        Sound and not complete: an object that keeps them need not match.
        """

    @abstractmethod
    def rewritten(self, leaf: Callable[[Selector], Selector]) -> Selector:
        """The same tree with each of its leaves replaced by what *leaf* makes of it."""

    def prefixed(self, prefix: str) -> Selector:
        """The selector with *prefix* put before every label name in it."""
        return self.rewritten(
            lambda leaf: leaf.renamed(prefix) if isinstance(leaf, LabelTest) else leaf
        )

    def replace_all(self, by: Selector) -> Selector:
        """The selector with every literal `all()` replaced."""
        return self.rewritten(lambda leaf: by if isinstance(leaf, All) else leaf)

    def replace_global(self, by: Selector) -> Selector:
        """The selector with every literal `global()` replaced."""
        return self.rewritten(lambda leaf: by if isinstance(leaf, Global) else leaf)

    def __str__(self) -> str:
        return self.canonical()


@dataclass(frozen=True, slots=True)
class _Constant(Selector):
    """A leaf that selects everything, whatever it was written for."""

    TEXT: ClassVar[str]

    def matches(self, labels: Mapping[str, str]) -> bool:  # noqa: ARG002 - of no labels at all
        return True

    def match_unknown(
        self,
        known: Mapping[str, str],  # noqa: ARG002 - as above
        absent: Container[str] = frozenset(),  # noqa: ARG002 - as above
    ) -> bool | None:
        return True

    def canonical(self) -> str:
        return self.TEXT

    def labels(self) -> frozenset[str]:
        return frozenset()

    def restrictions(self) -> dict[str, LabelRestriction]:
        return {}

    def rewritten(self, leaf: Callable[[Selector], Selector]) -> Selector:
        return leaf(self)


class All(_Constant):
    """`all()`."""

    __slots__ = ()
    TEXT = "all()"


class Global(_Constant):
    """`global()`: like `all()`, until a namespace selector's rewriting gives it its meaning."""

    __slots__ = ()
    TEXT = "global()"


@dataclass(frozen=True, slots=True)
class LabelTest(Selector):
    """A leaf that looks at one label."""

    label: str

    def match_unknown(
        self, known: Mapping[str, str], absent: Container[str] = frozenset()
    ) -> bool | None:
        if self.label in known or self.label in absent:
            return self.matches(known)
        return None

    def labels(self) -> frozenset[str]:
        return frozenset((self.label,))

    def restrictions(self) -> dict[str, LabelRestriction]:
        return {self.label: LabelRestriction(must_be_present=True)}

    def rewritten(self, leaf: Callable[[Selector], Selector]) -> Selector:
        return leaf(self)

    def renamed(self, prefix: str) -> LabelTest:
        """The same test of the label that has *prefix* before its name."""
        return replace(self, label=prefix + self.label)


class Has(LabelTest):
    """`has(label)`: the label is present."""

    __slots__ = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.label in labels

    def canonical(self) -> str:
        return f"has({self.label})"


@dataclass(frozen=True, slots=True)
class _ValueTest(LabelTest):
    """A comparison of a label with one string."""

    OPERATOR: ClassVar[str]

    value: str

    def canonical(self) -> str:
        return f"{self.label} {self.OPERATOR} {_quoted(self.value)}"


class Equals(_ValueTest):
    """`label == "value"`; false where the label is absent."""

    __slots__ = ()
    OPERATOR = "=="

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.label) == self.value

    def restrictions(self) -> dict[str, LabelRestriction]:
        return _one_of(self.label, frozenset((self.value,)))


class NotEquals(_ValueTest):
    """`label != "value"`; true where the label is absent."""

    __slots__ = ()
    OPERATOR = "!="

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.label) != self.value

    def restrictions(self) -> dict[str, LabelRestriction]:
        return {}


class Contains(_ValueTest):
    """`label contains "part"`; false where the label is absent."""

    __slots__ = ()
    OPERATOR = "contains"

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label)
        return value is not None and self.value in value


class StartsWith(_ValueTest):
    """`label starts with "part"`; false where the label is absent."""

    __slots__ = ()
    OPERATOR = "starts with"

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label)
        return value is not None and value.startswith(self.value)


class EndsWith(_ValueTest):
    """`label ends with "part"`; false where the label is absent."""

    __slots__ = ()
    OPERATOR = "ends with"

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label)
        return value is not None and value.endswith(self.value)


@dataclass(frozen=True, slots=True)
class _SetTest(LabelTest):
    """A search for a label's value in a set."""

    OPERATOR: ClassVar[str]

    values: frozenset[str]

    def canonical(self) -> str:
        values = ", ".join(map(_quoted, sorted(self.values)))
        return f"{self.label} {self.OPERATOR} {{{values}}}"


class In(_SetTest):
    """`label in {"value", ...}`; false where the label is absent."""

    __slots__ = ()
    OPERATOR = "in"

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.label) in self.values

    def restrictions(self) -> dict[str, LabelRestriction]:
        return _one_of(self.label, self.values)


class NotIn(_SetTest):
    """`label not in {"value", ...}`; true where the label is absent."""

    __slots__ = ()
    OPERATOR = "not in"

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.label) not in self.values

    def restrictions(self) -> dict[str, LabelRestriction]:
        return {}


@dataclass(frozen=True, slots=True)
class Not(Selector):
    """`!operand`."""

    operand: Selector

    def matches(self, labels: Mapping[str, str]) -> bool:
        return not self.operand.matches(labels)

    def match_unknown(
        self, known: Mapping[str, str], absent: Container[str] = frozenset()
    ) -> bool | None:
        found = self.operand.match_unknown(known, absent)
        return None if found is None else not found

    def canonical(self) -> str:
        return f"!{self.operand.canonical()}"

    def labels(self) -> frozenset[str]:
        return self.operand.labels()

    def restrictions(self) -> dict[str, LabelRestriction]:
        if isinstance(self.operand, Has):
            return {self.operand.label: LabelRestriction(must_be_absent=True)}
        return {}

    def rewritten(self, leaf: Callable[[Selector], Selector]) -> Selector:
        return Not(self.operand.rewritten(leaf))


@dataclass(frozen=True, slots=True)
class _Junction(Selector):
    """Operands joined by one connective; nested ones stay nested, as written.

    `DECIDES` is the operand's answer that settles the whole.
    """

    CONNECTIVE: ClassVar[str]
    DECIDES: ClassVar[bool]

    operands: tuple[Selector, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        decides = self.DECIDES
        for operand in self.operands:
            if operand.matches(labels) is decides:
                return decides
        return not decides

    def match_unknown(
        self, known: Mapping[str, str], absent: Container[str] = frozenset()
    ) -> bool | None:
        found = [operand.match_unknown(known, absent) for operand in self.operands]
        if self.DECIDES in found:
            return self.DECIDES
        return None if None in found else not self.DECIDES

    def canonical(self) -> str:
        return f"({self.CONNECTIVE.join(operand.canonical() for operand in self.operands)})"

    def labels(self) -> frozenset[str]:
        return frozenset().union(*(operand.labels() for operand in self.operands))

    def rewritten(self, leaf: Callable[[Selector], Selector]) -> Selector:
        return replace(self, operands=tuple(one.rewritten(leaf) for one in self.operands))


class And(_Junction):
    """`a && b && ...`."""

    __slots__ = ()
    CONNECTIVE = " && "
    DECIDES = False

    def restrictions(self) -> dict[str, LabelRestriction]:
        return all_of(operand.restrictions() for operand in self.operands)


class Or(_Junction):
    """`a || b || ...`."""

    __slots__ = ()
    CONNECTIVE = " || "
    DECIDES = True

    def restrictions(self) -> dict[str, LabelRestriction]:
        return any_of(operand.restrictions() for operand in self.operands)


def and_(*operands: Selector) -> Selector:
    """The conjunction as Calico composes it, each operand in parentheses: one operand is itself, none `all()`."""
    if not operands:
        return All()
    return operands[0] if len(operands) == 1 else And(operands)


def not_(operand: Selector) -> Selector:
    """The negation, written `!(operand)`."""
    return Not(operand)


def _quoted(value: str) -> str:
    quote = "'" if '"' in value else '"'
    return f"{quote}{value}{quote}"


def _one_of(label: str, values: frozenset[str]) -> dict[str, LabelRestriction]:
    return {label: LabelRestriction(must_be_present=True, must_have_one_of_values=values)}
