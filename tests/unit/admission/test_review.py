import copy

import pytest

from service.admission import review
from service.admission.decide import Decision
from service.admission.review import Operation, ReviewError, parse_review, response
from service.errors import InputError
from service.model.refs import GVK
from tests.review_factories import SERVICE, UID, make_review


def make_decision(**changes) -> Decision:
    facts = {"uid": "1", "allowed": True, "code": 200, "message": "", "warnings": ()}
    facts |= {"audit_annotations": {}, "verdicts": (), "revision": ""}
    return Decision(**facts | changes)


def without(name: str) -> dict:
    made = copy.deepcopy(make_review())
    del made["request"][name]
    return made


def test_every_field_of_a_request_is_read():
    read = parse_review(make_review())
    assert (read.uid, read.operation, read.kind, read.resource) == (
        UID,
        Operation.CREATE,
        GVK("", "v1", "Service"),
        "services",
    )
    assert (read.name, read.namespace, read.user, read.groups, read.dry_run) == (
        "bar",
        "shop",
        "jane",
        ("dev", "system:authenticated"),
        False,
    )
    assert (read.object, read.old_object, read.options) == (
        SERVICE,
        None,
        {"kind": "CreateOptions"},
    )


@pytest.mark.parametrize("name", ["name", "namespace", "userInfo", "dryRun", "options", "resource"])
def test_what_a_judgement_does_not_need_may_be_absent(name):
    assert parse_review(without(name)).uid == UID


def test_a_deletion_is_read_from_its_old_object():
    read = parse_review(make_review(operation="DELETE", object=None, oldObject=SERVICE))
    assert (read.object, read.old_object) == (None, SERVICE)


def test_a_connection_needs_no_object():
    options = {"apiVersion": "v1", "kind": "PodExecOptions"}
    kind = {"version": "v1", "kind": "PodExecOptions"}
    read = parse_review(make_review(operation="CONNECT", kind=kind, object=options))
    assert read.operation is Operation.CONNECT


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        ({"uid": ""}, "/request/uid"),
        ({"uid": None}, "/request/uid"),
        ({"uid": 5}, "/request/uid"),
        ({"operation": "PATCH"}, "/request/operation"),
        ({"operation": None}, "/request/operation"),
        ({"kind": None}, "/request/kind"),
        ({"kind": {"group": "", "version": "", "kind": "Service"}}, "/request/kind/version"),
        ({"kind": {"group": 1, "version": "v1", "kind": "Service"}}, "/request/kind/group"),
        ({"object": None}, "/request/object"),
        ({"object": []}, "/request/object"),
        ({"object": {"kind": "Service"}}, "/request/object/apiVersion"),
        ({"object": SERVICE | {"kind": "Pod"}}, "/request/object/kind"),
        ({"operation": "UPDATE"}, "/request/oldObject"),
        ({"operation": "DELETE"}, "/request/oldObject"),
        (
            {"operation": "DELETE", "oldObject": SERVICE | {"kind": "Pod"}},
            "/request/oldObject/kind",
        ),
        ({"dryRun": "yes"}, "/request/dryRun"),
        ({"userInfo": {"username": 1}}, "/request/userInfo/username"),
        ({"userInfo": {"groups": ["a", 1]}}, "/request/userInfo/groups/1"),
    ],
)
def test_a_malformed_request_is_refused_where_it_is_wrong(request_, pointer):
    with pytest.raises(ReviewError) as caught:
        parse_review(make_review(**request_))
    assert caught.value.location.pointer == pointer


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (None, ""),
        ([], ""),
        ({}, "/apiVersion"),
        ({"apiVersion": "admission.k8s.io/v1beta1"}, "/apiVersion"),
        ({"apiVersion": "admission.k8s.io/v1", "kind": "Review"}, "/kind"),
        ({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}, "/request"),
    ],
)
def test_what_is_no_review_of_this_version_is_refused(raw, pointer):
    with pytest.raises(ReviewError) as caught:
        parse_review(raw)
    assert caught.value.location.pointer == pointer


