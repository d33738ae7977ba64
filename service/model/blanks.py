"""Characters that look like a space, or like nothing, and are neither to YAML nor to Calico.

Manifests copied from web pages are full of them; whoever reads the complaint cannot see them, so it
has to name them.
"""

from __future__ import annotations

import unicodedata

_NAMES = {"\u00a0": "non-breaking space"}


def invisible(text: str) -> str:
    """The plain name of the first misleading blank in *text*, such as "non-breaking space (U+00A0)".

    Empty where there is none: ASCII has none but controls, which YAML refuses itself.
    """
    if text.isascii():
        return ""
    found = next((char for char in text if _misleads(char)), "")
    if not found:
        return ""
    name = _NAMES.get(found) or unicodedata.name(found, "unnamed character").lower()
    return f"{name} ({_code(found)})"


def visible(text: str) -> str:
    """*text* with each misleading blank spelled out, such as "<U+00A0>source"."""
    if text.isascii():
        return text
    return "".join(f"<{_code(char)}>" if _misleads(char) else char for char in text)


def spaced(text: str) -> str:
    """*text* with every space that is not the ASCII one as that: what its author saw. Same length."""
    if text.isascii():
        return text
    return "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)


def _misleads(char: str) -> bool:
    """Whether *char* is a space other than the ASCII one, a format or a control character."""
    return not char.isascii() and unicodedata.category(char) in {"Zs", "Zl", "Zp", "Cf", "Cc"}


def _code(char: str) -> str:
    return f"U+{ord(char):04X}"
