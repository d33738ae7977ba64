"""Who may call: bearer tokens, of which the store knows only the hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from flask import request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from service.api.context import context
from service.errors import SettingsError, SourceError
from service.store.records import Token

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from service.store.port import AuditStore

OPEN_ENDPOINTS: Final = frozenset({"health.livez", "health.readyz"})
_SECRET_BYTES: Final = 32
_LEAST_SECRET_LENGTH: Final = 32


class Scope(StrEnum):
    """What a token allows: to ask, to keep new audits, to ship the decisions of an admission door."""

    READ = "read"
    WRITE = "write"
    DECISIONS = "decisions"


SCOPES: Final = {"audits.create": Scope.WRITE, "decisions.ship": Scope.DECISIONS}
"""What the endpoints that keep something need; all others need READ."""


def first_secret(store: AuditStore, at: datetime) -> str | None:
    """A new secret that allows everything, to be shown once; None if *store* has a token already."""
    if store.tokens():
        return None
    secret = _new_secret()
    store.keep_token(_record(secret, name="first", at=at))
    return secret


def admit_file(
    store: AuditStore, path: Path, at: datetime, *, scopes: Iterable[Scope] = Scope
) -> None:
    """Admit the secret in the file *path*, which is made for its owner alone if it is not there.

    Raises: SettingsError for a secret that is too weak, SourceError for an unusable file.
    """
    try:
        if not path.exists():
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(f"{_new_secret()}\n", encoding="ascii")
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be used for a token: {error}") from error
    store.keep_token(_record(secret, name=f"file {path}", at=at, scopes=scopes))


def _new_secret() -> str:
    """256 random bits."""
    return f"nodeward_{secrets.token_urlsafe(_SECRET_BYTES)}"


def _record(secret: str, *, name: str, at: datetime, scopes: Iterable[Scope] = Scope) -> Token:
    if len(secret) < _LEAST_SECRET_LENGTH or not secret.isascii() or not secret.isprintable():
        raise SettingsError(
            f"a token has at least {_LEAST_SECRET_LENGTH} printable ASCII characters"
        )
    return Token(digest(secret), name, at.isoformat(), frozenset(scopes))


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
    needed = SCOPES.get(request.endpoint or "", Scope.READ)
    if needed not in token.scopes:
        raise Forbidden(f"the token {token.name} lacks the scope {needed}")


def _known(store: AuditStore, secret: str) -> Token | None:
    """The record of *secret*; every record is compared, so that time tells nothing."""
    wanted = digest(secret)
    found = [token for token in store.tokens() if hmac.compare_digest(token.digest, wanted)]
    return found[0] if found else None


def _challenge(**parameters: str | None) -> WWWAuthenticate:
    return WWWAuthenticate("bearer", {"realm": "nodeward", **parameters})
