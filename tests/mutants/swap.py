"""One function with other code, in the running process."""

from __future__ import annotations

import functools
import importlib
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from tests.mutants.operators import mutated

if TYPE_CHECKING:
    from tests.mutants.operators import Site


class NoFunctionError(Exception):
    """The function of a site is not to be found in its module, or not to be changed."""


def swap(site: Site) -> None:
    """Give the function of *site* its mutated code, wherever it has been imported. Raises: NoFunctionError."""
    module = importlib.import_module(".".join(site.path.with_suffix("").parts))
    function = _live(module, site.function)
    code = compile(mutated(site), str(site.path), "exec")
    wanted = [
        one
        for one in _codes(code)
        if one.co_qualname == site.function
        and one.co_firstlineno == function.__code__.co_firstlineno
    ]
    if len(wanted) != 1 or wanted[0].co_freevars != function.__code__.co_freevars:
        raise NoFunctionError(str(site))
    function.__code__ = wanted[0]


def _codes(code: CodeType) -> list[CodeType]:
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [code, *(found for one in inner for found in _codes(one))]


def _live(module: Any, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = vars(found).get(part)
    for _ in range(4):
        if isinstance(found, FunctionType) and not hasattr(found, "__wrapped__"):
            return found
        found = _unwrapped(found)
    raise NoFunctionError(f"{module.__name__} {name}")


def _unwrapped(one: Any) -> Any:
    if isinstance(one, property):
        return one.fget
    if isinstance(one, functools.cached_property):
        return one.func
    if isinstance(one, staticmethod | classmethod):
        return one.__func__
    return getattr(one, "__wrapped__", None)
