"""JSON pointers (RFC 6901): their tokens, and how people write the same path."""

from __future__ import annotations


def escaped(key: str) -> str:
    """*key* as a token of a JSON pointer."""
    if "~" not in key and "/" not in key:
        return key
    return key.replace("~", "~0").replace("/", "~1")


def unescaped(token: str) -> str:
    """The key that a token of a JSON pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


def field_path(pointer: str) -> str:
    """A JSON pointer as a field path, such as "spec.ingress[0].protocol"."""
    path = ""
    for token in pointer.split("/")[1:]:
        path += f"[{token}]" if token.isdigit() else f".{unescaped(token)}"
    return path.lstrip(".")
