"""A folder of certificates on disk: ``ca.crt``, ``ca.key``, ``tls.crt`` and ``tls.key``.

The server pair bears the names of a Kubernetes TLS Secret. ``ca.crt`` is a bundle: the authority in
use first, then those that it replaced and that have not run out, so that clients can be given the
new one before the old one is gone.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from certs import authority, renewal
from certs.authority import CertificateError
from certs.renewal import Action, ServerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

    from certs.authority import Identity

DEFAULT_HOSTS = frozenset(
    {
        "localhost",
        "127.0.0.1",
        "::1",
        "nodeward-webhook",
        "nodeward-webhook.nodeward",
        "nodeward-webhook.nodeward.svc",
        "nodeward-webhook.nodeward.svc.cluster.local",
    }
)
"""Loopback, and the DNS names of the Service in ``deploy/base``."""

_PRIVATE, _PUBLIC = 0o600, 0o644


class Replacement(Enum):
    """Whether an authority that is due may be replaced by a new one."""

    REFUSED = "refused"
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of certificates and the names of its files."""

    path: Path

    @property
    def authority_certificate(self) -> Path:
        """PEM bundle of the authorities that clients should trust."""
        return self.path / "ca.crt"

    @property
    def authority_key(self) -> Path:
        """Private key of the first certificate of the bundle."""
        return self.path / "ca.key"

    @property
    def server_certificate(self) -> Path:
        """PEM certificate that the door shows."""
        return self.path / "tls.crt"

    @property
    def server_key(self) -> Path:
        """Private key of the server certificate."""
        return self.path / "tls.key"

    def ca_bundle(self) -> str:
        """``ca.crt`` in base64, as ``clientConfig.caBundle`` wants it."""
        return base64.b64encode(_read(self.authority_certificate)).decode()


def issue(
    folder: Folder,
    hosts: Iterable[str],
    now: datetime,
    *,
    replacement: Replacement = Replacement.REFUSED,
) -> Action:
    """Make or renew what is due in *folder*, and return what that was. Safe beside other processes.

    A renewed server certificate keeps the hosts that it had and gains *hosts*.

    Raises: CertificateError for an authority whose files cannot be read or do not belong together
    (they are left alone), and for one that is due while its replacement is refused.
    """
    wanted = frozenset(map(authority.canonical_host, hosts))
    with _locked(folder.path):
        trusted = _trusted(folder)
        server = _server(folder, trusted)
        held = authority.validity(trusted[0]) if trusted else None
        action = renewal.due(renewal.State(held, server), wanted, now)
        if action is Action.REPLACE_AUTHORITY and replacement is Replacement.REFUSED:
            raise CertificateError(
                f"the authority in {folder.path} ends on {trusted[0].not_valid_after_utc:%Y-%m-%d}"
                " and is due; every client must then be given the new ca.crt, so it is replaced"
                " only when asked to (--new-authority)"
            )
        if action is not Action.KEEP:
            signer = (
                _signer(folder) if action is Action.ISSUE_SERVER else _found(folder, trusted, now)
            )
            known = server.hosts if server else frozenset()
            _write_server(folder, authority.issue_server(signer, wanted | known, now))
    return action


def _trusted(folder: Folder) -> tuple[Certificate, ...]:
    """The bundle, or nothing where no authority was ever made."""
    path = folder.authority_certificate
    if path.exists():
        return authority.parse_certificates(_read(path), str(path))
    if folder.authority_key.exists():
        raise CertificateError(f"{folder.authority_key} has lost its certificate {path}")
    return ()


def _server(folder: Folder, trusted: tuple[Certificate, ...]) -> ServerState | None:
    """The server pair; None where there is none or it cannot be read: making it anew loses nothing."""
    try:
        pem = folder.server_certificate.read_bytes()
        certificate = authority.parse_certificates(pem, "tls.crt")[0]
        authority.parse_identity(pem, folder.server_key.read_bytes(), "tls.crt")
    except (OSError, CertificateError):
        return None
    signed = any(authority.is_signed_by(certificate, issuer) for issuer in trusted[:1])
    return ServerState(authority.validity(certificate), authority.hosts(certificate), signed)


def _signer(folder: Folder) -> Identity:
    path = folder.authority_certificate
    return authority.parse_identity(_read(path), _read(folder.authority_key), str(path))


def _found(folder: Folder, trusted: tuple[Certificate, ...], now: datetime) -> Identity:
    """A new authority on disk; the bundle keeps those before it that clients may still need."""
    signer = authority.found_authority(now)
    lasting = [old for old in trusted if old.not_valid_after_utc > now]
    bundle = b"".join(map(authority.certificate_pem, (signer.certificate, *lasting)))
    _write(folder.authority_key, signer.key_pem(), _PRIVATE)
    _write(folder.authority_certificate, bundle, _PUBLIC)
    return signer


def _write_server(folder: Folder, server: Identity) -> None:
    _write(folder.server_key, server.key_pem(), _PRIVATE)
    _write(folder.server_certificate, authority.certificate_pem(server.certificate), _PUBLIC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from error


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace *path* in one step: a reader sees the old file or the new one, whole."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder for this process alone; it is made, closed to others, where it is missing."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CertificateError(f"{path} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
