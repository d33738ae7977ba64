"""The source files that the house rules are about, parsed once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("service", "webhook", "certs")
PURE_FLOORS = ("net", "model", "policy", "checks", "admission")


def modules(*folders: str) -> list[Path]:
    """Every Python file below the *folders*, relative to the repository, in order."""
    return sorted(
        path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")
    )


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def imported(path: Path) -> set[str]:
    """Dotted names of the modules that *path* imports, at any depth of its code."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or ".")
    return found


def exporting(package: str, constant: str) -> list[Path]:
    """The modules directly in *package* that assign *constant* at their top level."""
    return [
        path
        for path in modules(package)
        if path.parent == Path(package)
        for node in tree(path).body
        if constant in assigned(node)
    ]


def assigned(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.AnnAssign):
        return {ast.unparse(node.target)}
    if isinstance(node, ast.Assign):
        return {ast.unparse(target) for target in node.targets}
    return set()
