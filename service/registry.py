"""The one plugin mechanism: a package whose modules each export the same constant.

Checks, kinds, exporters, backends and commands are all found this way, so adding one of them
is adding one file. Discovery imports every module of the package: heavy imports belong inside
functions there.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, TypeVar

from service.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Collection

T = TypeVar("T")


def discover(
    package: str, constant: str, kind: type[T], *, apart: Collection[str] = ()
) -> tuple[T, ...]:
    """The *constant* of every module of *package*, sorted by module name.

    *apart* names the modules that serve the plugins and are none; sub-packages take no part.

    Raises: EngineError if a module lacks the constant, if it is no *kind*, or if two of them bear
    the same ``id`` (``name``, where they have no ``id``).
    """
    found: dict[object, T] = {}
    for name in sorted(_module_names(package).difference(apart)):
        value = getattr(importlib.import_module(f"{package}.{name}"), constant, None)
        if not isinstance(value, kind):
            raise EngineError(f"{package}.{name} exports no {constant} of type {kind.__name__}")
        identity = getattr(value, "id", getattr(value, "name", name))
        if identity in found:
            raise EngineError(f"{package}.{name}: a {constant} called {identity!r} exists already")
        found[identity] = value
    return tuple(found.values())


def _module_names(package: str) -> set[str]:
    paths = importlib.import_module(package).__path__
    return {module.name for module in pkgutil.iter_modules(paths) if not module.ispkg}
