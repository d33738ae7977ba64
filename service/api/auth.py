"""Who may call: bearer tokens, of which the store knows only the hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from flask import request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from service.api.context import context
from service.errors import SettingsError
from service.store.records import Token

if TYPE_CHECKING:
    from datetime import datetime

    from service.store.port import AuditStore

OPEN_ENDPOINTS: Final = frozenset({"health.livez", "health.readyz"})
WRITING_ENDPOINTS: Final = frozenset({"audits.create"})
FIRST_TOKEN: Final = "first"  # noqa: S105  the name of a token, not one
_SECRET_BYTES: Final = 32
_LEAST_SECRET_LENGTH: Final = 32


class Scope(StrEnum):
    """What a token allows: to ask, or also to keep new audits."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token: the secret, to be shown once, and the record to be kept."""

    secret: str
    token: Token


def mint(name: str, at: datetime) -> Minted:
    """A token of 256 random bits that allows everything."""
    secret = f"nodeward_{secrets.token_urlsafe(_SECRET_BYTES)}"
    return Minted(secret, record(secret, name=name, at=at))


def record(secret: str, *, name: str, at: datetime) -> Token:
    """What is kept of *secret*, which somebody else made.

    Raises: SettingsError if it is so short that its hash could be searched backwards.
    """
    if len(secret) < _LEAST_SECRET_LENGTH or not secret.isascii() or not secret.isprintable():
        raise SettingsError(
            f"a token has at least {_LEAST_SECRET_LENGTH} printable ASCII characters"
        )
    return Token(digest(secret), name, at.isoformat(), frozenset(Scope))


def digest(secret: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate() -> None:
    """Refuse a request without a token that allows it, before anything else is looked at.

    Raises: Unauthorized, Forbidden.
    """
    if request.endpoint in OPEN_ENDPOINTS:
        return
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        raise Unauthorized(
            "send Authorization: Bearer and the token", www_authenticate=_challenge()
        )
    token = _known(context().store, given.token)
    if token is None:
        raise Unauthorized(
            "the token is not known here", www_authenticate=_challenge(error="invalid_token")
        )
    needed = Scope.WRITE if request.endpoint in WRITING_ENDPOINTS else Scope.READ
    if needed not in token.scopes:
        raise Forbidden(f"the token {token.name} lacks the scope {needed}")


def _known(store: AuditStore, secret: str) -> Token | None:
    """The record of *secret*; every record is compared, so that time tells nothing."""
    wanted = digest(secret)
    found = [token for token in store.tokens() if hmac.compare_digest(token.digest, wanted)]
    return found[0] if found else None


def _challenge(**parameters: str | None) -> WWWAuthenticate:
    return WWWAuthenticate("bearer", {"realm": "nodeward", **parameters})
