import time

import pytest

from service import telemetry
from service.admission.decide import Decision
from service.admission.review import Operation, ReviewRequest
from service.cluster.watch import Watch
from service.model.refs import GVK
from service.telemetry import ReviewResult
from tests.watch_factories import make_watch
from webhook.judge import Judge

REVIEW = ReviewRequest(uid="u1", operation=Operation.CREATE, kind=GVK("", "v1", "Service"))


def make_decision(**changes) -> Decision:
    facts = {"uid": "u1", "allowed": True, "code": 200, "message": "", "warnings": ()}
    facts |= {"audit_annotations": {}, "verdicts": (), "revision": ""}
    return Decision(**facts | changes)


def failing(_world, _review):
    raise ZeroDivisionError


@pytest.fixture
def watch(world):
    return make_watch(world)


def judged(watch, decide, *, on_error="deny", deadline=None):
    return Judge(watch, decide, on_error).judge(REVIEW, deadline=deadline)


@pytest.mark.parametrize(
    ("decision", "result"),
    [
        (make_decision(), ReviewResult.ALLOWED),
        (make_decision(warnings=("w",)), ReviewResult.WARNED),
        (make_decision(allowed=False, code=403), ReviewResult.DENIED),
    ],
)
def test_a_decision_is_passed_on_and_counted_as_what_it_is(watch, decision, result):
    judgement = judged(watch, lambda _world, _review: decision)
    assert (judgement.decision, judgement.result) == (decision, result)


def test_a_review_is_judged_in_the_newest_world(watch, world):
    seen = []
    judged(watch, lambda found, _review: seen.append(found) or make_decision())
    assert seen == [world]


def test_a_defect_refuses_by_default(watch):
    judgement = judged(watch, failing)
    decision = judgement.decision
    assert (decision.uid, decision.allowed, decision.code) == ("u1", False, 500)
    assert judgement.result is ReviewResult.ERROR


def test_a_defect_allows_with_a_warning_where_the_owner_said_so(watch):
    decision = judged(watch, failing, on_error="allow").decision
    (warning,) = decision.warnings
    assert decision.allowed
    assert warning.endswith("It is allowed because on_error is allow.")


def test_a_defect_is_counted(watch):
    def count():
        return telemetry.REGISTRY.get_sample_value("nodeward_engine_errors_total")

    before = count()
    judged(watch, failing)
    assert count() == before + 1


@pytest.mark.parametrize("on_error", ["deny", "allow"])
def test_without_a_world_the_owners_branch_is_taken(world, on_error):
    judgement = judged(Watch([], lambda: world), failing, on_error=on_error)
    assert judgement.decision.allowed == (on_error == "allow")
    assert judgement.decision.audit_annotations == {"decision": "unjudged-no-world"}


def test_a_review_whose_time_is_over_is_not_judged(watch):
    judgement = judged(watch, failing, deadline=time.monotonic() - 1)
    assert (judgement.decision.code, judgement.decision.audit_annotations) == (
        504,
        {"decision": "unjudged-late"},
    )


def test_a_refusal_without_judgement_fits_in_three_lines(watch):
    message = judged(watch, failing).decision.message
    assert len(message.splitlines()) <= 3
