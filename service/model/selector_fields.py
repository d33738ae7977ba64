"""Fields that hold a selector: what each layer says of a text that does not parse.

Calico has two ways with one. The selectors of endpoints go to Felix as they are, and its filter drops the
whole object. The selectors of namespaces and service accounts are rewritten before that, and one that does
not parse is rewritten to nothing: the object stays, and reaches further than written.
Source: libcalico-go updateprocessors/selectors.go; validator/v3; typha validator/v1.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from service.errors import SelectorError
from service.model.blanks import invisible
from service.model.meta import Layer
from service.model.selector import parse

if TYPE_CHECKING:
    from service.model.document import Document, Reader

_MAX_LENGTH = 1024
_GLOBAL = "global("


class Unparseable(Enum):
    """What becomes of an object whose selector does not parse."""

    DISCARDED = "discarded"
    BROADENED = "broadened"


def read_selector(
    document: Document,
    reader: Reader,
    key: str,
    *,
    unparseable: Unparseable = Unparseable.DISCARDED,
) -> str:
    """The selector in *key* as Felix takes it; "" where absent, and where Felix drops the text."""
    text = reader.string(key)
    at = reader.at(key)
    if len(text) > _MAX_LENGTH:
        message = f"a selector of {len(text)} characters, at most {_MAX_LENGTH} are allowed"
        document.problem(Layer.SCHEMA, message, at=at)
    fault = parse_fault(text)
    if not fault:
        return text
    message = f"the selector {_shown(text)} does not parse: {fault}"
    hint = _hint(text)
    if unparseable is Unparseable.DISCARDED:
        document.discarded(message, at=at, hint=hint)
        return text
    document.problem(Layer.VALIDATOR, message, at=at, hint=hint)
    document.problem(
        Layer.RUNTIME,
        f"Felix ignores the {key} that does not parse, so that the policy reaches further than written",
        at=at,
        hint=hint,
    )
    return ""


def refuse_global(document: Document, reader: Reader, *keys: str) -> None:
    """The schema's rule that these fields must not contain "global(", be it in a string."""
    for key in keys:
        text = reader.value(key)
        if isinstance(text, str) and _GLOBAL in text:
            message = f"global() is not allowed in {key}"
            document.problem(Layer.SCHEMA, message, at=reader.at(key))


def require_whole_global(document: Document, reader: Reader, key: str) -> None:
    """The validator's rule that global() stands alone, or not at all."""
    text = reader.value(key)
    if isinstance(text, str) and _GLOBAL in text and text.strip() != "global()":
        message = f"global() must be the whole of the {key}"
        document.problem(Layer.VALIDATOR, message, at=reader.at(key))


@lru_cache(maxsize=4096)
def parse_fault(text: str) -> str:
    """Why *text* is no selector, "" where it is one. Cached: clusters repeat a few texts for ever."""
    try:
        parse(text)
    except SelectorError as error:
        return error.detail
    return ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else text[:61] + "...")  # noqa: PLR2004 - enough to find it


def _hint(text: str) -> str:
    blank = invisible(text)
    if blank:
        return f"it holds a {blank}, which no selector knows"
    if text.endswith("\n"):
        return 'it ends in a newline: write it on the line of its key, or as a block with ">-"'
    return ""
