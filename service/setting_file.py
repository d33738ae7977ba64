"""The file of settings: YAML whose nested names are dotted ones."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import yaml

from service.errors import SettingsError, SourceLocation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


def read_file(path: Path, names: Collection[str]) -> dict[str, str]:
    """Dotted name → text, for the settings *names*. Read as written: ``no`` is text, twice is an error.

    Raises: SettingsError with the place of what cannot be used.
    """
    try:
        document = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SettingsError(reason, location=SourceLocation(str(path))) from error
    written: dict[str, str] = {}
    for name, value in _leaves(document, "", path, names=names):
        if name in written:
            raise SettingsError(f"{name} is set twice", location=_place(value, path))
        written[name] = _text(value, path)
    return written


def _leaves(
    node: yaml.Node | None, prefix: str, path: Path, *, names: Collection[str]
) -> Iterator[tuple[str, yaml.Node]]:
    if node is None:
        return
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError("a mapping of settings is expected", location=_place(node, path))
    for key, value in node.value:
        name = prefix + str(key.value)
        if name in names:
            yield name, value
        elif any(known.startswith(f"{name}.") for known in names):
            yield from _leaves(value, f"{name}.", path, names=names)
        else:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"there is no setting {name}{hint}", location=_place(key, path))


def _text(node: yaml.Node, path: Path) -> str:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return ",".join(_text(item, path) for item in node.value)
    raise SettingsError("text, a number or a list is expected", location=_place(node, path))


def _place(node: yaml.Node, path: Path) -> SourceLocation:
    mark = node.start_mark
    return SourceLocation(str(path), mark.line + 1, mark.column + 1)
