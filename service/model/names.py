"""What Kubernetes takes for the name of an object, and for the name and the value of a label."""

from __future__ import annotations

import re
from functools import lru_cache

MAX_NAME = 253

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(_SUBDOMAIN)
_LABEL_NAME = re.compile(rf"({_SUBDOMAIN}/)?{_WORD}")
_LABEL_VALUE = re.compile(rf"({_WORD})?")


def is_object_name(text: str) -> bool:
    """Whether *text* is lower-case DNS labels, of at most 253 characters in all."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def is_label_name(text: str) -> bool:
    """Whether *text* is a name of a label, with or without a prefix before a slash."""
    return _LABEL_NAME.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def is_label_value(text: str) -> bool:
    """Whether *text* is a value of a label. Cached: clusters repeat them for ever."""
    return _LABEL_VALUE.fullmatch(text) is not None
