"""The certificate that the door shows: renewed on disk, served from the next connection on.

gunicorn asks for a context for every connection; building one costs a millisecond, so it is built
once for each state of the files. A pair that cannot be used leaves the last good one in place.
"""

from __future__ import annotations

import ssl
import threading
from typing import TYPE_CHECKING, TypeAlias

from service.serving.sockets import BoundedTlsSocket
from service.telemetry import logger

if TYPE_CHECKING:
    from pathlib import Path

FileState: TypeAlias = tuple[int, int, int]

_LOG = logger(__name__)


class Contexts:
    """The TLS context of one certificate and key. Any thread may ask."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        """Nothing is read before the first connection. Only clients that *client_ca* knows are let in."""
        self._client_ca = client_ca
        self._certificate = certificate
        self._key = key
        self._lock = threading.Lock()
        self._tried: tuple[FileState, ...] | None = None
        self._context: ssl.SSLContext | None = None

    def current(self) -> ssl.SSLContext:
        """The context of the newest pair that could be used; two stat calls where nothing changed.

        Raises: OSError (ssl.SSLError is one) if no pair was ever usable.
        """
        with self._lock:
            try:
                files = (self._certificate, self._key, *filter(None, [self._client_ca]))
                state = tuple(map(_state, files))
                if state != self._tried or self._context is None:
                    self._tried = state
                    self._context = build(self._certificate, self._key, self._client_ca)
                    _LOG.info("certificate_loaded", file=str(self._certificate))
            except OSError as error:
                if self._context is None:
                    raise
                if self._tried is not None:
                    _LOG.warning("certificate_kept", file=str(self._certificate), error=str(error))
            return self._context


def build(certificate: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """A server's context: TLS 1.2 or newer, and sockets that do not wait for ever.

    With *client_ca*, a client must show a certificate of one of these authorities.

    Raises: OSError (ssl.SSLError is one) if the pair cannot be read or does not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = BoundedTlsSocket
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def _state(path: Path) -> FileState:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size
