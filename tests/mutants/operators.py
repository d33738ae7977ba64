"""The small faults: what may be changed in a function, one place at a time."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_Change = tuple[str, "Callable[[], None]"]
"""What is changed, and what changes it in the tree that holds the node."""
_COMPARED = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}


class Site(NamedTuple):
    """A place in a function, and which of the changes that are possible in its module is meant."""

    path: Path
    line: int
    function: str
    """The outermost function or method, as its code calls itself."""
    what: str
    index: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}: {self.what}"


def sites(path: Path) -> list[Site]:
    """Every possible change in the functions of a module."""
    return [
        Site(path, node.lineno, function, what, index)
        for index, (function, node, (what, _)) in enumerate(_changes(_parsed(path)))
    ]


def mutated(site: Site) -> ast.Module:
    """The module with that one change."""
    tree = _parsed(site.path)
    for index, (_, _, (_, apply)) in enumerate(_changes(tree)):
        if index == site.index:
            apply()
            return ast.fix_missing_locations(tree)
    raise ValueError(f"{site} is no site")


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _changes(tree: ast.Module) -> Iterator[tuple[str, ast.expr | ast.stmt, _Change]]:
    for name, function in _functions(tree, ""):
        for node in _meant(function):
            for change in _of(node):
                yield name, node, change


def _functions(
    node: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            yield f"{prefix}{child.name}", child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")


def _meant(function: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """The statements and expressions that do something: no docstrings, annotations, defaults or messages."""
    pending = list(getattr(function, "body", ()))
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            pending += node.body if isinstance(node.body, list) else [node.body]
            continue
        if isinstance(node, ast.expr | ast.stmt):
            yield node
        skipped = {getattr(node, "annotation", None), getattr(node, "returns", None)}
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "cast":
            skipped.add(node.args[0])
        pending += [child for child in ast.iter_child_nodes(node) if child not in skipped]


def _of(node: ast.expr | ast.stmt) -> Iterator[_Change]:
    for operator in (_conditions, _results, _negations, _comparisons, _connectives, _filters):
        yield from operator(node)
    if isinstance(node, ast.Constant):
        yield from _constant(node)


def _conditions(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        negated = ast.UnaryOp(ast.Not(), node.test)
        yield _set(node, "test", negated, f"condition {ast.unparse(node.test)} is negated")


def _results(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Return) and not isinstance(node.value, ast.Constant | None):
        yield _set(node, "value", ast.Constant(None), "returns None")


def _negations(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        plain = ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
        yield _becoming(node, plain, f"{ast.unparse(node)} loses its not")


def _comparisons(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Compare):
        for at, one in enumerate(node.ops):
            yield _operator(node.ops, at, _COMPARED[type(one)])


def _connectives(node: ast.AST) -> Iterator[_Change]:
    new: ast.AST
    if isinstance(node, ast.BoolOp):
        new = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _COMPUTED:
        new = _COMPUTED[type(node.op)]()
    else:
        return
    yield _set(node, "op", new, f"{_word(node.op)} becomes {_word(new)}")


def _filters(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        for generator in node.generators:
            for at, test in enumerate(generator.ifs):
                yield f"filter {ast.unparse(test)} is dropped", _deleting(generator.ifs, at)


def _becoming(node: ast.UnaryOp, new: ast.Call, what: str) -> _Change:
    def apply() -> None:
        located = ast.copy_location(new, node)
        node.__class__ = ast.Call  # type: ignore[assignment]
        node.__dict__.clear()
        node.__dict__.update(located.__dict__)

    return what, apply


def _set(node: ast.AST, field: str, new: ast.AST, what: str) -> _Change:
    return what, lambda: setattr(node, field, new)


def _operator(ops: list[ast.cmpop], at: int, new: type[ast.cmpop]) -> _Change:
    def apply() -> None:
        ops[at] = new()

    return f"{_word(ops[at])} becomes {_word(new())}", apply


def _deleting(listed: list[ast.expr], at: int) -> Callable[[], None]:
    def apply() -> None:
        del listed[at]

    return apply


def _constant(node: ast.Constant) -> Iterator[_Change]:
    value = node.value
    new: object
    if isinstance(value, bool):
        new = not value
    elif isinstance(value, int):
        new = value + 1
    elif isinstance(value, str):
        new = f"{value}?"
    else:
        return

    def apply() -> None:
        node.value = new  # type: ignore[assignment]

    yield f"{value!r} becomes {new!r}", apply


def _word(operator: ast.AST) -> str:
    return type(operator).__name__
