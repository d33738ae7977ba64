import time
from dataclasses import replace

import orjson
import pytest

from service.admission.decide import Decision, decide
from service.admission.override import Override, Way
from service.admission.review import parse_review
from service.admission.terms import Terms
from service.cluster.watch import Reading
from service.journal.reader import Reader
from service.journal.writer import Journal, JournalError
from service.policy.world import World
from service.telemetry import ReviewResult
from tests.decision_factories import NODE_PORT
from tests.factories import make_node, make_snapshot
from tests.review_factories import make_review
from webhook.judge import Judgement
from webhook.recorder import DECISION_ID, Recorder

REFUSED = parse_review(make_review(object=NODE_PORT))
WORLD = World(make_snapshot(make_node("w1", internal="10.0.0.11")))


class FullJournal:
    """A journal whose disk takes nothing."""

    def append(self, _record, _wanted, *, timeout_s):
        assert timeout_s >= 0
        raise JournalError("the disk is full")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


def judgement(review=REFUSED, **changes):
    decision = replace(decide(WORLD, review, Terms(), now_s=0), **changes)
    result = ReviewResult.ALLOWED if decision.allowed else ReviewResult.DENIED
    return Judgement(decision, result, Reading(WORLD, time.monotonic()))


def recorded(folder, judged, review=REFUSED, deadline=None):
    journal = Journal(folder)
    try:
        recorder = Recorder(journal, "answer", "door-1")
        return recorder.recorded(review, judged, started=time.monotonic(), deadline=deadline)
    finally:
        journal.close()


def test_a_denial_is_on_disk_and_names_its_record(folder):
    found = recorded(folder, judgement()).decision
    [record] = Reader(folder).records()
    identity = found.audit_annotations[DECISION_ID]
    assert (identity, "denied", "door-1", True) == (
        record["id"],
        record["answer"],
        record["instance"],
        0 <= record["age_s"] < 5,
    )
    assert f"[decision {identity}]" == found.message.splitlines()[-1]


def test_an_override_is_recorded_as_one(folder):
    override = Override(Way.BREAK_GLASS, "incident 7", ("nodeport-unguarded",))
    recorded(folder, judgement(allowed=True, override=override))
    [record] = Reader(folder).records()
    assert ("overridden", "incident 7") == (record["answer"], record["override"]["reason"])


def test_an_unjudged_review_is_recorded_without_age(folder):
    recorded(folder, Judgement(Decision("1", allowed=False, code=503), ReviewResult.ERROR))
    [record] = Reader(folder).records()
    assert ("unjudged", None) == (record["answer"], record["age_s"])


def test_a_dry_run_leaves_no_record_and_has_an_id(folder):
    found = recorded(folder, judgement(), replace(REFUSED, dry_run=True))
    assert [] == list(Reader(folder).records())
    assert found.decision.audit_annotations[DECISION_ID]


def unrecorded(on_failure, judged):
    recorder = Recorder(FullJournal(), on_failure, "door-1")
    return recorder.recorded(REFUSED, judged, started=time.monotonic(), deadline=None)


def test_what_cannot_be_recorded_is_answered_as_decided_with_a_warning():
    found = unrecorded("answer", judgement()).decision
    assert (False, 403, True) == (
        found.allowed,
        found.code,
        "could not record this decision: the disk is full" in found.warnings[-1],
    )


def test_what_cannot_be_recorded_is_refused_by_setting():
    override = Override(Way.BREAK_GLASS, "incident 7", ("nodeport-unguarded",))
    found = unrecorded("deny", judgement(allowed=True, override=override))
    assert (False, 503, ReviewResult.ERROR) == (
        found.decision.allowed,
        found.decision.code,
        found.result,
    )


@pytest.mark.parametrize("on_failure", ["answer", "deny"])
def test_an_admission_without_a_word_does_not_wait_for_the_disk(on_failure):
    found = unrecorded(on_failure, judgement(allowed=True, verdicts=(), message=""))
    assert (True, ()) == (found.decision.allowed, found.decision.warnings)


def test_a_record_is_one_line_of_json(folder):
    recorded(folder, judgement(warnings=("two\nlines",)))
    [record] = Reader(folder).records()
    assert ["two\nlines"] == record["warnings"]
    assert b"\n" not in orjson.dumps(record)
