"""The way of a review past Flask: what an API server sends is plain, and Flask would take most of its time.

Only what is sent as API servers send it goes this way: ``POST /admit`` with a body of known length. All
else, and every error, is Flask's: it has the one form in which a request is refused.
"""

from __future__ import annotations

import math
import time
import uuid
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import parse_qs

import orjson
import structlog
from werkzeug.exceptions import ClientDisconnected, TooManyRequests

from service import telemetry
from service.admission.review import Operation, read_review
from service.admission.review import response as review_response
from service.model.refs import (
    CALICO_V1,
    CALICO_V3,
    KUBERNETES_NETWORKING,
    SIG_NETWORK_POLICY,
)
from service.serving.reading import headers
from service.serving.request import REQUEST_ID, received
from service.telemetry import ReviewedKind, logger
from webhook.duration import seconds
from webhook.recorder import DECISION_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from service.admission.review import ReviewRequest
    from service.serving.rates import Rates
    from webhook.door import Door
    from webhook.judge import Judgement


PATH: Final = "/admit"
JSON: Final = "application/json"
RAISED: Final = "nodeward.raised"
"""The key of a WSGI environment under which Flask is handed an error to answer."""

_LOG = logger(__name__)


class Reviews:
    """Answers reviews; *rates* bounds how often one address may ask. Any thread may use it."""

    def __init__(self, door: Door, limit_bytes: int, rates: Rates | None) -> None:
        """Answer with *door* what has at most *limit_bytes*."""
        self._door, self._limit_bytes, self._rates = door, limit_bytes, rates

    def before(self, app: WSGIApplication) -> WSGIApplication:
        """The WSGI application that asks *app* only for what is no plain review, or in error."""

        def ask(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            if not self._is_plain(environ):
                return app(environ, start)
            request_id = str(uuid.uuid4())
            structlog.contextvars.bind_contextvars(request_id=request_id)
            try:
                answer, told = self._answered(environ)
            except Exception as error:  # noqa: BLE001  # Flask has the form of every refusal
                environ[RAISED], environ[REQUEST_ID] = error, request_id
                return app(environ, start)
            finally:
                structlog.contextvars.clear_contextvars()
            start("200 OK", [*told, (REQUEST_ID, request_id)])
            return [answer]

        return ask

    def _is_plain(self, environ: WSGIEnvironment) -> bool:
        length = environ.get("CONTENT_LENGTH") or ""
        return (
            environ["PATH_INFO"] == PATH
            and environ["REQUEST_METHOD"] == "POST"
            and environ.get("CONTENT_TYPE") == JSON
            and length.isdecimal()
            and len(length) < _DIGITS
            and int(length) <= self._limit_bytes
            and "HTTP_CONTENT_ENCODING" not in environ
            and "HTTP_TRANSFER_ENCODING" not in environ
        )

    def _answered(self, environ: WSGIEnvironment) -> tuple[bytes, list[tuple[str, str]]]:
        """The answer's body and headers. Raises: HTTPException, InputError, and what is a defect."""
        arrived = time.monotonic()
        self.let_in(environ.get("REMOTE_ADDR") or "")
        limit_s = _limit_s(environ.get("QUERY_STRING") or "")
        length = int(environ["CONTENT_LENGTH"])
        source: IO[bytes] = environ["wsgi.input"]
        sent = received(lambda: source.read(length))
        if len(sent) < length:
            raise ClientDisconnected
        answer, judgement = self.answered(sent, arrived=arrived, limit_s=limit_s)
        told = [("Content-Type", JSON), ("Content-Length", str(len(answer)))]
        return answer, told + (headers(judgement.reading) if judgement.reading else [])

    def let_in(self, address: str) -> None:
        """Count a review from *address*. Raises: TooManyRequests."""
        if self._rates is not None and (wait_s := self._rates.wait_s(address)):
            telemetry.count_shed()
            raise TooManyRequests(
                "there are too many reviews from this address", retry_after=math.ceil(wait_s)
            )

    def answered(
        self, sent: bytes, *, arrived: float, limit_s: float | None
    ) -> tuple[bytes, Judgement]:
        """The AdmissionReview that answers the one in *sent*, and how it was judged.

        Raises: JsonError, ReviewError, TooManyRequests.
        """
        complete = time.monotonic()
        review = read_review(sent)
        structlog.contextvars.bind_contextvars(uid=review.uid)
        judgement = self._door.answer(review, arrived=arrived, limit_s=limit_s)
        _tell(review, judgement, duration_s=time.monotonic() - complete)
        return orjson.dumps(review_response(judgement.decision)), judgement


_DIGITS: Final = 12


def _limit_s(query: str) -> float | None:
    """How long the API server waits, which it says as ``timeout=10s``, and nothing else."""
    name, _, value = query.partition("=")
    if name == "timeout" and value.isalnum():
        return seconds(value)
    return seconds(parse_qs(query).get("timeout", [""])[0])


def _tell(review: ReviewRequest, judgement: Judgement, *, duration_s: float) -> None:
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
