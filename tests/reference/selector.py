"""Calico's selector language: text to tree, tree to answer.

Semantics: "Selector language". Source: libcalico-go/lib/selector/{tokenizer,parser}.
A tree is nested tuples: ("all",), ("global",), ("has", label), (operator, label, value),
("!", tree), ("&&", tree, ...), ("||", tree, ...).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Tree = tuple[Any, ...]
Labels = Mapping[str, str]

ALL: Tree = ("all",)
_IDENTIFIER = re.compile(r"[A-Za-z0-9_./-]{1,512}(?![A-Za-z0-9_./-])")
_STRING = re.compile(r"\"([^\"]*)\"|'([^']*)'")
_SPACE = {" ", "\t"}
_CALL = re.compile(r"(has|all|global)\(")
_AFTER_LABEL = re.compile(
    r"==|!=|(?:contains|starts[ \t]*with|ends[ \t]*with|not[ \t]*in|in)(?![A-Za-z0-9_./-])"
)


class SelectorError(ValueError):
    """Text that Calico's parser refuses."""


def parse(text: str) -> Tree:
    """The tree of `text`; the empty selector is all()."""
    if not text.strip(" \t"):
        return ALL
    parser = _Parser(text)
    tree = parser.alternatives()
    if not parser.at_end():
        raise SelectorError(f"unexpected text at column {parser.at + 1}")
    return tree


class _Parser:
    """Recursive descent over the grammar, a method a production."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip_space(self) -> None:
        while self.text[self.at : self.at + 1] in _SPACE:
            self.at += 1

    def at_end(self) -> bool:
        self.skip_space()
        return self.at == len(self.text)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.skip_space()
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def accept(self, symbol: str) -> bool:
        return self.take(re.compile(re.escape(symbol))) is not None

    def expect(self, symbol: str) -> None:
        if not self.accept(symbol):
            raise SelectorError(f"expected {symbol!r} at column {self.at + 1}")

    def alternatives(self) -> Tree:
        trees = [self.conjunction()]
        while self.accept("||"):
            trees.append(self.conjunction())
        return trees[0] if len(trees) == 1 else ("||", *trees)

    def conjunction(self) -> Tree:
        trees = [self.operation()]
        while self.accept("&&"):
            trees.append(self.operation())
        return trees[0] if len(trees) == 1 else ("&&", *trees)

    def operation(self) -> Tree:
        if self.accept("!"):
            return ("!", self.operation())
        return self.primary()

    def primary(self) -> Tree:
        call = self.take(_CALL)
        if call:
            return self.call(call.group(1))
        if self.accept("("):
            tree = self.alternatives()
            self.expect(")")
            return tree
        return self.comparison()

    def call(self, name: str) -> Tree:
        tree = ("has", self.label()) if name == "has" else (name,)
        self.expect(")")
        return tree

    def label(self) -> str:
        found = self.take(_IDENTIFIER)
        if not found:
            raise SelectorError(f"expected a label at column {self.at + 1}")
        return found.group()

    def comparison(self) -> Tree:
        label = self.label()
        found = self.take(_AFTER_LABEL)
        if not found:
            raise SelectorError(f"expected an operator at column {self.at + 1}")
        operator = re.sub(r"[ \t]", "", found.group())
        if operator in {"in", "notin"}:
            return (operator, label, self.values())
        return (operator, label, self.string())

    def string(self) -> str:
        found = self.take(_STRING)
        if not found:
            raise SelectorError(f"expected a string at column {self.at + 1}")
        return found.group()[1:-1]

    def values(self) -> frozenset[str]:
        self.expect("{")
        values: set[str] = set()
        while not self.accept("}"):
            values.add(self.string())
            if not self.accept(","):
                self.expect("}")
                break
        return frozenset(values)


def matches(tree: Tree, labels: Labels) -> bool:
    """Does something with these labels satisfy the tree? ("Evaluation")"""
    operator, *operands = tree
    match operator:
        case "all" | "global":
            return True
        case "!":
            return not matches(operands[0], labels)
        case "&&":
            return all(matches(operand, labels) for operand in operands)
        case "||":
            return any(matches(operand, labels) for operand in operands)
        case "has":
            return operands[0] in labels
        case _:
            label, wanted = operands
            return _compares(operator, labels.get(label), wanted)


def _compares(operator: str, value: str | None, wanted: Any) -> bool:
    if value is None:
        return operator in {"!=", "notin"}
    return _COMPARISONS[operator](value, wanted)


_COMPARISONS: Mapping[str, Callable[[str, Any], bool]] = {
    "==": str.__eq__,
    "!=": str.__ne__,
    "in": lambda value, wanted: value in wanted,
    "notin": lambda value, wanted: value not in wanted,
    "contains": str.__contains__,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def prefixed(tree: Tree, prefix: str) -> Tree:
    """The tree with `prefix` before each label name."""
    operator, *operands = tree
    if operator in {"!", "&&", "||"}:
        return (operator, *(prefixed(operand, prefix) for operand in operands))
    if operator in {"all", "global"}:
        return tree
    return (operator, prefix + operands[0], *operands[1:])


def replaced(tree: Tree, call: str, by: Tree) -> Tree:
    """The tree with each `call`() replaced."""
    operator, *operands = tree
    if operator == call:
        return by
    if operator in {"!", "&&", "||"}:
        return (operator, *(replaced(operand, call, by) for operand in operands))
    return tree


def both(*trees: Tree | None) -> Tree | None:
    """The conjunction of those that are there; None where none is."""
    present = [tree for tree in trees if tree is not None]
    if len(present) > 1:
        return ("&&", *present)
    return present[0] if present else None
