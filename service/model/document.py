"""One object while it is being decoded: strict readers over raw JSON, and what they complain of.

Nothing here raises: a wrong value becomes a located `Problem` and reads as absent, so that one object
tells all its faults at once. What no reader asked for becomes an unknown field.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol, cast

from service.model.blanks import invisible, visible
from service.model.meta import Default, Layer, Meta, Problem, is_filtered
from service.model.pointers import escaped, field_path, unescaped
from service.model.refs import CALICO_V1, CALICO_V3

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from service.errors import SourceLocation
    from service.model.refs import GVK

API_SERVER = "the API server (schema default)"
"""Source of defaults that an API server writes into the object it stores."""

_CALICO_GROUPS = frozenset({CALICO_V3, CALICO_V1})
_NEAR = 0.8
_SHOWN_BLANK_KEYS = 3
_NESTED_SPEC = "spec is indented under metadata; it belongs at the top level"
_CONTAINERS = (dict, list)
_STRINGS: frozenset[type] = frozenset({str})
_NO_NAMES: frozenset[str] = frozenset()


class Locator(Protocol):
    """Finds where in its source text the value that a JSON pointer names was written."""

    def __call__(self, pointer: str) -> SourceLocation:
        """The place of *pointer*, or of the nearest value around it that exists."""


class Fields(Enum):
    """Whether a reader asks for every field that a mapping may legally have."""

    ALL = "all"
    SOME = "some"
    """There are more than are read here; only a near miss of one that is read is worth a word."""


class Document:
    """An object's raw JSON with the problems and defaults that reading it brings up."""

    def __init__(self, raw: Mapping[str, object], gvk: GVK, locate: Locator) -> None:
        self.raw = raw
        self.gvk = gvk
        self.locate = locate
        self.problems: list[Problem] = []
        self.defaults: list[Default] = []
        self._readers: list[Reader] = []
        self.root = self.reader(raw, "")
        self.root.ignore("apiVersion", "kind", "status")

    meta: Meta
    """The decoded metadata; set before a kind's decode function is called."""

    @property
    def is_calico(self) -> bool:
        """Whether Calico's typed client has to read the object too."""
        return self.gvk.group in _CALICO_GROUPS

    def reader(
        self, raw: Mapping[str, object], pointer: str, fields: Fields = Fields.ALL
    ) -> Reader:
        """A reader of the mapping *raw*, whose unread fields `finish` will report."""
        reader = Reader(self, raw, pointer)
        reader.fields = fields
        self._readers.append(reader)
        return reader

    def problem(self, layer: Layer, message: str, *, at: str, hint: str = "") -> None:
        """Record a problem at the JSON pointer *at*."""
        self.problems.append(Problem(layer, message, self.locate(at), hint))

    def discarded(self, message: str, *, at: str, hint: str = "") -> None:
        """Record what Calico's validator refuses and, where it sees the kind, Felix's filter too."""
        self.problem(Layer.VALIDATOR, message, at=at, hint=hint)
        if is_filtered(self.gvk.kind):
            self.problem(Layer.FELIX, message, at=at, hint=hint)

    def undecodable(self, message: str, *, at: str, hint: str = "") -> None:
        """Record what the API server takes and Calico's typed client cannot read."""
        self.problem(Layer.DECODE, message, at=at, hint=hint)

    def default(self, pointer: str, value: object, source: str) -> None:
        """Record that *source* reads, or stores, *value* where the object has nothing."""
        self.defaults.append(Default(pointer, json.dumps(value), source))

    def wrong_type(self, value: object, wanted: str, *, at: str) -> None:
        """Record that *value* is of a type that no reader of the API can take."""
        message = f"{visible(field_path(at)) or 'the object'} is {_type_name(value)}, but {wanted} is needed"
        self.problem(Layer.SCHEMA, message, at=at, hint=_type_hint(value, wanted))
        if self.is_calico:
            self.problem(Layer.DECODE, message, at=at)

    def spec(self, fields: Fields = Fields.ALL) -> Reader:
        """The reader of ``spec``; a missing one reads as empty, and Calico's schema refuses it."""
        if self.is_calico and not self.root.has("spec"):
            metadata = self.raw.get("metadata")
            nested = isinstance(metadata, dict) and "spec" in metadata
            hint = _NESTED_SPEC if nested else ""
            at = "/metadata/spec" if nested else "/spec"
            self.problem(Layer.SCHEMA, "spec is missing", at=at, hint=hint)
        return self.root.child("spec", fields) or self.reader({}, "/spec", fields)

    def finish(self) -> None:
        """Report what nobody read: misleading blanks once for the object, every other field by itself."""
        unread = [(reader, key) for reader in self._readers for key in reader.unread()]
        # An API server prunes what it does not know: the depths of a stored object need no search.
        if not self.meta.resource_version or any(invisible(key) for _, key in unread):
            self.report_blanks()
        for reader, key in unread:
            if not invisible(key):
                self._report_unknown(reader, key)
        # Readers and document refer to each other: without this, every object waits for the collector.
        self._readers.clear()
        del self.root

    def report_blanks(self) -> None:
        """Report all keys that hold a misleading blank, as one problem at the first of them."""
        if not has_blank_key(self.raw):
            return
        pointers = list(_blank_keys(self.raw, ""))
        key = unescaped(pointers[0].rpartition("/")[2])
        blank = invisible(key)
        shown = ", ".join(_shown_key(one) for one in pointers[:_SHOWN_BLANK_KEYS])
        more = len(pointers) - _SHOWN_BLANK_KEYS
        tail = f" and {more} more" if more > 0 else ""
        message = (
            f"indented with a {blank}, which to YAML is part of the name,"
            f" so that keys land in the wrong place: {shown}{tail}"
        )
        hint = (
            "the text was probably copied from a web page; replace every such character by a space"
        )
        cause = f"mend its indentation first: it holds a {blank}"
        self.problems = [one if one.hint else replace(one, hint=cause) for one in self.problems]
        location = self.locate(pointers[0]).at(visible(pointers[0]))
        self.problems.append(Problem(Layer.STRICT, message, location, hint))

    def _report_unknown(self, reader: Reader, key: str) -> None:
        hint = self._unknown_hint(reader, key)
        if hint or reader.fields is Fields.ALL:
            self.problem(Layer.STRICT, f'unknown field "{key}"', at=reader.at(key), hint=hint)

    def _unknown_hint(self, reader: Reader, key: str) -> str:
        if reader.pointer == "/metadata" and key == "spec":
            return _NESTED_SPEC
        near = near_miss(key, reader.asked | reader.known)
        if near:
            return f'did you mean "{near}"?'
        if reader.fields is Fields.SOME:
            return ""
        elsewhere = next((one for one in self._readers if key in one.asked), None)
        return (
            f"{key} is a field of {elsewhere.pointer}: is it indented wrongly?" if elsewhere else ""
        )


