"""Connections that do not wait for ever for their client.

gunicorn blocks a worker thread on a connection without any limit: a few clients that send a byte and
fall silent would occupy all of them.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

REQUEST_S: Final = 10.0
"""Within so many seconds a request must have arrived whole: the API server's own default limit."""


class BoundedSocket(socket.socket):
    """A connection that delivers each request, and takes each piece of an answer, within REQUEST_S.

    A late client counts as gone (ECONNRESET), which gunicorn passes over without a stack trace.
    """

    is_late: bool = False
    """Whether the client was, once; there is no use in waiting for it again."""

    _deadline: float = 0.0

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  # the signature of socket.socket
        """Blocking means here: until the deadline of the request that starts now."""
        super().setblocking(flag)
        if flag:
            self._deadline = time.monotonic() + REQUEST_S
            self.settimeout(REQUEST_S)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """What has arrived, waiting no longer than the request's deadline."""
        allowed = self.gettimeout()
        if allowed:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise self._late()
            self.settimeout(min(allowed, left))
        try:
            return super().recv(buflen, flags)
        except TimeoutError:
            raise self._late() from None
        finally:
            self.settimeout(allowed)

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send all of *data*, to a client that takes it."""
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> ConnectionResetError:
        self.is_late = True
        return ConnectionResetError(errno.ECONNRESET, "the client is too slow")


class BoundedTlsSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS."""
