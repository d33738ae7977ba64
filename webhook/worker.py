"""gunicorn's threaded worker, whose own errors have the shape of all others."""

from __future__ import annotations

import ssl
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from service.serving import problem
from service.telemetry import count_engine_error, logger

if TYPE_CHECKING:
    import socket

_LOG = logger(__name__)

_STATUS = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Answers what never became a request of the app: broken HTTP, headers over the limits."""

    def handle_quit(self, signal: int, frame: object) -> None:
        """End in order, as on SIGTERM.

        gunicorn's own way closes the thread pool inside the signal handler, which waits for ever if
        the signal met the main thread while it held the pool's lock.
        """
        self.handle_exit(signal, frame)

    def handle_error(
        self, _request: object, client: socket.socket, address: tuple[str, int], error: Exception
    ) -> None:
        """Refuse with a problem; a failed handshake has no channel to say anything on."""
        request_id = str(uuid.uuid4())
        if isinstance(error, ssl.SSLError):
            _LOG.info("handshake_failed", peer=address[0], reason=error.reason)
            return
        if isinstance(error, errors.ParseException):
            status = _STATUS.get(type(error), HTTPStatus.BAD_REQUEST)
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
