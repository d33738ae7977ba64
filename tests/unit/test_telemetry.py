from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from service import telemetry


@pytest.fixture
def log_lines():
    """Sets up logging into memory; gives the decoded lines."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    telemetry.configure_logging(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:], level = before
    root.setLevel(level)


def test_an_event_is_one_json_line_with_its_facts(log_lines):
    telemetry.logger("audit").info("audit_run_finished", findings=3)
    (line,) = log_lines()
    assert ("audit_run_finished", "info", 3) == (line["event"], line["level"], line["findings"])


def test_what_is_bound_by_context_is_in_every_line(log_lines):
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        telemetry.logger("door").warning("source_stale")
    assert ["r1"] == [line["request_id"] for line in log_lines()]


def test_a_line_of_a_library_is_json_too(log_lines):
    logging.getLogger("gunicorn.error").warning("worker %s left", 7)
    (line,) = log_lines()
    assert ("worker 7 left", "warning") == (line["event"], line["level"])


def test_a_debug_event_is_left_out(log_lines):
    telemetry.logger("door").debug("tick")
    assert [] == log_lines()


def test_a_review_counts_once_and_is_timed():
    labels = {"operation": "CREATE", "kind": "Service", "result": "denied"}

    def samples():
        return [
            telemetry.REGISTRY.get_sample_value(name, labels_of_sample) or 0
            for name, labels_of_sample in (
                ("nodeward_admission_reviews_total", labels),
                ("nodeward_admission_review_seconds_count", {}),
            )
        ]

    before = samples()
    telemetry.count_review(
        telemetry.Operation.CREATE,
        telemetry.ReviewedKind.SERVICE,
        telemetry.ReviewResult.DENIED,
        seconds=0.01,
    )
    assert [value + 1 for value in before] == samples()


@pytest.mark.parametrize(
    ("count", "sample"),
    [
        (telemetry.count_engine_error, "nodeward_engine_errors_total"),
        (
            lambda: telemetry.count_reload(telemetry.Outcome.FAILED),
            'nodeward_manifests_reloads_total{result="failed"}',
        ),
        (
            lambda: telemetry.count_audit(telemetry.Outcome.OK),
            'nodeward_audits_total{result="ok"}',
        ),
    ],
    ids=["engine error", "reload", "audit"],
)
def test_a_counter_shows_in_the_exposition(count, sample):
    count()
    assert f"\n{sample} " in telemetry.exposition().decode()
