"""The contract of decisions: what their bodies and queries hold, as in `schemas`."""

from __future__ import annotations

from marshmallow import fields, validate

from service.admission.record import Answer
from service.api.schemas import BATCH_LIMIT, SHORT, Finding, Paged, PageQuery, Strict, asked, told


class Override(Strict):
    """What let a request pass that was refused."""

    way = told(fields.String, "break-glass or exempt-account")
    reason = told(fields.String, "as the caller gave it, or the account that is exempt")
    checks = told(
        fields.List, "the checks that were passed", cls_or_instance=fields.String(validate=SHORT)
    )


class Decision(Strict):
    """One admission decision: who asked what, and what was answered, with its proof."""

    id = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9a-f-]{32,64}$(?!\n)"),
        metadata={"description": "of the decision; also in the API server's audit annotations"},
    )
    at = fields.String(
        required=True,
        validate=validate.Regexp(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$(?!\n)"),
        metadata={"description": "when it was answered: RFC 3339 in UTC with microseconds"},
    )
    instance = told(fields.String, "the door that answered", validate=SHORT)
    answer = told(
        fields.String,
        "how it was answered; unjudged took the branch of on_error",
        validate=validate.OneOf([answer.value for answer in Answer]),
    )
    review = told(fields.String, "uid of the review", validate=SHORT)
    operation = told(fields.String, "CREATE, UPDATE, DELETE or CONNECT", validate=SHORT)
    group = told(fields.String, "API group as reviewed", validate=SHORT)
    version = told(fields.String, "API version as reviewed", validate=SHORT)
    kind = told(fields.String, "kind", validate=SHORT)
    namespace = told(fields.String, "namespace; empty for a cluster-scoped object", validate=SHORT)
    name = told(
        fields.String, "name; empty while the server has yet to generate it", validate=SHORT
    )
    subresource = told(fields.String, "subresource; mostly empty", validate=SHORT)
    user = told(fields.String, "who asked")
    groups = told(fields.List, "the caller's groups", cls_or_instance=fields.String())
    before = told(fields.String, "SHA-256 of what the object said before", allow_none=True)
    after = told(
        fields.String,
        "SHA-256 of what it says after; the same in both of Calico's groups",
        allow_none=True,
    )
    allowed = told(fields.Boolean, "whether the request was let through")
    code = told(fields.Integer, "HTTP-like status of the answer")
    message = told(fields.String, "what the caller of a refused request was told")
    warnings = told(fields.List, "what the caller was warned of", cls_or_instance=fields.String())
    findings = told(
        fields.List, "what the checks said, with its proof", cls_or_instance=fields.Nested(Finding)
    )
    override = told(
        fields.Nested, "what let a refused request pass", nested=Override, allow_none=True
    )
    revision = told(fields.String, "of the state that was judged by; empty for manifests")
    age_s = told(
        fields.Float, "age of that state, in seconds; null where there was none", allow_none=True
    )
    duration_s = told(fields.Float, "time from the whole review to its answer, in seconds")


class DecisionBatch(Strict):
    """Decisions that a door ships."""

    decisions = fields.List(
        fields.Nested(Decision), required=True, validate=validate.Length(1, BATCH_LIMIT)
    )


class Kept(Strict):
    """What became of a batch."""

    kept = told(fields.Integer, "decisions that were not known yet")
    known = told(fields.Integer, "decisions that were kept before")


class DecisionQuery(PageQuery):
    """Which decisions are wanted; every parameter restricts."""

    answer = asked(
        fields.String, "how it was answered", validate=validate.OneOf([one.value for one in Answer])
    )
    operation = asked(fields.String, "CREATE, UPDATE or DELETE", validate=SHORT)
    kind = asked(fields.String, "kind of the object", validate=SHORT)
    namespace = asked(fields.String, "namespace of the object", validate=SHORT)
    name = asked(fields.String, "name of the object", validate=SHORT)
    user = asked(fields.String, "who asked", validate=SHORT)
    check = asked(fields.String, "id of a check that had something to say", validate=SHORT)
    review = asked(fields.String, "uid of the review", validate=SHORT)
    digest = asked(
        fields.String,
        "of the object before or after: joins the records of one change",
        validate=SHORT,
    )
    since = asked(fields.String, "from this moment on, RFC 3339 in UTC", validate=SHORT)
    until = asked(fields.String, "before this moment, RFC 3339 in UTC", validate=SHORT)


class DecisionPage(Paged):
    """Decisions, newest first."""

    items = told(fields.List, "the decisions", cls_or_instance=fields.Nested(Decision))
