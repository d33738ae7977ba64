"""Selector text to tokens, by Calico's lexical rules.

Blanks are space and tab, nothing else: the line feed that a YAML block scalar leaves is an error.
Words are operators only directly after a label name, so that `in`, `not`, `has` or `all` can name labels.
Source: libcalico-go/lib/selector/tokenizer/tokenizer.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from service.errors import SelectorError

if TYPE_CHECKING:
    from collections.abc import Iterator


class TokenKind(Enum):
    """What a token is; the value is how an error message calls it."""

    LABEL = "a label name"
    STRING = "a quoted string"
    HAS = "has(...)"
    ALL = "all()"
    GLOBAL = "global()"
    LPAREN = "'('"
    RPAREN = "')'"
    LBRACE = "'{'"
    RBRACE = "'}'"
    COMMA = "','"
    EQ = "'=='"
    NE = "'!='"
    NOT = "'!'"
    AND = "'&&'"
    OR = "'||'"
    IN = "'in'"
    NOT_IN = "'not in'"
    CONTAINS = "'contains'"
    STARTS_WITH = "'starts with'"
    ENDS_WITH = "'ends with'"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, its text where that matters (a label name, a string's value) and its 1-based column."""

    kind: TokenKind
    value: str
    column: int


MAX_LABEL_BYTES = 512

_BLANKS = re.compile(r"[ \t]*")
_LABEL = re.compile(r"[A-Za-z0-9_./-]+")
_SYMBOL = re.compile(r"==|!=|&&|\|\||[(){},!]")
_SYMBOLS = {
    "(": TokenKind.LPAREN,
    ")": TokenKind.RPAREN,
    "{": TokenKind.LBRACE,
    "}": TokenKind.RBRACE,
    ",": TokenKind.COMMA,
    "==": TokenKind.EQ,
    "!=": TokenKind.NE,
    "!": TokenKind.NOT,
    "&&": TokenKind.AND,
    "||": TokenKind.OR,
}
_HALVES = {"=": "==", "&": "&&", "|": "||"}
# Calls first: "has(" is never the label "has" before a parenthesis.
_CALL = re.compile(r"(has|all|global)\([ \t]*")
_CALLS = {"has": TokenKind.HAS, "all": TokenKind.ALL, "global": TokenKind.GLOBAL}
_WORD = re.compile(r"contains|(?:starts|ends)[ \t]*with|(?:not[ \t]*)?in")
_WORDS = {
    "contains": TokenKind.CONTAINS,
    "startswith": TokenKind.STARTS_WITH,
    "endswith": TokenKind.ENDS_WITH,
    "in": TokenKind.IN,
    "notin": TokenKind.NOT_IN,
}


def tokenize(text: str) -> Iterator[Token]:
    """The tokens of *text*, of which the last is END.

    Raises: SelectorError at the first character that begins no token.
    """
    at = _skip(text, 0)
    last: TokenKind | None = None
    while at < len(text):
        token, end = _token(text, at, last)
        yield token
        last = token.kind
        at = _skip(text, end)
    yield Token(TokenKind.END, "", at + 1)


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _token(text: str, at: int, last: TokenKind | None) -> tuple[Token, int]:
    """The token that starts at index *at*, after one of kind *last*, and the index of its end."""
    if symbol := _SYMBOL.match(text, at):
        return Token(_SYMBOLS[symbol[0]], "", at + 1), symbol.end()
    if text[at] in "\"'":
        return _string(text, at)
    if whole := _HALVES.get(text[at]):
        raise _error(text, at, f"a single {text[at]!r}; did you mean {whole!r}?")
    if last is TokenKind.LABEL:
        return _word(text, at)
    if call := _CALL.match(text, at):
        return _call(text, call)
    if label := _LABEL.match(text, at):
        return Token(TokenKind.LABEL, _name(text, label), at + 1), label.end()
    raise _error(text, at, f"expected a label name, found {_shown(text[at])}")


def _string(text: str, at: int) -> tuple[Token, int]:
    end = text.find(text[at], at + 1)
    if end < 0:
        raise _error(text, at, "the string is not closed")
    return Token(TokenKind.STRING, text[at + 1 : end], at + 1), end + 1


def _word(text: str, at: int) -> tuple[Token, int]:
    """The operator after a label; whatever follows it directly is judged by the parser."""
    word = _WORD.match(text, at)
    if not word:
        raise _error(text, at, "expected an operator after the label name")
    kind = _WORDS[word[0].replace(" ", "").replace("\t", "")]
    return Token(kind, "", at + 1), word.end()


def _call(text: str, call: re.Match[str]) -> tuple[Token, int]:
    at = call.end()
    value = ""
    if call[1] == "has":
        label = _LABEL.match(text, at)
        if not label:
            raise _error(text, at, "expected a label name in has(...)")
        value = _name(text, label)
        at = _skip(text, label.end())
    if not text.startswith(")", at):
        raise _error(text, at, f"expected ')' to close {call[1]}(")
    return Token(_CALLS[call[1]], value, call.start() + 1), at + 1


def _name(text: str, label: re.Match[str]) -> str:
    if len(label[0]) > MAX_LABEL_BYTES:
        raise _error(text, label.start(), f"a label name has at most {MAX_LABEL_BYTES} bytes")
    return label[0]


def _error(text: str, at: int, detail: str) -> SelectorError:
    return SelectorError(detail, text=text, column=at + 1)


def _shown(character: str) -> str:
    """The character so that invisible ones are seen."""
    code = "" if character.isascii() and character.isprintable() else f" (U+{ord(character):04X})"
    return f"{character!r}{code}"