def test_an_allowed_request_is_answered_with_its_uid():
    assert response(make_decision()) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "1", "allowed": True},
    }


def test_a_refusal_is_forbidden_and_says_why():
    decision = make_decision(allowed=False, code=403, message="port 30010 is open")
    assert response(decision)["response"]["status"] == {
        "status": "Failure",
        "code": 403,
        "reason": "Forbidden",
        "message": "port 30010 is open",
    }


def test_audit_annotations_are_passed_on():
    decision = make_decision(audit_annotations={"decision": "allowed"})
    assert response(decision)["response"]["auditAnnotations"] == {"decision": "allowed"}


def test_a_warning_is_one_line_without_control_characters():
    decision = make_decision(warnings=("one\r\ntwo\x1b[31m",))
    assert response(decision)["response"]["warnings"] == ["one two [31m"]


def test_a_long_warning_is_cut_visibly():
    (warning,) = response(make_decision(warnings=("x" * 1000,)))["response"]["warnings"]
    assert (len(warning), warning[-1]) == (review.WARNING_LIMIT, "…")


def test_warnings_beyond_the_limit_are_counted_in_the_last():
    warnings = response(make_decision(warnings=("x" * 200,) * 100))["response"]["warnings"]
    assert sum(map(len, warnings)) <= review.WARNINGS_LIMIT
    assert warnings[-1].startswith(f"{100 - len(warnings) + 1} more warnings do not fit")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"a":1,"a":2}', b"[NaN]"])
def test_a_body_that_is_no_review_is_an_input_error(body):
    with pytest.raises(InputError):
        review.read_review(body)


def test_every_other_field_of_a_request_is_read():
    user = {"username": "jane", "uid": "7", "extra": {"scopes": ["a", "b"]}}
    read = parse_review(make_review(userInfo=user, subResource="status", dryRun=True))
    assert ("7", {"scopes": ("a", "b")}, "status", True) == (
        read.user_uid,
        {name: tuple(values) for name, values in dict(read.extra).items()},
        read.subresource,
        read.dry_run,
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (403, "Forbidden"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (418, "InternalError"),
    ],
)
def test_a_refusal_has_the_reason_of_its_code(code, reason):
    told = response(make_decision(allowed=False, code=code))["response"]["status"]
    assert (code, reason) == (told["code"], told["reason"])


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ([], "a review is an object, not a list"),
        (make_review(uid=5), "uid is a number, not text"),
        (make_review(dryRun="yes"), "dryRun is text, not true or false"),
        (make_review(object=[]), "object is a list, not an object"),
        (make_review(userInfo={"groups": [True]}), "groups/0 is true or false, not text"),
    ],
)
def test_what_is_wrong_is_said_in_words(raw, complaint):
    with pytest.raises(ReviewError) as caught:
        parse_review(raw)
    assert complaint == caught.value.detail


@pytest.mark.parametrize(("length", "shown"), [(256, "x" * 256), (257, "x" * 255 + "…")])
def test_a_warning_is_cut_where_it_is_too_long(length, shown):
    assert 256 == review.WARNING_LIMIT
    assert [shown] == response(make_decision(warnings=("x" * length,)))["response"]["warnings"]


def test_warnings_that_fit_exactly_are_all_told():
    count = review.WARNINGS_LIMIT // review.WARNING_LIMIT
    fitting = ("x" * review.WARNING_LIMIT,) * count
    assert [*fitting] == response(make_decision(warnings=fitting))["response"]["warnings"]
    told = response(make_decision(warnings=(*fitting, "y")))["response"]["warnings"]
    rest = f"{count + 1 - (count - 1)} more warnings do not fit; nodeward audit shows all"
    assert [*fitting[: count - 1], rest] == told
