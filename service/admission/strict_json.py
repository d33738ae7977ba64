"""Strict JSON: what two readers could understand differently, or what only costs, is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Final, NoReturn

from service.errors import InputError

DEPTH_LIMIT: Final = 100
"""Levels of nesting; a real review stays below 30, managedFields included."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_SHOWN_KEY = 60


class JsonError(InputError):
    """Bytes that are no JSON text which every reader would understand alike."""

    code = "bad-json"
    title = "The body is no strict JSON"


def decode(body: bytes) -> object:
    """The value of a JSON text: UTF-8, no key twice, no NaN or infinity, bounded depth and numbers.

    Raises: JsonError.
    """
    try:
        value: object = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise JsonError(f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise JsonError(f"line {error.lineno} column {error.colno}: {error.msg}") from error
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise JsonError("a number is out of range") from error
    _bound_depth(body)
    if _SURROGATE.search(body):
        _refuse_lone_surrogates(value)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise JsonError(f"the key {name[:_SHOWN_KEY]!r} stands twice in one object")
            seen.add(name)
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise JsonError("a number is out of range")
    return number


def _refuse_constant(text: str) -> NoReturn:
    raise JsonError(f"{text} is no JSON number")


def _too_deep() -> JsonError:
    return JsonError(f"it nests more than {DEPTH_LIMIT} levels deep")


def _bound_depth(body: bytes) -> None:
    """Of a valid text: pairs of brackets vanish from the inside, a level at a time.

    O(bytes) for each level, and no step of it in Python. Few brackets cannot nest deep.
    """
    if body.count(b"{") + body.count(b"[") <= DEPTH_LIMIT:
        return
    brackets = _STRING.sub(b"", body).translate(_SQUARE, _NO_BRACKETS)
    for _ in range(DEPTH_LIMIT):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise _too_deep()


def _refuse_lone_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise JsonError("a \\u escape stands for half a character") from error


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant
)
"""Made once: making it costs as much as decoding a small review."""
