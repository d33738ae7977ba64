"""The Flask app of the admission door: ``POST /admit``, probes and metrics."""

from __future__ import annotations

import atexit
import ipaddress
import time
import uuid
from functools import partial
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Final

import orjson
import structlog
from flask import Flask, Response, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from service import telemetry
from service.admission.decide import decide
from service.admission.review import Operation, read_review
from service.admission.review import response as review_response
from service.checks.settings import check_settings
from service.errors import InputError
from service.model.refs import CALICO_V1, CALICO_V3
from service.settings import load
from service.telemetry import ReviewedKind, ReviewResult, logger
from webhook import problem
from webhook.duration import seconds
from webhook.judge import Judge
from webhook.readiness import is_ready, readiness
from webhook.worlds import Worlds, read_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.admission.review import ReviewRequest
    from webhook.judge import Judgement

_PIECE_BYTES: Final = 2**16
_DISCARDED_PIECES: Final = 2**9
_JSON: Final = "application/json"
_LOG = logger(__name__)


def create_app(worlds: Worlds, judge: Judge, *, body_limit_bytes: int) -> Flask:
    """The door over a running *worlds*; starts nothing."""
    app = Flask("webhook", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.before_request(_name_request)
    app.after_request(_tell_name)
    app.teardown_request(_forget_request)
    app.add_url_rule("/admit", "admit", partial(_admit, judge, body_limit_bytes), methods=["POST"])
    app.add_url_rule("/livez", "livez", _livez)
    app.add_url_rule("/readyz", "readyz", partial(_readyz, worlds))
    app.add_url_rule("/metrics", "metrics", _metrics)
    app.register_error_handler(InputError, _on_input_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_defect)
    return app


def serve(paths: Sequence[str]) -> Flask:
    """The app of a gunicorn worker, over the manifests at *paths*; settings as of this process.

    Raises: SettingsError.
    """
    telemetry.configure_logging()
    settings = load()
    worlds = Worlds(paths, partial(read_world, paths))
    worlds.start()
    atexit.register(worlds.close)
    judge = Judge(worlds, partial(decide, settings=check_settings(settings)), settings.on_error)
    return create_app(worlds, judge, body_limit_bytes=settings.limits_body_bytes)


def _name_request() -> None:
    """A request is told and logged under one id."""
    g.request_id = str(uuid.uuid4())
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _tell_name(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    return response


def _forget_request(_error: BaseException | None) -> None:
    """The thread goes on to lines that are of no request."""
    structlog.contextvars.clear_contextvars()


def _admit(judge: Judge, limit_bytes: int) -> Response:
    arrived = time.monotonic()
    limit_s = seconds(request.args.get("timeout", ""))
    body = _body(limit_bytes)
    complete = time.monotonic()
    review = read_review(body)
    structlog.contextvars.bind_contextvars(uid=review.uid)
    judgement = judge.judge(review, deadline=None if limit_s is None else arrived + limit_s)
    _record(review, judgement, duration_s=time.monotonic() - complete)
    return Response(orjson.dumps(review_response(judgement.decision)), mimetype=_JSON)


def _body(limit_bytes: int) -> bytes:
    """The whole body, of known length or chunked. Raises: HTTPException."""
    if (
        request.mimetype != _JSON
        or request.headers.get("Content-Encoding", "identity") != "identity"
    ):
        raise UnsupportedMediaType(f"a review is sent as {_JSON}, without content encoding")
    try:
        body = request.stream.read(limit_bytes + 1)
        if len(body) > limit_bytes:
            _discard(request.stream)
            raise RequestEntityTooLarge(f"the body is over {limit_bytes} bytes")
    except ParseException as error:
        raise BadRequest("the body is not chunked as HTTP has it") from error
    except OSError as error:
        raise RequestTimeout("the body did not arrive whole") from error
    return body


def _discard(stream: IO[bytes]) -> None:
    """Take the rest off the wire, within reason: a client still sending would not see the answer."""
    for _ in range(_DISCARDED_PIECES):
        if not stream.read(_PIECE_BYTES):
            return


def _record(review: ReviewRequest, judgement: Judgement, *, duration_s: float) -> None:
    """Count and log one answer: the object by its name, never by its content."""
    decision = judgement.decision
    telemetry.count_review(
        _OPERATIONS.get(review.operation, telemetry.Operation.OTHER),
        _KINDS.get((review.kind.group, review.kind.kind), ReviewedKind.OTHER),
        judgement.result,
        seconds=duration_s,
    )
    _LOG.info(
        "review_answered",
        operation=review.operation.value,
        kind=str(review.kind),
        namespace=review.namespace,
        name=review.name,
        user=review.user,
        dry_run=review.dry_run,
        result=judgement.result.value,
        code=decision.code,
        reasons=sorted({f"{verdict.check}/{verdict.reason}" for verdict in decision.verdicts}),
        revision=decision.revision,
        duration_s=round(duration_s, 6),
    )


_OPERATIONS = {
    Operation.CREATE: telemetry.Operation.CREATE,
    Operation.UPDATE: telemetry.Operation.UPDATE,
    Operation.DELETE: telemetry.Operation.DELETE,
}
_KINDS = {
    ("", "Service"): ReviewedKind.SERVICE,
    (CALICO_V3, "GlobalNetworkPolicy"): ReviewedKind.GLOBAL_NETWORK_POLICY,
    (CALICO_V1, "GlobalNetworkPolicy"): ReviewedKind.GLOBAL_NETWORK_POLICY,
}


def _livez() -> Response:
    return Response(b'{"status":"alive"}', mimetype=_JSON)


def _readyz(worlds: Worlds) -> Response:
    state = readiness(worlds.current, time.monotonic())
    return Response(orjson.dumps(state), 200 if is_ready(state) else 503, mimetype=_JSON)


def _metrics() -> Response:
    """For whoever is on this host: the API server's side of the network has no business with them."""
    peer = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104  # no address: nobody
    mapped = getattr(peer, "ipv4_mapped", None)
    if not (mapped or peer).is_loopback:
        raise Forbidden("metrics are served to loopback clients only")
    return Response(telemetry.exposition(), content_type=telemetry.METRICS_CONTENT_TYPE)


def _on_input_error(error: InputError) -> Response:
    status = HTTPStatus.BAD_REQUEST
    _count_malformed()
    _LOG.info("request_refused", status=status, code=error.code, pointer=error.location.pointer)
    return _problem(problem.of_error(error, status=status, request_id=g.request_id), status)


def _on_http_error(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    _count_malformed()
    _LOG.info("request_refused", status=status.value, reason=error.name)
    detail = error.description or status.phrase
    answer = problem.of_status(status, detail=detail, request_id=g.request_id)
    allow = [(name, value) for name, value in error.get_headers() if name == "Allow"]
    return _problem(answer, status, allow)


def _problem(
    document: bytes, status: HTTPStatus, headers: Sequence[tuple[str, str]] = ()
) -> Response:
    return Response(document, status, list(headers), mimetype=problem.MEDIA_TYPE)


def _count_malformed() -> None:
    if request.endpoint == "admit":
        telemetry.count_review(
            telemetry.Operation.OTHER, ReviewedKind.OTHER, ReviewResult.MALFORMED, seconds=0.0
        )


def _on_defect(error: Exception) -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    telemetry.count_engine_error()
    _LOG.error("door_failed", exc_info=error)
    detail = "the request could not be answered; the log tells why under its instance"
    return _problem(problem.of_status(status, detail=detail, request_id=g.request_id), status)
