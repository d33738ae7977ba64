"""The Flask app of the admission door: ``POST /admit``, probes and metrics."""

from __future__ import annotations

import ipaddress
import math
import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, TooManyRequests

from service import telemetry
from service.admission.review import Operation, read_review
from service.admission.review import response as review_response
from service.cluster.readiness import is_ready, readiness
from service.model.refs import (
    CALICO_V1,
    CALICO_V3,
    KUBERNETES_NETWORKING,
    SIG_NETWORK_POLICY,
)
from service.serving.reading import tell_reading
from service.serving.request import body, install
from service.telemetry import ReviewedKind, ReviewResult, logger
from webhook.duration import seconds
from webhook.recorder import DECISION_ID

if TYPE_CHECKING:
    from service.admission.review import ReviewRequest
    from service.cluster.watch import Source
    from service.serving.rates import Rates
    from webhook.door import Door
    from webhook.judge import Judgement

_JSON: Final = "application/json"
_LOG = logger(__name__)


def create_app(
    source: Source,
    door: Door,
    *,
    body_limit_bytes: int,
    rates: Rates | None = None,
    with_operations: bool = True,
) -> Flask:
    """The app that answers reviews, over a running *source*; starts nothing.

    *rates* bounds how often one address may ask. Probes and metrics are served here, too, unless they
    have a port of their own.
    """
    app = _app("webhook")
    app.after_request(_count_malformed)
    admit = partial(_admit, door, body_limit_bytes, rates)
    app.add_url_rule("/admit", "admit", admit, methods=["POST"])
    _add_probes(app, source)
    if with_operations:
        app.add_url_rule("/metrics", "metrics", _metrics_on_this_host)
    return app


def create_operations(source: Source) -> Flask:
    """The app that answers probes and metrics on a port of their own."""
    app = _app("operations")
    _add_probes(app, source)
    app.add_url_rule("/metrics", "metrics", _metrics)
    return app


def _app(name: str) -> Flask:
    app = Flask(name, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    install(app)
    return app


def _add_probes(app: Flask, source: Source) -> None:
    app.add_url_rule("/livez", "livez", _livez)
    app.add_url_rule("/readyz", "readyz", partial(_readyz, source))


def _count_malformed(response: Response) -> Response:
    is_refusal = HTTPStatus.BAD_REQUEST <= response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    if request.endpoint == "admit" and is_refusal:
        telemetry.count_review(
            telemetry.Operation.OTHER, ReviewedKind.OTHER, ReviewResult.MALFORMED, seconds=0.0
        )
    return response


def _admit(door: Door, limit_bytes: int, rates: Rates | None) -> Response:
    arrived = time.monotonic()
    if rates is not None and (wait_s := rates.wait_s(request.remote_addr or "")):
        telemetry.count_shed()
        raise TooManyRequests(
            "there are too many reviews from this address", retry_after=math.ceil(wait_s)
        )
    limit_s = seconds(request.args.get("timeout", ""))
    sent = body(limit_bytes, _JSON)
    complete = time.monotonic()
    review = read_review(sent)
    structlog.contextvars.bind_contextvars(uid=review.uid)
    judgement = door.answer(review, arrived=arrived, limit_s=limit_s)
    _record(review, judgement, duration_s=time.monotonic() - complete)
    answer = Response(orjson.dumps(review_response(judgement.decision)), mimetype=_JSON)
    if judgement.reading is not None:
        tell_reading(answer, judgement.reading)
    return answer


def _record(review: ReviewRequest, judgement: Judgement, *, duration_s: float) -> None:
    """Count and log one answer: the object by its name, never by its content."""
    decision = judgement.decision
    telemetry.count_review(
        _OPERATIONS.get(review.operation, telemetry.Operation.OTHER),
        ReviewedKind.of(review.kind.kind) if review.kind.group in _GROUPS else ReviewedKind.OTHER,
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
        decision_id=decision.audit_annotations.get(DECISION_ID, ""),
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
_GROUPS = frozenset({"", CALICO_V1, CALICO_V3, KUBERNETES_NETWORKING, SIG_NETWORK_POLICY})


def _livez() -> Response:
    return Response(b'{"status":"alive"}', mimetype=_JSON)


def _readyz(source: Source) -> Response:
    reading = source.current
    state = readiness(reading, time.monotonic())
    answer = Response(orjson.dumps(state), 200 if is_ready(state) else 503, mimetype=_JSON)
    tell_reading(answer, reading)
    return answer


def _metrics_on_this_host() -> Response:
    """For whoever is on this host: the API server's side of the network has no business with them."""
    peer = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104  # no address: nobody
    mapped = getattr(peer, "ipv4_mapped", None)
    if not (mapped or peer).is_loopback:
        raise Forbidden("metrics are served to loopback clients only")
    return _metrics()


def _metrics() -> Response:
    return Response(telemetry.exposition(), content_type=telemetry.METRICS_CONTENT_TYPE)
