"""Calico's selector language: text to tokens to tree to match.

Here belong the grammar, what a selector matches, and the rewritings that Calico applies to a tree.
Which selector of an object is rewritten in which way, and whose labels it sees, is the engine's to know.
"""

from service.model.selector.parser import parse
from service.model.selector.restrictions import LabelRestriction
from service.model.selector.tree import (
    AbsentLabels,
    All,
    And,
    Contains,
    EndsWith,
    Equals,
    Global,
    Has,
    In,
    LabelTest,
    Not,
    NotEquals,
    NotIn,
    Or,
    Selector,
    StartsWith,
    and_,
    not_,
)

__all__ = [
    "AbsentLabels",
    "All",
    "And",
    "Contains",
    "EndsWith",
    "Equals",
    "Global",
    "Has",
    "In",
    "LabelRestriction",
    "LabelTest",
    "Not",
    "NotEquals",
    "NotIn",
    "Or",
    "Selector",
    "StartsWith",
    "and_",
    "not_",
    "parse",
]
