"""What a plain YAML scalar means, as kubectl reads it: YAML 1.1 in the dialect of go-yaml v2.

Yes, no, on and off are Booleans; a leading zero means octal; there are no base-60 numbers, and dates stay
strings. So do y and n, which go-yaml takes for Booleans: what prints YAML 1.1 (PyYAML among others) leaves
them without quotes, and a label is then what it was meant to be.
Source: sigs.k8s.io/yaml goyaml.v2/resolve.go.
"""

from __future__ import annotations

import re

_STANDARD = "tag:yaml.org,2002:"
STR = f"{_STANDARD}str"
INT = f"{_STANDARD}int"
FLOAT = f"{_STANDARD}float"
BOOL = f"{_STANDARD}bool"
NULL = f"{_STANDARD}null"
MERGE = f"{_STANDARD}merge"

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    spelling: value
    for value, words in ((True, ("yes", "true", "on")), (False, ("no", "false", "off")))
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}
_WORDS = {**dict.fromkeys(_NULLS, NULL), **dict.fromkeys(_BOOLS, BOOL), "<<": MERGE}
_NUMERIC = frozenset("+-.0123456789")
_INT = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MAX_DIGITS = 100


def plain_tag(text: str) -> str:
    """The tag of an unquoted scalar."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    if text[0] not in _NUMERIC or len(text) > _MAX_DIGITS:
        return STR
    if _INT.fullmatch(text):
        return INT
    return FLOAT if _FLOAT.fullmatch(text) else STR


def scalar_value(tag: str, text: str) -> object:
    """The value of a scalar of one of the tags above.

    Raises: ValueError for a text that is none of its explicit tag, and for any other tag.
    """
    if tag in (STR, MERGE):
        return text
    if tag == NULL:
        return None
    if tag == BOOL and text in _BOOLS:
        return _BOOLS[text]
    if tag == INT and len(text) <= _MAX_DIGITS:
        return _integer(text)
    if tag == FLOAT and _FLOAT.fullmatch(text):
        return float(text)
    raise ValueError(f"{text[:64]!r} is no {tag.removeprefix(_STANDARD)}")


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    unsigned = digits.lstrip("+-")
    if unsigned.startswith("0") and unsigned.isdigit():
        return int(digits, 8)
    return int(digits, 0)
