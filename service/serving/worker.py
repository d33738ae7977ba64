"""gunicorn's threaded worker, which no client can hold up, and whose errors have the shape of all others."""

from __future__ import annotations

import errno
import selectors
import ssl
import time
import uuid
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gunicorn import sock, util
from gunicorn.http import errors, get_parser
from gunicorn.workers.gthread import ThreadWorker

from service.serving import problem
from service.serving.sockets import BoundedSocket
from service.telemetry import count_engine_error, logger

if TYPE_CHECKING:
    import socket
    from concurrent.futures import Future

    from gunicorn.workers.gthread import TConn

SETUP_S: Final = 3.0
"""So many seconds a new connection is left to a client that sends nothing."""

_CLIENT_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN})
_LOG = logger(__name__)
_STATUSES: Final = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Gives a thread to a connection only while there is something to read from it, or to answer.

    gunicorn's own waits for the first byte of a connection and for every step of a handshake in a
    thread of the pool, and for the client's end of a closed one in the main thread.
    """

    def handle_quit(self, signal: int, frame: object) -> None:
        """End in order, as on SIGTERM.

        gunicorn's own way closes the thread pool inside the signal handler, which waits for ever if
        the signal met the main thread while it held the pool's lock.
        """
        self.handle_exit(signal, frame)

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to a thread; a new one only when its first bytes have arrived."""
        if conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock = BoundedSocket(fileno=conn.sock.detach())
        self._await_client(conn)

    def _await_client(self, conn: TConn) -> None:
        """Leave the connection to the poller, which closes it when its time is over."""
        conn.sock.settimeout(0)
        conn.timeout = time.monotonic() + SETUP_S
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def finish_request(self, conn: TConn, done: Future[object]) -> None:
        """Go on in the main thread with a connection that was in another."""
        if conn.sock.fileno() < 0:
            self.nr_conns -= 1
        elif not conn.data_ready:
            self._await_client(conn)
        else:
            super().finish_request(conn, done)

    def handle(self, conn: TConn) -> bool:
        """Answer a request, or shake hands as far as the client has got. Whether to go on."""
        going_on: bool
        if self.cfg.is_ssl and not conn.initialized:
            going_on = self._shake_hands(conn)
        else:
            going_on = super().handle(conn)
        if not going_on and conn.sock.fileno() >= 0:
            # Here, because a graceful end waits until the client has closed, too.
            conn.close(graceful=not conn.sock.is_late)
        return going_on

    def _shake_hands(self, conn: TConn) -> bool:
        """Whether to go on; ``data_ready`` says no more until the client sends more."""
        conn.data_ready = False
        try:
            if not isinstance(conn.sock, ssl.SSLSocket):
                conn.sock = sock.ssl_wrap_socket(conn.sock, self.cfg)
            conn.sock.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except ssl.SSLEOFError:
            return False  # as a probe of the port does
        except ssl.SSLError as error:
            self.handle_error(None, conn.sock, conn.client, error)
            return False
        except OSError as error:
            if error.errno not in _CLIENT_GONE:
                _LOG.exception("tls_unavailable")
            return False
        conn.parser = get_parser(self.cfg, conn.sock, conn.client)
        conn.initialized = True
        return True

    def handle_error(
        self, _request: object, client: socket.socket, address: tuple[str, int], error: Exception
    ) -> None:
        """Refuse with a problem; failed TLS has no channel to say anything on."""
        request_id = str(uuid.uuid4())
        if isinstance(error, ssl.SSLError):
            _LOG.info("tls_failed", peer=address[0], reason=error.reason)
            return
        if isinstance(error, errors.ParseException):
            status = _STATUSES.get(type(error), HTTPStatus.BAD_REQUEST)
            detail = "the bytes are no HTTP request that this door accepts"
            _LOG.info("request_refused", request_id=request_id, status=status.value)
        else:
            count_engine_error()
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            detail = "the request could not be answered; the log tells why"
            _LOG.error("worker_failed", request_id=request_id, exc_info=error)
        try:
            util.write_nonblock(client, _answer(status, detail, request_id))
        except OSError:
            _LOG.info("client_gone", request_id=request_id)


def _answer(status: HTTPStatus, detail: str, request_id: str) -> bytes:
    body = problem.document(problem.kind_of(status), status, detail=detail, request_id=request_id)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        f"Content-Type: {problem.MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
