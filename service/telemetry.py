"""What Nodeward tells about its own working: structured logs and Prometheus metrics.

Logs: an event is a stable snake_case name, the facts are keys, and what identifies a request or a
run is bound by context; objects are named by reference, never printed. Metrics: labels come from
the closed sets below only, never from names of objects, so that their number is bounded. One
process, many threads; every metric has its row in docs/metrics.md.
"""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TextIO

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from service import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from structlog.typing import FilteringBoundLogger, Processor

METRICS_CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

REGISTRY: Final = CollectorRegistry()
"""Our own: what other libraries register globally is not exposed by accident."""


class Operation(StrEnum):
    """What a review asks about; OTHER is any word that Kubernetes does not send."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    OTHER = "other"


class ReviewedKind(StrEnum):
    """The kind that a review is about; OTHER is any that no check judges."""

    SERVICE = "Service"
    GLOBAL_NETWORK_POLICY = "GlobalNetworkPolicy"
    HOST_ENDPOINT = "HostEndpoint"
    TIER = "Tier"
    GLOBAL_NETWORK_SET = "GlobalNetworkSet"
    NETWORK_SET = "NetworkSet"
    NETWORK_POLICY = "NetworkPolicy"
    FELIX_CONFIGURATION = "FelixConfiguration"
    KUBE_CONTROLLERS_CONFIGURATION = "KubeControllersConfiguration"
    CLUSTER_NETWORK_POLICY = "ClusterNetworkPolicy"
    ADMIN_NETWORK_POLICY = "AdminNetworkPolicy"
    BASELINE_ADMIN_NETWORK_POLICY = "BaselineAdminNetworkPolicy"
    OTHER = "other"

    @classmethod
    def of(cls, kind: str) -> ReviewedKind:
        """The member of that name, OTHER where there is none."""
        return cls(kind) if kind in _REVIEWED else cls.OTHER


_REVIEWED: Final = frozenset(ReviewedKind)


class ReviewResult(StrEnum):
    """How a review was answered; WARNED is allowed with a warning, MALFORMED got a 4xx."""

    ALLOWED = "allowed"
    WARNED = "warned"
    DENIED = "denied"
    MALFORMED = "malformed"
    ERROR = "error"


class Outcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    FAILED = "failed"


class StaleAnswer(StrEnum):
    """How a review was answered while the cluster was not known well enough."""

    DENIED = "denied"
    WARNED = "warned"


class WatchEnd(StrEnum):
    """How a watch ended; GONE has its list taken anew, of the others it is resumed."""

    ENDED = "ended"
    FAILED = "failed"
    GONE = "gone"


_REVIEWS = Counter(
    "nodeward_admission_reviews",
    "Admission reviews answered.",
    ["operation", "kind", "result"],
    registry=REGISTRY,
)
_REVIEW_SECONDS = Histogram(
    "nodeward_admission_review_seconds",
    "Time from the whole body of a review to its answer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
_ENGINE_ERRORS = Counter(
    "nodeward_engine_errors",
    "Reviews and audits that a defect of Nodeward ended.",
    registry=REGISTRY,
)
_RELOADS = Counter(
    "nodeward_manifests_reloads",
    "Times that changed manifests were read again; after a failure the old world stands.",
    ["result"],
    registry=REGISTRY,
)
_WATCHES = Counter(
    "nodeward_watches",
    "Watches of a live cluster that ended, and why.",
    ["kind", "end"],
    registry=REGISTRY,
)
_DIRECT_READS = Counter(
    "nodeward_direct_reads",
    "Reads of a live cluster beside its watches, to be sure before a denial.",
    ["kind"],
    registry=REGISTRY,
)
_STALE = Counter(
    "nodeward_stale_reviews",
    "Reviews answered by a snapshot older than the setting allows.",
    ["answer"],
    registry=REGISTRY,
)
_SNAPSHOT_AGE = Gauge(
    "nodeward_snapshot_age_seconds",
    "Time since all of a live cluster's snapshot was known to be what its server has.",
    ["cluster"],
    registry=REGISTRY,
)
_SNAPSHOT_REVISION = Gauge(
    "nodeward_snapshot_revision",
    "The highest resourceVersion that is in a live cluster's snapshot.",
    ["cluster"],
    registry=REGISTRY,
)
_AUDITS = Counter("nodeward_audits", "Audits run.", ["result"], registry=REGISTRY)
_EVENTS = Counter(
    "nodeward_events",
    "Events about reviews and audits: published, or dropped.",
    ["result"],
    registry=REGISTRY,
)
_FINDINGS = Gauge(
    "nodeward_findings",
    "Findings of the last audit of a live cluster, those that an exception covers left out.",
    ["cluster", "check", "severity"],
    registry=REGISTRY,
)
_TOLD_FINDINGS: dict[str, set[tuple[str, str]]] = {}
_OVERRIDES = Counter(
    "nodeward_admission_overrides",
    "Refusals that break-glass passed.",
    registry=REGISTRY,
)
_SHED = Counter(
    "nodeward_admission_shed",
    "Reviews that were refused unread, because they could not be answered in time.",
    registry=REGISTRY,
)
_JOURNAL_FAILURES = Counter(
    "nodeward_journal_failures",
    "Decisions that are not known to be on disk.",
    registry=REGISTRY,
)
_SHIPPED = Counter(
    "nodeward_decisions_shipped",
    "Decisions that the audit service has taken, or refused for good.",
    ["result"],
    registry=REGISTRY,
)
_BUILD = Gauge(
    "nodeward_build_info", "1, labelled with the version.", ["version"], registry=REGISTRY
)
_BUILD.labels(__version__).set(1)


def count_event(*, published: bool) -> None:
    """Record one Event that was published, or could not be."""
    _EVENTS.labels((Outcome.OK if published else Outcome.FAILED).value).inc()


def count_override() -> None:
    """Record one refusal that a caller passed by right."""
    _OVERRIDES.inc()


def tell_findings(cluster: str, tally: Mapping[tuple[str, str], int]) -> None:
    """Say how many findings the last audit of *cluster* had, by check and severity; the rest are none."""
    for labels in _TOLD_FINDINGS.get(cluster, set()) - tally.keys():
        _FINDINGS.labels(cluster, *labels).set(0)
    for labels, count in tally.items():
        _FINDINGS.labels(cluster, *labels).set(count)
    _TOLD_FINDINGS[cluster] = _TOLD_FINDINGS.get(cluster, set()) | tally.keys()


def count_shed() -> None:
    """Record one review that was told to come again."""
    _SHED.inc()


def count_journal_failure(records: int = 1) -> None:
    """Record that so many decisions could not be written to the journal."""
    _JOURNAL_FAILURES.inc(records)


def count_shipped(*, shipped: int = 0, refused: int = 0) -> None:
    """Record decisions that the audit service has answered."""
    _SHIPPED.labels(Outcome.OK.value).inc(shipped)
    _SHIPPED.labels(Outcome.FAILED.value).inc(refused)


def count_review(
    operation: Operation, kind: ReviewedKind, result: ReviewResult, *, seconds: float
) -> None:
    """Record one answered review."""
    _REVIEWS.labels(operation.value, kind.value, result.value).inc()
    _REVIEW_SECONDS.observe(seconds)


def count_engine_error() -> None:
    """Record a defect; a human should act on any of them."""
    _ENGINE_ERRORS.inc()


def count_reload(outcome: Outcome) -> None:
    """Record one reading of changed manifests."""
    _RELOADS.labels(outcome.value).inc()


def count_watch(kind: str, end: WatchEnd) -> None:
    """Record the end of a watch of *kind*, which is one of those that are read."""
    _WATCHES.labels(kind, end.value).inc()


def count_direct_read(kind: str) -> None:
    """Record one read of *kind* beside its watch."""
    _DIRECT_READS.labels(kind).inc()


def count_stale(answer: StaleAnswer) -> None:
    """Record one review that was answered by a snapshot that is too old."""
    _STALE.labels(answer.value).inc()


def watch_snapshot(
    cluster: str, *, age_s: Callable[[], float], revision: Callable[[], float]
) -> None:
    """Tell age and revision of a live cluster's snapshot from now on; *cluster* is one of those served."""
    _SNAPSHOT_AGE.labels(cluster).set_function(age_s)
    _SNAPSHOT_REVISION.labels(cluster).set_function(revision)


def count_audit(outcome: Outcome) -> None:
    """Record one audit."""
    _AUDITS.labels(outcome.value).inc()


def exposition() -> bytes:
    """Every metric in the text format, of the type METRICS_CONTENT_TYPE."""
    return generate_latest(REGISTRY)


def configure_logging(stream: TextIO = sys.stderr) -> None:
    """Set up logging of this process, once, at its door: JSON lines, or plain text on a terminal.

    The standard library's loggers go the same way, so that gunicorn's lines are JSON too.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering = _rendering(stream)
    # Our own lines do not go round by the standard library, which costs several times as much.
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *rendering,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def _rendering(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(colors=False)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]


def _json(event: object, **_options: object) -> str:
    return orjson.dumps(event, default=str).decode()


def logger(name: str) -> FilteringBoundLogger:
    """The logger of the module *name*."""
    log: FilteringBoundLogger = structlog.get_logger(name)
    return log