class Reader:
    """Typed access to the fields of one mapping; a field that is null reads as absent."""

    __slots__ = ("_document", "asked", "fields", "known", "pointer", "raw")

    def __init__(self, document: Document, raw: Mapping[str, object], pointer: str) -> None:
        self._document = document
        self.raw = raw
        self.pointer = pointer
        self.asked: set[str] = set()
        self.known: AbstractSet[str] = _NO_NAMES
        self.fields = Fields.ALL

    def at(self, key: str) -> str:
        """The JSON pointer of a field."""
        return f"{self.pointer}/{escaped(key)}"

    def has(self, key: str) -> bool:
        """Whether the field is present and not null."""
        self.asked.add(key)
        return self.raw.get(key) is not None

    def value(self, key: str) -> object:
        """The field as it stands, None where absent."""
        self.asked.add(key)
        return self.raw.get(key)

    def ignore(self, *keys: str) -> None:
        """Take these fields as known, though nobody reads them."""
        self.asked.update(keys)

    def know(self, names: AbstractSet[str]) -> None:
        """Take all of *names* as known: `ignore` for many of them, at no cost."""
        self.known = names

    def unread(self) -> list[str]:
        """The fields that nobody asked for, in the order of the object."""
        if self.raw.keys() <= self.asked:
            return []
        return [key for key in self.raw if key not in self.asked and key not in self.known]

    def string(self, key: str, default: str = "") -> str:
        """A string, or *default* where absent."""
        value = self.value(key)
        if value is None:
            return default
        if isinstance(value, str):
            return value
        self._document.wrong_type(value, "a string", at=self.at(key))
        return default

    def integer(self, key: str) -> int | None:
        """An integer, None where absent."""
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._document.wrong_type(value, "an integer", at=self.at(key))
        return None

    def number(self, key: str) -> float | None:
        """A finite number, None where absent."""
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _finite(value)
        self._document.wrong_type(value, "a number", at=self.at(key))
        return None

    def boolean(self, key: str) -> bool | None:
        """A Boolean, None where absent."""
        value = self.value(key)
        if value is None or isinstance(value, bool):
            return value
        self._document.wrong_type(value, "true or false", at=self.at(key))
        return None

    def entries(self, key: str) -> list[object]:
        """The items of a list as they stand; empty where absent."""
        value = self.value(key)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self._document.wrong_type(value, "a list", at=self.at(key))
        return []

    def strings(self, key: str) -> tuple[str, ...]:
        """The strings of a list, empty where absent. An item of another type is a problem, and left out."""
        return tuple(text for _, text in self.located_strings(key))

    def located_strings(self, key: str) -> list[tuple[str, str]]:
        """The strings of a list, each with its JSON pointer before it."""
        strings = []
        for index, item in enumerate(self.entries(key)):
            at = f"{self.at(key)}/{index}"
            if isinstance(item, str):
                strings.append((at, item))
            else:
                self._document.wrong_type(item, "a string", at=at)
        return strings

    def string_map(self, key: str) -> Mapping[str, str]:
        """A mapping of strings, empty where absent; the very mapping of the raw form, if all of it is legal."""
        values = self._mapping(key)
        if _STRINGS.issuperset(map(type, values.values())):
            return cast("Mapping[str, str]", values)
        strings = {}
        for name, value in values.items():
            if isinstance(value, str):
                strings[name] = value
            elif not invisible(name):
                self._document.wrong_type(value, "a string", at=f"{self.at(key)}/{escaped(name)}")
        return strings

    def child(self, key: str, fields: Fields = Fields.ALL) -> Reader | None:
        """The reader of a mapping, None where absent."""
        if self.value(key) is None:
            return None
        return self._document.reader(self._mapping(key), self.at(key), fields)

    def children(self, key: str, fields: Fields = Fields.ALL) -> list[Reader]:
        """The readers of a list of mappings, empty where absent."""
        readers = []
        for index, item in enumerate(self.entries(key)):
            pointer = f"{self.at(key)}/{index}"
            if isinstance(item, dict):
                readers.append(self._document.reader(item, pointer, fields))
            else:
                self._document.wrong_type(item, "a mapping", at=pointer)
        return readers

    def _mapping(self, key: str) -> Mapping[str, object]:
        value = self.value(key)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self._document.wrong_type(value, "a mapping", at=self.at(key))
        return {}


