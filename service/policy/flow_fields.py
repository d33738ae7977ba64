"""Typed access to the JSON of a question about flows, with the pointer of whatever is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from service.errors import InputError, SourceLocation
from service.net.flow import PROTOCOL_NUMBERS
from service.net.prefixes import PrefixError, parse_ip

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from service.net.prefixes import Address

T = TypeVar("T")

_PROTOCOLS = {name.lower(): number for name, number in PROTOCOL_NUMBERS.items()}
BYTE = 255
PORT = 65535


class FlowError(InputError):
    """A flow that is not in the trace format."""

    code = "bad-flow"
    title = "The flow cannot be used"


class Need(Enum):
    """Whether a field has to be there."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Fields:
    """Typed access to a mapping; JSON null reads as absent, what is not known is refused."""

    raw: Mapping[str, object]
    pointer: str

    @classmethod
    def of(cls, raw: object, pointer: str, *, known: Collection[str]) -> Fields:
        """The fields of *raw* at *pointer*, of which *known* are all that there may be. Raises: FlowError."""
        if not isinstance(raw, dict):
            place = SourceLocation(pointer=pointer)
            raise FlowError(f"an object is needed, not {word(raw)}", location=place)
        fields = cls(raw, pointer)
        for name in raw:
            if name not in known:
                raise fields.error(str(name), f"is no field here: {', '.join(sorted(known))}")
        return fields

    def error(self, name: str, detail: str) -> FlowError:
        """The complaint about one field, or about the whole for no name."""
        pointer = f"{self.pointer}/{name}" if name else self.pointer
        place = SourceLocation(pointer=pointer)
        return FlowError(f"{name} {detail}" if name else detail, location=place)

    def value(self, name: str, kind: type[T], need: Need = Need.REQUIRED) -> T | None:
        """The value of a field. Raises: FlowError where it is of another kind, or is needed and missing."""
        found = self.raw.get(name)
        if found is None:
            if need is Need.REQUIRED:
                raise self.error(name, "is missing")
            return None
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise self.error(name, f"is {word(found)}, not {_KIND_WORDS[kind]}")
        return found

    def text(self, name: str) -> str:
        """The text of a field. Raises: FlowError where it is none, or empty."""
        found = self.value(name, str) or ""
        if not found:
            raise self.error(name, "is empty")
        return found

    def number(self, name: str, ends: tuple[int, int], need: Need) -> int | None:
        """The whole number of a field. Raises: FlowError where it is none, or beyond *ends*."""
        found = self.value(name, int, need)
        if found is not None and not ends[0] <= found <= ends[1]:
            raise self.error(name, f"is {found}, beyond {ends[0]} to {ends[1]}")
        return found

    def inner(self, name: str, known: Collection[str]) -> Fields:
        """The fields of an object within. Raises: FlowError."""
        if self.raw.get(name) is None:
            raise self.error(name, "is missing")
        return Fields.of(self.raw[name], f"{self.pointer}/{name}", known=known)


_KIND_WORDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a fraction",
}


def word(value: object) -> str:
    """What a JSON value is, for people."""
    return "null" if value is None else _KIND_WORDS.get(type(value), type(value).__name__)


def address(fields: Fields, name: str) -> Address:
    """The address in a field. Raises: FlowError."""
    try:
        return parse_ip(fields.text(name))
    except PrefixError as error:
        raise fields.error(name, f"is no address: {error}") from error


def namespaced(fields: Fields, name: str) -> tuple[str, str]:
    """The namespace and the name in a field. Raises: FlowError."""
    namespace, slash, own = fields.text(name).partition("/")
    if not (namespace and slash and own) or "/" in own:
        raise fields.error(name, "is written namespace/name")
    return namespace, own


def protocol_number(flow: Fields, written: object) -> int:
    """The protocol that is *written* in the field ``protocol``, by name or as a number."""
    if isinstance(written, str):
        if written.lower() in _PROTOCOLS:
            return _PROTOCOLS[written.lower()]
        if not (written.isascii() and written.isdigit()) or len(written) > len(str(BYTE)):
            raise flow.error("protocol", f"is {written!r}: a number or {_known_protocols()}")
        written = int(written)
    if written is None or isinstance(written, bool) or not isinstance(written, int):
        raise flow.error("protocol", f"is {word(written)}: a number or {_known_protocols()}")
    if not 1 <= written <= BYTE:
        raise flow.error("protocol", f"is {written}, beyond 1 to {BYTE}")
    return written


def _known_protocols() -> str:
    return ", ".join(PROTOCOL_NUMBERS)
