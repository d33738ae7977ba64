"""gunicorn's threaded worker, whose own errors have the shape of all others."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

from gunicorn.http.errors import ParseException
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from service import telemetry
from service.errors import EngineError, InputError
from service.serving import problem

if TYPE_CHECKING:
    import socket

_LOG = telemetry.logger(__name__)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Answers what never became a request of the app: broken HTTP, headers over the limits."""

    def handle_error(
        self, _request: object, client: socket.socket, _peer: object, error: Exception
    ) -> None:
        """Refuse with a problem, whose request ends here."""
        request_id = str(uuid.uuid4())
        kind, status = (InputError.code, InputError.title), HTTPStatus.BAD_REQUEST
        if isinstance(error, ParseException):
            _LOG.info("request_refused", request_id=request_id, status=status.value)
        else:
            telemetry.count_engine_error()
            _LOG.error("worker_failed", request_id=request_id, exc_info=error)
            kind, status = (EngineError.code, EngineError.title), HTTPStatus.INTERNAL_SERVER_ERROR
        body = problem.document(
            kind,
            status,
            detail="this is no HTTP request that is served here",
            request_id=request_id,
        )
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
            f"Content-Type: {problem.MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            write_nonblock(client, head.encode("ascii") + body)
        except OSError:
            _LOG.info("client_gone", request_id=request_id)
