"""The Flask app of the admission door: ``POST /admit``, probes and metrics."""

from __future__ import annotations

import ipaddress
import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

from service import telemetry
from service.cluster.readiness import is_ready, readiness
from service.serving.reading import tell_reading
from service.serving.request import body, install
from service.telemetry import ReviewedKind, ReviewResult
from webhook.duration import seconds
from webhook.reviews import JSON, PATH, RAISED, Reviews

if TYPE_CHECKING:
    from service.cluster.watch import Source
    from service.serving.rates import Rates
    from webhook.door import Door


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
    reviews = Reviews(door, body_limit_bytes, rates)
    admit = partial(_admit, reviews, body_limit_bytes)
    app.add_url_rule(PATH, "admit", admit, methods=["POST"])
    app.wsgi_app = reviews.before(app.wsgi_app)  # type: ignore[method-assign, assignment]  # as Flask documents it
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


def _admit(reviews: Reviews, limit_bytes: int) -> Response:
    """A review that was not sent as API servers do, or the error that another one ended in."""
    raised = request.environ.get(RAISED)
    if raised is not None:
        raise raised
    arrived = time.monotonic()
    reviews.let_in(request.remote_addr or "")
    limit_s = seconds(request.args.get("timeout", ""))
    sent = body(limit_bytes, JSON)
    text, judgement = reviews.answered(sent, arrived=arrived, limit_s=limit_s)
    answer = Response(text, mimetype=JSON)
    if judgement.reading is not None:
        tell_reading(answer, judgement.reading)
    return answer


def _livez() -> Response:
    return Response(b'{"status":"alive"}', mimetype=JSON)


def _readyz(source: Source) -> Response:
    reading = source.current
    state = readiness(reading, time.monotonic())
    answer = Response(orjson.dumps(state), 200 if is_ready(state) else 503, mimetype=JSON)
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
