"""YAML or JSON text to plain values that know where they were written.

Stricter than kubectl in one thing, duplicate keys, and harder to exhaust: nesting is bounded while the
C parser composes (it would otherwise overflow the stack), aliases are counted as they are expanded. A
document that cannot be read does not take the rest of its stream along.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import yaml

from service.cluster.scalars import MERGE, STR, plain_tag, scalar_value
from service.errors import ManifestError, SourceLocation
from service.model.blanks import invisible
from service.model.pointers import unescaped

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml: the same, seven times slower
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node, ScalarNode

MAX_DEPTH = 64
MAX_BYTES = 64 * 1024 * 1024
"""More than any manifest; what a network client may send is bounded, lower, at the door."""

_ALIAS_ALLOWANCE = 10_000
_MAX_NODES = 2_000_000
_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|$)", re.MULTILINE)
_EMPTY = re.compile(r"(?:[ \t]*(?:#.*)?\r?\n|%.*\r?\n|---[ \t]*(?:#.*)?\r?\n)*")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_BOM = "\ufeff"

_Documents: TypeAlias = Iterator["YamlDocument | ManifestError"]


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The value of one document, and its places: ``at`` finds that of a JSON pointer."""

    value: object
    file: str
    first_line: int
    _root: Node | None = None

    def at(self, pointer: str) -> SourceLocation:
        """Where the value that *pointer* names was written, or else the nearest one around it.

        The place of a field is that of its key.
        """
        line, column = self._position(pointer)
        return SourceLocation(self.file, line, column, pointer)

    def _position(self, pointer: str) -> tuple[int, int]:
        node = self._root
        if node is None:
            return self.first_line, 1
        mark = node.start_mark
        for token in pointer.split("/")[1:]:
            key, node = _step(node, unescaped(token))
            if node is None or key is None:
                break
            mark = key.start_mark
        return self.first_line + mark.line, mark.column + 1


def decoded_text(data: bytes, file: str) -> str:
    """The text of *data*, which is UTF-8.

    Raises: ManifestError for other bytes, located at the first wrong one, and for too many.
    """
    if len(data) > MAX_BYTES:
        limit_mib = MAX_BYTES // (1024 * 1024)
        raise ManifestError(f"larger than {limit_mib} MiB", location=SourceLocation(file))
    try:
        return data.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - before.rfind(b"\n")
        location = SourceLocation(file, before.count(b"\n") + 1, column)
        detail = f"not UTF-8: byte 0x{data[error.start]:02x} has no place here"
        raise ManifestError(detail, location=location) from None


def documents(text: str, file: str) -> _Documents:
    """The documents of *text* in order; each that cannot be read as the error that says why.

    Empty documents are left out.
    """
    line = 1
    for chunk in _chunks(text):
        yield from _chunk_documents(chunk, file, line)
        line += chunk.count("\n")


def _chunks(text: str) -> Iterator[str]:
    """The parts of a stream, cut before each separator line that follows some content."""
    start = seen = 0
    for separator in _SEPARATOR.finditer(text):
        at = separator.start()
        if not _EMPTY.fullmatch(text, seen, at):
            yield text[start:at]
            start = at
        seen = at
    yield text[start:]


def _chunk_documents(chunk: str, file: str, line: int) -> _Documents:
    place = _Place(file, line, chunk)
    try:
        place.refuse_controls()
        for root in _composed(chunk):
            value = _Construction(place).value(root, 0)
            if value is not None:
                yield YamlDocument(value, file, line, root)
    except yaml.YAMLError as error:
        whole = _json_value(chunk)
        yield place.error(error) if whole is None else YamlDocument(whole, file, line)
    except ManifestError as error:
        yield error


def _composed(chunk: str) -> Iterator[Node]:
    loader = _Composer(chunk)
    try:
        while (node := loader.get_node() if loader.check_node() else None) is not None:
            yield node
    finally:
        loader.dispose()


def _json_value(chunk: str) -> object:
    """The value of a JSON object that YAML cannot read (tabs, surrogates); None where it is none."""
    if not chunk.lstrip().startswith("{"):
        return None
    try:
        return json.loads(chunk, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("duplicate key")
    return mapping


class _Composer(_Loader):
    """Text to nodes, in kubectl's dialect, to a bounded depth."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def resolve(self, kind: type[Node], value: str, implicit: tuple[bool, bool]) -> str:
        """The tag of a node that has none of its own."""
        if kind is yaml.ScalarNode:
            return plain_tag(value) if implicit[0] else STR
        return self.DEFAULT_MAPPING_TAG if kind is yaml.MappingNode else self.DEFAULT_SEQUENCE_TAG

    def descend_resolver(self, current_node: Node | None, _index: object) -> None:
        """Called by the composer as it enters a node: here the depth is bounded."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = current_node.start_mark if current_node else None
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark
            )

    def ascend_resolver(self) -> None:
        """Called by the composer as it leaves a node."""
        self._depth -= 1


