import pytest

from service.checks.exceptions import Exceptions, Moment
from service.checks.verdict import Result, Severity, Verdict
from service.model.moments import parse_moment
from service.model.refs import ObjectRef
from service.policy.world import World
from tests.factories import make_exception, make_snapshot

NOW = parse_moment("2026-02-01T00:00:00Z")


def finding(namespace="shop", name="web", *, result=Result.FAIL, reason="no-trailing-deny"):
    subject = ObjectRef("", "Service", namespace, name)
    return Verdict(
        check="nodeport-unguarded",
        subject=subject,
        result=result,
        severity=Severity.HIGH,
        reason=reason,
        message="open",
    )


def exceptions(*objects, now_s=NOW, max_days=90):
    return Exceptions(World(make_snapshot(*objects)), Moment(now_s, max_days))


def by(found):
    return [one.suppression.exception if one.suppression else None for one in found]


def test_a_finding_in_scope_is_borne_by_the_owner_until_the_end():
    [found] = exceptions(make_exception()).suppressed([finding()])
    assert ("borne", "net@example.org", "NET-1", "2026-03-01T00:00:00Z") == (
        found.suppression.exception,
        found.suppression.owner,
        found.suppression.ticket,
        found.suppression.expires,
    )
    assert (Result.FAIL, False) == (found.result, found.counts)


@pytest.mark.parametrize(
    "other",
    [
        finding("dev"),
        finding(result=Result.PASS),
    ],
)
def test_another_namespace_and_a_pass_are_left_alone(other):
    assert [other] == list(exceptions(make_exception()).suppressed([other]))


def test_reasons_and_names_narrow_an_exception():
    narrow = make_exception(
        reasons=["no-trailing-deny"], scope={"kind": "Service", "namespace": "shop", "name": "web"}
    )
    told = [finding(), finding(reason="family-forgotten"), finding(name="api")]
    assert ["borne", None, None] == by(exceptions(narrow).suppressed(told))


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        ("2025-12-31T23:59:59Z", None),
        ("2026-01-01T00:00:00Z", "borne"),
        ("2026-02-28T23:59:59Z", "borne"),
        ("2026-03-01T00:00:00Z", None),
    ],
)
def test_an_exception_holds_from_its_start_until_its_end(moment, covered):
    found = exceptions(make_exception(), now_s=parse_moment(moment)).suppressed([finding()])
    assert [covered] == by(found)


def test_no_exception_holds_longer_than_it_may():
    long = make_exception(expires="2030-01-01T00:00:00Z")
    assert ["borne"] == by(exceptions(long).suppressed([finding()]))
    late = parse_moment("2026-04-02T00:00:00Z")
    assert [None] == by(exceptions(long, now_s=late).suppressed([finding()]))


def test_what_is_over_or_covers_nothing_is_stale():
    over = make_exception("over", notBefore="2025-01-01T00:00:00Z", expires="2025-02-01T00:00:00Z")
    used, unused = make_exception("used"), make_exception("unused", check="object-ignored")
    told = exceptions(over, used, unused)
    list(told.suppressed([finding()]))
    stale = told.stale({"nodeport-unguarded", "object-ignored"})
    assert [("over", "expired"), ("unused", "unused")] == [
        (one.subject.name, one.reason) for one in stale
    ]


def test_an_exception_whose_check_was_not_run_is_not_called_unused():
    assert [] == list(exceptions(make_exception()).stale({"object-ignored"}))


def test_an_exception_of_the_future_is_not_stale():
    early = parse_moment("2025-06-01T00:00:00Z")
    assert [] == list(exceptions(make_exception(), now_s=early).stale({"nodeport-unguarded"}))
