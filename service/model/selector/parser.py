"""Selector tokens to tree.

`||` binds loosest, then `&&`, then `!`, which takes a whole comparison: `! a == 'b'` is `!(a == 'b')`.
Source: libcalico-go/lib/selector/parser/parser.go.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from service.errors import SelectorError
from service.model.selector import tree
from service.model.selector.tokens import Token, TokenKind, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_DEPTH = 100
"""Parentheses within parentheses that are followed; Calico's parser sets no limit."""

_VALUE_TESTS: Mapping[TokenKind, Callable[[str, str], tree.Selector]] = {
    TokenKind.EQ: tree.Equals,
    TokenKind.NE: tree.NotEquals,
    TokenKind.CONTAINS: tree.Contains,
    TokenKind.STARTS_WITH: tree.StartsWith,
    TokenKind.ENDS_WITH: tree.EndsWith,
}
_SET_TESTS: Mapping[TokenKind, Callable[[str, frozenset[str]], tree.Selector]] = {
    TokenKind.IN: tree.In,
    TokenKind.NOT_IN: tree.NotIn,
}


@lru_cache(maxsize=4096)
def parse(text: str) -> tree.Selector:
    """The tree of a selector; blank text is `all()`. Results are remembered, for policies share texts.

    Raises: SelectorError with the column of the first token that does not fit.
    """
    parser = _Parser(text)
    if parser.peek is TokenKind.END:
        return tree.All()
    selector = parser.disjunction()
    parser.expect(TokenKind.END, "expected '&&', '||' or the end")
    return selector


class _Parser:
    """Recursive descent over the tokens of one text, a method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokenize(text))
        self._at = 0
        self._depth = 0

    @property
    def peek(self) -> TokenKind:
        """The kind of the next token."""
        return self._tokens[self._at].kind

    def expect(self, kind: TokenKind, detail: str) -> Token:
        """Take the next token, which must be of *kind*; *detail* is the complaint where it is not."""
        if self.peek is not kind:
            raise self._error(detail)
        return self._take()

    def disjunction(self) -> tree.Selector:
        """Operands of `||`; a single one stands for itself."""
        operands = [self._conjunction()]
        while self._accept(TokenKind.OR):
            operands.append(self._conjunction())
        return operands[0] if len(operands) == 1 else tree.Or(tuple(operands))

    def _conjunction(self) -> tree.Selector:
        operands = [self._operation()]
        while self._accept(TokenKind.AND):
            operands.append(self._operation())
        return operands[0] if len(operands) == 1 else tree.And(tuple(operands))

    def _operation(self) -> tree.Selector:
        """A primary behind any number of `!`, of which only an odd one counts."""
        negated = False
        while self._accept(TokenKind.NOT):
            negated = not negated
        primary = self._primary()
        return tree.Not(primary) if negated else primary

    def _primary(self) -> tree.Selector:
        match self.peek:
            case TokenKind.LABEL:
                return self._comparison()
            case TokenKind.HAS:
                return tree.Has(self._take().value)
            case TokenKind.ALL:
                self._take()
                return tree.All()
            case TokenKind.GLOBAL:
                self._take()
                return tree.Global()
            case TokenKind.LPAREN:
                return self._group()
            case _:
                raise self._error("expected a label name, has(...), all(), global() or '('")

    def _group(self) -> tree.Selector:
        if self._depth == MAX_DEPTH:
            raise self._error(f"parentheses nest deeper than {MAX_DEPTH}")
        self._take()
        self._depth += 1
        selector = self.disjunction()
        self._depth -= 1
        self.expect(TokenKind.RPAREN, "expected '&&', '||' or ')'")
        return selector

    def _comparison(self) -> tree.Selector:
        label = self._take().value
        operator = self.peek
        if value_test := _VALUE_TESTS.get(operator):
            self._take()
            value = self.expect(TokenKind.STRING, "expected a quoted string").value
            return value_test(label, value)
        if set_test := _SET_TESTS.get(operator):
            self._take()
            return set_test(label, self._set())
        raise self._error(f"expected an operator after the label name {label!r}")

    def _set(self) -> frozenset[str]:
        """The strings of `{...}`; none, or a comma behind the last one, is legal."""
        self.expect(TokenKind.LBRACE, "expected '{' and quoted strings")
        values: list[str] = []
        while self.peek is TokenKind.STRING:
            values.append(self._take().value)
            if not self._accept(TokenKind.COMMA):
                break
        self.expect(TokenKind.RBRACE, "expected a quoted string or '}'")
        return frozenset(values)

    def _accept(self, kind: TokenKind) -> bool:
        """Whether the next token was of *kind*, and so was taken."""
        if self.peek is not kind:
            return False
        self._at += 1
        return True

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _error(self, detail: str) -> SelectorError:
        token = self._tokens[self._at]
        return SelectorError(
            f"{detail}, found {token.kind.value}", text=self._text, column=token.column
        )