@dataclass(frozen=True, slots=True)
class _Place:
    """The part of a file that is being read; it knows how to complain of it."""

    file: str
    line: int
    text: str

    def refuse_controls(self) -> None:
        """Raise a ManifestError at the first character that no YAML may hold."""
        found = _FORBIDDEN.search(self.text)
        if found:
            code = ord(found[0])
            name = "NUL byte" if code == 0 else "control character"
            raise self.error_at(f"a {name} (U+{code:04X}) is not allowed", found.start())

    def error_at(self, detail: str, index: int) -> ManifestError:
        """The error *detail* at a character of the text."""
        line = self.text.count("\n", 0, index)
        column = index - self.text.rfind("\n", 0, index)
        return ManifestError(detail, location=SourceLocation(self.file, self.line + line, column))

    def error(self, error: yaml.YAMLError) -> ManifestError:
        """The located error that PyYAML's *error* amounts to, with the likely cause."""
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if mark is None:
            return ManifestError(problem, location=SourceLocation(self.file, self.line))
        lines = self.text.split("\n")
        text = lines[mark.line] if mark.line < len(lines) else ""
        location = SourceLocation(self.file, self.line + mark.line, mark.column + 1)
        return ManifestError(f"{problem}{_cause(text)}", location=location)

    def at(self, node: Node) -> SourceLocation:
        """The place of a node."""
        return SourceLocation(
            self.file, self.line + node.start_mark.line, node.start_mark.column + 1
        )


def _cause(line: str) -> str:
    """What in a line that does not parse is probably to blame."""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        return ": the line is indented with a tab, YAML indents with spaces only"
    blank = invisible(line)
    return f": the line holds a {blank}, which is no space to YAML" if blank else ""


class _Construction:
    """Nodes to values, counting every node as often as aliases repeat it."""

    def __init__(self, place: _Place) -> None:
        self._place = place
        # A node takes at least one character, so more nodes than text can only be aliases repeated.
        self._nodes_left = min(_MAX_NODES, len(place.text) + _ALIAS_ALLOWANCE)

    def value(self, node: Node, depth: int) -> object:
        """The plain value of *node*.

        Raises: ManifestError.
        """
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise self._error("its aliases expand to too much", node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if depth > MAX_DEPTH:
            raise self._error(f"its aliases nest deeper than {MAX_DEPTH} levels", node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return self._mapping(node, depth) if isinstance(node, yaml.MappingNode) else None

    def _scalar(self, node: ScalarNode) -> object:
        try:
            return scalar_value(node.tag, node.value)
        except ValueError as error:
            raise self._error(str(error), node) from None

    def _mapping(self, node: MappingNode, depth: int) -> dict[str, object]:
        mapping: dict[str, object] = {}
        merged: dict[str, object] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                merged = {**self._merged(value_node, depth), **merged}
                continue
            key = self._key(key_node)
            if key in mapping:
                raise self._error(f'duplicate key "{key}"', key_node)
            mapping[key] = self.value(value_node, depth + 1)
        return {**merged, **mapping} if merged else mapping

    def _key(self, node: Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error("a key must be a scalar", node)
        key = self._scalar(node)
        # As kubectl, which turns YAML into JSON: `on: 1` is the field "true".
        return key if isinstance(key, str) else json.dumps(key)

    def _merged(self, node: Node, depth: int) -> dict[str, object]:
        """The fields that a merge key brings in; the first of several mappings wins."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, object] = {}
        for part in reversed(parts):
            value = self.value(part, depth + 1)
            if not isinstance(value, dict):
                raise self._error("a merge key takes mappings only", node)
            merged.update(value)
        return merged

    def _error(self, detail: str, node: Node) -> ManifestError:
        return ManifestError(detail, location=self._place.at(node))


def _step(node: Node, token: str) -> tuple[Node | None, Node | None]:
    """The node that holds the place of a field or item, and its value's; None where there is none."""
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in node.value if key.value == token)
        return next(pairs, (None, None))
    if isinstance(node, yaml.SequenceNode) and token.isdigit() and int(token) < len(node.value):
        item = node.value[int(token)]
        return item, item
    return None, None
