"""The Flask app of the admission door: ``POST /admit``, probes and metrics."""

from __future__ import annotations

import atexit
import ipaddress
import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

from service import telemetry
from service.admission.decide import decide
from service.admission.review import Operation, read_review
from service.admission.review import response as review_response
from service.admission.terms import terms
from service.checks.settings import cluster_profile
from service.cluster.live import open_live
from service.cluster.readiness import is_ready, readiness
from service.cluster.watch import Cluster, Manifests, Watch, read_whole
from service.model.refs import CALICO_V1, CALICO_V3
from service.policy.world import World
from service.serving.reading import tell_reading
from service.serving.request import body, install
from service.settings import load
from service.telemetry import ReviewedKind, ReviewResult, logger
from webhook.certain import Certain
from webhook.duration import seconds
from webhook.judge import Judge
from webhook.warm import warm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.admission.decide import Decision
    from service.admission.review import ReviewRequest
    from service.cluster.watch import Source
    from service.policy.profile import ClusterProfile
    from service.settings import Settings
    from webhook.judge import Decide, Judgement

_JSON: Final = "application/json"
_LOG = logger(__name__)


def create_app(source: Source, judge: Judge, *, body_limit_bytes: int) -> Flask:
    """The door over a running *source*; starts nothing."""
    app = Flask("webhook", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    install(app)
    app.after_request(_count_malformed)
    app.add_url_rule("/admit", "admit", partial(_admit, judge, body_limit_bytes), methods=["POST"])
    app.add_url_rule("/livez", "livez", _livez)
    app.add_url_rule("/readyz", "readyz", partial(_readyz, source))
    app.add_url_rule("/metrics", "metrics", _metrics)
    return app


def serve(served: Manifests | Cluster) -> Flask:
    """The app of a gunicorn worker over what is *served*; settings as of this process.

    Raises: SettingsError, SourceError.
    """
    telemetry.configure_logging()
    settings = load()
    agreed = terms(settings)

    def judged(world: World, review: ReviewRequest) -> Decision:
        return decide(world, review, agreed, now_s=int(time.time()))

    source, certain = _source(served, judged, settings)
    source.start()
    atexit.register(source.close)
    judge = Judge(source, judged, settings.on_error, certain)
    return create_app(source, judge, body_limit_bytes=settings.limits_body_bytes)


def _source(
    served: Manifests | Cluster, judged: Decide, settings: Settings
) -> tuple[Source, Certain | None]:
    """What is *served*, and how a live cluster is judged by. Raises: SourceError."""
    profile = cluster_profile(settings)
    if isinstance(served, Manifests):
        read = partial(_read, served.paths, judged, profile=profile)
        return Watch(served.paths, read), None
    live = open_live(served.context, partial(warm, decide=judged), profile)
    return live, Certain(live, settings.cluster_stale_after_s, settings.cluster_on_stale)


def _read(paths: Sequence[str], judged: Decide, *, profile: ClusterProfile) -> World:
    """The world of the manifests at *paths*, ready to judge. Raises: SourceError."""
    world = World.of(read_whole(paths).snapshot, profile)
    warm(world, judged)
    return world


def _count_malformed(response: Response) -> Response:
    is_refusal = HTTPStatus.BAD_REQUEST <= response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    if request.endpoint == "admit" and is_refusal:
        telemetry.count_review(
            telemetry.Operation.OTHER, ReviewedKind.OTHER, ReviewResult.MALFORMED, seconds=0.0
        )
    return response


def _admit(judge: Judge, limit_bytes: int) -> Response:
    arrived = time.monotonic()
    limit_s = seconds(request.args.get("timeout", ""))
    sent = body(limit_bytes, _JSON)
    complete = time.monotonic()
    review = read_review(sent)
    structlog.contextvars.bind_contextvars(uid=review.uid)
    judgement = judge.judge(review, deadline=None if limit_s is None else arrived + limit_s)
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


def _readyz(source: Source) -> Response:
    reading = source.current
    state = readiness(reading, time.monotonic())
    answer = Response(orjson.dumps(state), 200 if is_ready(state) else 503, mimetype=_JSON)
    tell_reading(answer, reading)
    return answer


def _metrics() -> Response:
    """For whoever is on this host: the API server's side of the network has no business with them."""
    peer = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104  # no address: nobody
    mapped = getattr(peer, "ipv4_mapped", None)
    if not (mapped or peer).is_loopback:
        raise Forbidden("metrics are served to loopback clients only")
    return Response(telemetry.exposition(), content_type=telemetry.METRICS_CONTENT_TYPE)