def near_miss(key: str, known: set[str], *, cutoff: float = _NEAR) -> str:
    """The known name that *key* was probably meant to be, "" where none is close."""
    folded = {name.lower(): name for name in sorted(known)}
    close = difflib.get_close_matches(key.lower(), folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else ""


def _finite(value: float) -> float | None:
    """*value* as a float; None for an integer beyond its range."""
    try:
        return float(value)
    except OverflowError:
        return None


def has_blank_key(value: Mapping[str, object] | list[object]) -> bool:
    """Whether any key at any depth holds a misleading blank: the quick question, asked of every object."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not key.isascii() and invisible(key):
                return True
            if isinstance(item, _CONTAINERS) and has_blank_key(item):
                return True
        return False
    return any(has_blank_key(item) for item in value if isinstance(item, _CONTAINERS))


def _blank_keys(value: object, pointer: str) -> Iterator[str]:
    """Pointers of all keys at any depth that hold a misleading blank, in document order."""
    if isinstance(value, dict):
        for key, item in value.items():
            at = f"{pointer}/{escaped(key)}"
            if invisible(key):
                yield at
            yield from _blank_keys(item, at)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _blank_keys(item, f"{pointer}/{index}")


def _shown_key(pointer: str) -> str:
    parent, _, token = pointer.rpartition("/")
    return f'"{visible(unescaped(token))}" in {visible(parent) or "the object itself"}'


def _type_name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a Boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _type_hint(value: object, wanted: str) -> str:
    if wanted == "a string" and isinstance(value, bool):
        return "YAML reads yes, no, on, off, true and false as Booleans: put it in quotes"
    if wanted == "a string" and isinstance(value, int | float):
        return "put it in quotes"
    if wanted in {"an integer", "a number"} and isinstance(value, str) and value.isdigit():
        return "leave out the quotes"
    return ""
