"""What a case may expect, and how answers are compared with it."""

from __future__ import annotations

import pytest

from service.audit.expectation import parse_expectation
from service.errors import InputError

FLOW = {"from": {"ip": "203.0.113.9"}, "to": {"node": "w1"}, "protocol": "TCP", "port": 80}
FINDING = {
    "check": "nodeport-unguarded",
    "reason": "selects-nothing",
    "result": "fail",
    "severity": "high",
    "subject": {"group": "", "kind": "Service", "namespace": "default", "name": "web"},
    "message": "port 30080 is open on w2",
    "location": {"file": "cluster.yaml", "line": 7, "pointer": ""},
    "key": ["30080", "TCP"],
    "details": {"nodes": ["w1", "w2"]},
}
REFUSAL = {
    "response": {
        "uid": "u",
        "allowed": False,
        "status": {"code": 403, "message": "port 30080 is open on w2"},
        "warnings": ["an old fault"],
        "auditAnnotations": {"findings": "a-check/a-reason=warn,b-check/b-reason=fail"},
    }
}
STAGE = {"node": "w1", "hook": "preDNAT", "policy": "deny", "rule": 0, "verdict": "deny"}
TRACE = {
    "disposition": "unknown",
    "at_host": "denied",
    "stages": [STAGE],
    "unknown": ["pods are not modelled yet"],
}


class Told:
    """A door with one answer to each question."""

    def __init__(self, findings=(FINDING,)):
        self._findings = list(findings)

    def findings(self):
        return self._findings

    def review(self, _review):
        return REFUSAL

    def trace(self, _flow):
        return TRACE


def differences(door=None, **expected):
    expectation = parse_expectation(expected, "expect.yaml")
    return [*expectation.differences(door or Told(), {name: {} for name in expectation.reviews})]


@pytest.mark.parametrize(
    "finding",
    [
        {"check": "nodeport-unguarded"},
        {"subject": "Service default/web", "result": "fail"},
        {"nodes": ["w2", "w1"]},
        {"contains": ["30080", "w2"]},
        {"key": [30080, "TCP"]},
        {"line": 7},
    ],
)
def test_a_finding_agrees_in_what_is_given(finding):
    assert [] == differences(audit={"findings": [finding]})


@pytest.mark.parametrize(
    "finding",
    [
        {"check": "another"},
        {"subject": "Service other/web"},
        {"nodes": ["w2"]},
        {"contains": "w3"},
        {"key": ["30081", "TCP"]},
        {"line": 8},
        {"reason": "failsafe"},
    ],
)
def test_a_finding_that_is_not_there_is_told(finding):
    assert 1 == len(differences(audit={"findings": [finding]}))


def test_a_pass_is_no_finding_unless_it_is_asked_for():
    passed = Told([{**FINDING, "result": "pass"}])
    check = {"check": "nodeport-unguarded"}
    assert 1 == len(differences(passed, audit={"findings": [check]}))
    assert [] == differences(passed, audit={"findings": [{**check, "result": "pass"}]})
    assert [] == differences(passed, audit={"pass": ["nodeport-unguarded"]})


def test_a_check_that_should_pass_and_does_not_is_told():
    assert 1 == len(differences(audit={"pass": ["nodeport-unguarded"]}))


def test_exactly_refuses_what_is_not_expected():
    door = Told([FINDING, {**FINDING, "reason": "failsafe"}])
    expected = [{"check": "nodeport-unguarded", "reason": "failsafe"}]
    assert [] == differences(door, audit={"findings": expected})
    assert 1 == len(differences(door, audit={"findings": expected, "exactly": True}))


def test_exactly_all_refuses_what_any_other_check_finds():
    door = Told([FINDING, {**FINDING, "check": "another"}])
    expected = [{"check": "nodeport-unguarded"}]
    assert [] == differences(door, audit={"findings": expected, "exactly": True})
    assert 1 == len(differences(door, audit={"findings": expected, "exactly": "all"}))
    assert 2 == len(differences(door, audit={"exactly": "all"}))


@pytest.mark.parametrize(
    "review",
    [
        {"allowed": False},
        {"allowed": False, "check": "b-check", "reason": "b-reason"},
        {"reason": "a-reason"},
        {"contains": ["30080"]},
        {"warnings": ["old"]},
    ],
)
def test_a_review_agrees_in_what_is_given(review):
    assert [] == differences(review=review)


@pytest.mark.parametrize(
    "review",
    [
        {"allowed": True},
        {"allowed": False, "check": "a-check"},
        {"reason": "c-reason"},
        {"contains": ["30081"]},
        {"warnings": ["new"]},
        {"warnings": []},
    ],
)
def test_a_review_that_differs_is_told(review):
    assert 1 == len(differences(review=review))


@pytest.mark.parametrize(
    ("expected", "count"),
    [
        ({"disposition": "unknown", "at_host": "denied"}, 0),
        ({"policy": "deny", "rule": 0, "hook": "preDNAT"}, 0),
        ({"unknown": "pods"}, 0),
        ({"disposition": "allowed", "at_host": "allowed"}, 2),
        ({"policy": "deny", "rule": 1}, 1),
        ({"unknown": "masquerade"}, 1),
    ],
)
def test_a_trace_is_compared_by_disposition_and_by_any_one_stage(expected, count):
    assert count == len(differences(flows=[{"flow": FLOW, **expected}]))


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"adit": {}},
        {"audit": []},
        {"audit": {"finding": []}},
        {"audit": {"findings": {}}},
        {"audit": {"findings": [{"checked": "x"}]}},
        {"flows": [{"flow": {}}]},
        {"flows": [{"flow": FLOW, "fate": "denied"}]},
        {"review": {"allow": False}},
        {"reviews": {"request-1": 7}},
    ],
)
def test_what_nobody_could_expect_is_refused(raw):
    with pytest.raises(InputError):
        parse_expectation(raw, "expect.yaml")


def test_a_flow_that_is_none_is_refused_by_its_place():
    with pytest.raises(InputError, match=r"expect\.yaml /flows/0/flow/to: "):
        parse_expectation({"flows": [{"flow": {**FLOW, "to": {}}}]}, "expect.yaml")


def test_reviews_and_requests_belong_together():
    expectation = parse_expectation({"review": {"allowed": True}}, "expect.yaml")
    expectation.check_requests({"request"})
    with pytest.raises(InputError, match=r"there is no request\.yaml"):
        expectation.check_requests(())
    with pytest.raises(InputError, match=r"nothing is expected of request-2\.yaml"):
        expectation.check_requests({"request", "request-2"})
