"""The contract: what bodies and queries hold. openapi.yaml is made from these.

The dataclasses and TypedDicts of the floors are the truth; a test compares the fields.
"""

from __future__ import annotations

from typing import Any, Final

from marshmallow import RAISE, Schema, fields, validate

from service.admission.record import Answer
from service.checks.verdict import Result, Severity
from service.reports.document import exporters

NAME_LIMIT: Final = 255
MANIFESTS_LIMIT: Final = 1000
PAGE_LIMIT: Final = 1_000_000
PAGE_SIZE_LIMIT: Final = 500
BATCH_LIMIT: Final = 1000
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*$(?!\n)"


class Strict(Schema):
    """A schema that names every field there is."""

    class Meta:
        """Unknown fields are errors, and ``additionalProperties: false`` in the specification."""

        unknown = RAISE


def _told(kind: type[fields.Field[Any]], text: str, **options: Any) -> fields.Field[Any]:  # noqa: ANN401
    """A field of an answer, always there."""
    return kind(required=True, metadata={"description": text}, **options)


def _asked(kind: type[fields.Field[Any]], text: str, **options: Any) -> fields.Field[Any]:  # noqa: ANN401
    """A field of a question that may be left out."""
    return kind(metadata={"description": text}, **options)


_SEVERITIES = validate.OneOf([severity.value for severity in Severity])
_RESULTS = validate.OneOf([result.value for result in Result if result is not Result.PASS])
_SHORT = validate.Length(max=NAME_LIMIT)


class PageQuery(Strict):
    """Which page of a list is wanted."""

    page = _asked(fields.Integer, "from 1", load_default=1, validate=validate.Range(1, PAGE_LIMIT))
    page_size = _asked(
        fields.Integer, "items a page", load_default=50, validate=validate.Range(1, PAGE_SIZE_LIMIT)
    )


class FindingQuery(PageQuery):
    """Which findings of an audit are wanted; every parameter restricts."""

    check = _asked(fields.String, "id of the check", load_default="", validate=_SHORT)
    severity = _asked(fields.String, "exactly this severity", validate=_SEVERITIES)
    result = _asked(fields.String, "exactly this result", validate=_RESULTS)
    subject = _asked(
        fields.String,
        "kind, and namespace/name or name: `Service default/web`",
        load_default="",
        validate=validate.Length(max=2 * NAME_LIMIT),
    )


class WorldQuery(Strict):
    """In which cluster a question is asked."""

    audit = _asked(
        fields.String,
        "id of an audit whose manifests were uploaded; left out, the manifests that the service serves",
        load_default="",
        validate=_SHORT,
    )


class ExposureQuery(PageQuery, WorldQuery):
    """Whose exposures are wanted."""

    service = _asked(
        fields.String,
        "namespace/name of a Service",
        load_default="",
        validate=validate.Length(max=2 * NAME_LIMIT),
    )


class ReportQuery(Strict):
    """In which form a report is wanted."""

    format = _asked(
        fields.String,
        "left out, the Accept header decides",
        validate=validate.OneOf([*exporters()]),
    )


class ManifestBody(Strict):
    """One text of YAML or JSON documents."""

    name = fields.String(
        required=True,
        validate=[validate.Length(1, NAME_LIMIT), validate.Regexp(_PRINTABLE)],
        metadata={"description": "how findings name the text, such as a path"},
    )
    content = fields.String(required=True, metadata={"description": "the text itself"})


class AuditBody(Strict):
    """The manifests of a cluster; later texts replace objects of earlier ones."""

    manifests = fields.List(
        fields.Nested(ManifestBody), required=True, validate=validate.Length(1, MANIFESTS_LIMIT)
    )


class TraceBody(WorldQuery):
    """A flow to be followed."""

    flow = fields.Dict(
        required=True,
        metadata={"description": "the flow in the trace format: from, to, protocol, port …"},
    )


class InputFault(Strict):
    """A document that could not be read."""

    code = _told(fields.String, "kind of fault")
    detail = _told(fields.String, "what is wrong")
    file = _told(fields.String, "name of the manifest")
    line = _told(fields.Integer, "from 1; 0 where not known")
    column = _told(fields.Integer, "from 1; 0 where not known")
    pointer = _told(fields.String, "JSON pointer in the document")


class AuditRun(Strict):
    """One audit: what was judged, with which settings and version, and what came of it."""

    id = _told(fields.String, "follows from manifests, settings, version and clock")
    started_at = _told(fields.String, "RFC 3339, UTC")
    version = _told(fields.String, "of Nodeward")
    digest = _told(fields.String, "SHA-256 of the objects as read")
    revision = _told(fields.String, "of the source, where it has one")
    sources = _told(fields.List, "paths or names that were read", cls_or_instance=fields.String())
    files = _told(fields.Integer, "texts that were given")
    documents = _told(fields.Integer, "documents in them")
    objects = _told(fields.Integer, "objects that were read")
    checks = _told(fields.List, "ids of the checks that ran", cls_or_instance=fields.String())
    settings = _told(fields.Dict, "settings in force, by name", keys=fields.String())
    skipped = _told(
        fields.Dict,
        "documents of kinds that are not read, by kind",
        keys=fields.String(),
        values=fields.Integer(),
    )
    errors = _told(
        fields.List, "documents that could not be read", cls_or_instance=fields.Nested(InputFault)
    )
    counts = _told(
        fields.Dict, "findings by severity", keys=fields.String(), values=fields.Integer()
    )


class Subject(Strict):
    """The object at fault."""

    group = _told(fields.String, "API group; empty for the core group")
    kind = _told(fields.String, "kind")
    namespace = _told(fields.String, "namespace; empty for a cluster-scoped object")
    name = _told(fields.String, "name")


class Location(Strict):
    """Where the fault is written."""

    file = _told(fields.String, "name of the manifest")
    line = _told(fields.Integer, "from 1; 0 where not known")
    pointer = _told(fields.String, "JSON pointer in the document")


class Witness(Strict):
    """The packet that proves a finding."""

    flow = _told(fields.Dict, "the packet in the trace format, for POST /v1/trace")
    text = _told(fields.String, "the packet for people")


class DecidingRule(Strict):
    """What decided a packet, or stood in a rule's place."""

    tier = _told(fields.String, "tier; empty where none decided")
    policy = _told(fields.String, "policy; empty where none decided")
    rule = _told(fields.Integer, "index of the rule in its direction", allow_none=True)
    hook = _told(fields.String, "untracked, preDNAT, forward or normal")
    direction = _told(fields.String, "ingress or egress")
    reason = _told(fields.String, "rule, end-of-tier, profile, failsafe …")
    text = _told(fields.String, "all of it for people")


class Fix(Strict):
    """A change that the engine has verified."""

    summary = _told(fields.String, "what it does")
    yaml = _told(fields.String, "manifests to apply")


class Suppression(Strict):
    """The exception that somebody answers with."""

    exception = _told(fields.String, "name of the NodewardException")
    reason = _told(fields.String, "why the finding is borne")
    owner = _told(fields.String, "who answers for it")
    ticket = _told(fields.String, "where it is tracked")
    expires = _told(fields.String, "when the finding counts again, RFC 3339 in UTC")


class Finding(Strict):
    """A verdict that is no pass, with its proof."""

    fingerprint = _told(fields.String, "the same in every audit that finds this")
    check = _told(fields.String, "id of the check")
    reason = _told(fields.String, "code of the reason")
    result = _told(fields.String, "how the check ended", validate=_RESULTS)
    severity = _told(fields.String, "how bad it is", validate=_SEVERITIES)
    score = _told(fields.Float, "severity as a number, 0 to 10")
    subject = _told(fields.Nested, "the object at fault", nested=Subject)
    message = _told(fields.String, "what is wrong")
    advice = _told(fields.String, "what to do")
    location = _told(fields.Nested, "where it is written", nested=Location, allow_none=True)
    key = _told(fields.List, "what in the subject is meant", cls_or_instance=fields.String())
    witness = _told(fields.Nested, "the proof", nested=Witness, allow_none=True)
    rules = _told(fields.List, "what decided", cls_or_instance=fields.Nested(DecidingRule))
    gaps = _told(
        fields.List, "what was not known", cls_or_instance=fields.String(), data_key="unknown"
    )
    details = _told(fields.Dict, "further facts of the check")
    fix = _told(fields.Nested, "a verified change", nested=Fix, allow_none=True)
    suppression = _told(
        fields.Nested,
        "the exception that covers it; a finding that has one does not count",
        nested=Suppression,
        allow_none=True,
    )


class Paged(Strict):
    """A page of a list."""

    total = _told(fields.Integer, "items in all")
    page = _told(fields.Integer, "this page, from 1")
    page_size = _told(fields.Integer, "items a page")


class AuditPage(Paged):
    """Audits, newest first."""

    items = _told(fields.List, "the audits", cls_or_instance=fields.Nested(AuditRun))


class FindingPage(Paged):
    """Findings of one audit, in its order."""

    audit = _told(fields.String, "id of the audit; null before the first", allow_none=True)
    items = _told(fields.List, "the findings", cls_or_instance=fields.Nested(Finding))


class ExposurePart(Strict):
    """The packets that one rule, or what stands in its place, decides."""

    decision = _told(fields.String, "allow, deny or undecided")
    rule = _told(fields.Nested, "what decided", nested=DecidingRule)
    sources = _told(fields.List, "their sources", cls_or_instance=fields.String())
    certain = _told(fields.Boolean, "whether all of them surely are among these packets")
    witness = _told(fields.Nested, "one of the packets", nested=Witness)


class Exposure(Strict):
    """Which sources reach a port of a Service at one entry of nodes that answer alike."""

    service = _told(fields.String, "namespace/name")
    port = _told(fields.String, "name of the Service's port, or its number")
    node_port = _told(fields.String, "port of the nodes; the whole range while none is allocated")
    protocol = _told(fields.String, "TCP, UDP or SCTP")
    family = _told(fields.Integer, "4 or 6")
    nodes = _told(fields.List, "names of the nodes", cls_or_instance=fields.String())
    interface = _told(fields.String, "interface by which packets enter; empty where not known")
    denied = _told(fields.List, "sources denied", cls_or_instance=fields.String())
    allowed = _told(fields.List, "sources allowed by a rule", cls_or_instance=fields.String())
    undecided = _told(fields.List, "sources that no rule decides", cls_or_instance=fields.String())
    unknown_sources = _told(
        fields.List, "sources of which it is not known", cls_or_instance=fields.String()
    )
    gaps = _told(
        fields.List, "what was not known", cls_or_instance=fields.String(), data_key="unknown"
    )
    rules = _told(fields.List, "what decided", cls_or_instance=fields.Nested(DecidingRule))
    parts = _told(fields.List, "cause by cause", cls_or_instance=fields.Nested(ExposurePart))


class ExposurePage(Paged):
    """Exposures of one world."""

    digest = _told(fields.String, "SHA-256 of the objects")
    items = _told(fields.List, "the exposures", cls_or_instance=fields.Nested(Exposure))


class Report(Strict):
    """A whole audit."""

    run = _told(fields.Nested, "the audit", nested=AuditRun)
    verify = _told(fields.String, "the command that repeats it")
    findings = _told(fields.List, "all findings", cls_or_instance=fields.Nested(Finding))


class Stage(Strict):
    """One hook that a packet passed."""

    node = _told(fields.String, "node")
    hook = _told(fields.String, "hook")
    direction = _told(fields.String, "ingress or egress")
    endpoint = _told(fields.String, "endpoint that governs; empty for none")
    verdict = _told(fields.String, "allow, deny, undecided, skipped, unknown or translated")
    tier = _told(fields.String, "tier")
    policy = _told(fields.String, "policy")
    rule = _told(fields.Integer, "index of the rule", allow_none=True)
    reason = _told(fields.String, "why")
    note = _told(fields.String, "further words")


class Default(Strict):
    """A value that nobody wrote, and that the API server or Calico fills in."""

    object = _told(fields.String, "the object that lacks it")
    pointer = _told(fields.String, "JSON pointer of the field")
    value = _told(fields.String, "JSON text")
    source = _told(fields.String, "who fills it in")


class Trace(Strict):
    """What becomes of a flow, hook by hook."""

    flow = _told(fields.Dict, "the flow as it was understood")
    disposition = _told(fields.String, "allowed, denied or unknown")
    at_host = _told(fields.String, "the same by the hosts' own hooks, whatever pods' policies say")
    stages = _told(fields.List, "the hooks", cls_or_instance=fields.Nested(Stage))
    gaps = _told(
        fields.List, "what was not known", cls_or_instance=fields.String(), data_key="unknown"
    )
    defaults = _told(
        fields.List,
        "defaults of the endpoints, policies and tiers that judged the flow",
        cls_or_instance=fields.Nested(Default),
    )


class Override(Strict):
    """What let a request pass that was refused."""

    way = _told(fields.String, "break-glass or exempt-account")
    reason = _told(fields.String, "as the caller gave it, or the account that is exempt")
    checks = _told(
        fields.List, "the checks that were passed", cls_or_instance=fields.String(validate=_SHORT)
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
    instance = _told(fields.String, "the door that answered", validate=_SHORT)
    answer = _told(
        fields.String,
        "how it was answered; unjudged took the branch of on_error",
        validate=validate.OneOf([answer.value for answer in Answer]),
    )
    review = _told(fields.String, "uid of the review", validate=_SHORT)
    operation = _told(fields.String, "CREATE, UPDATE, DELETE or CONNECT", validate=_SHORT)
    group = _told(fields.String, "API group as reviewed", validate=_SHORT)
    version = _told(fields.String, "API version as reviewed", validate=_SHORT)
    kind = _told(fields.String, "kind", validate=_SHORT)
    namespace = _told(
        fields.String, "namespace; empty for a cluster-scoped object", validate=_SHORT
    )
    name = _told(
        fields.String, "name; empty while the server has yet to generate it", validate=_SHORT
    )
    subresource = _told(fields.String, "subresource; mostly empty", validate=_SHORT)
    user = _told(fields.String, "who asked")
    groups = _told(fields.List, "the caller's groups", cls_or_instance=fields.String())
    before = _told(fields.String, "SHA-256 of what the object said before", allow_none=True)
    after = _told(
        fields.String,
        "SHA-256 of what it says after; the same in both of Calico's groups",
        allow_none=True,
    )
    allowed = _told(fields.Boolean, "whether the request was let through")
    code = _told(fields.Integer, "HTTP-like status of the answer")
    message = _told(fields.String, "what the caller of a refused request was told")
    warnings = _told(fields.List, "what the caller was warned of", cls_or_instance=fields.String())
    findings = _told(
        fields.List, "what the checks said, with its proof", cls_or_instance=fields.Nested(Finding)
    )
    override = _told(
        fields.Nested, "what let a refused request pass", nested=Override, allow_none=True
    )
    revision = _told(fields.String, "of the state that was judged by; empty for manifests")
    age_s = _told(
        fields.Float, "age of that state, in seconds; null where there was none", allow_none=True
    )
    duration_s = _told(fields.Float, "time from the whole review to its answer, in seconds")


class DecisionBatch(Strict):
    """Decisions that a door ships."""

    decisions = fields.List(
        fields.Nested(Decision), required=True, validate=validate.Length(1, BATCH_LIMIT)
    )


class Kept(Strict):
    """What became of a batch."""

    kept = _told(fields.Integer, "decisions that were not known yet")
    known = _told(fields.Integer, "decisions that were kept before")


class DecisionQuery(PageQuery):
    """Which decisions are wanted; every parameter restricts."""

    answer = _asked(
        fields.String, "how it was answered", validate=validate.OneOf([one.value for one in Answer])
    )
    operation = _asked(fields.String, "CREATE, UPDATE or DELETE", validate=_SHORT)
    kind = _asked(fields.String, "kind of the object", validate=_SHORT)
    namespace = _asked(fields.String, "namespace of the object", validate=_SHORT)
    name = _asked(fields.String, "name of the object", validate=_SHORT)
    user = _asked(fields.String, "who asked", validate=_SHORT)
    check = _asked(fields.String, "id of a check that had something to say", validate=_SHORT)
    review = _asked(fields.String, "uid of the review", validate=_SHORT)
    digest = _asked(
        fields.String,
        "of the object before or after: joins the records of one change",
        validate=_SHORT,
    )
    since = _asked(fields.String, "from this moment on, RFC 3339 in UTC", validate=_SHORT)
    until = _asked(fields.String, "before this moment, RFC 3339 in UTC", validate=_SHORT)


class DecisionPage(Paged):
    """Decisions, newest first."""

    items = _told(fields.List, "the decisions", cls_or_instance=fields.Nested(Decision))


class Alive(Strict):
    """The answer of a probe."""

    status = _told(fields.String, "alive")


class Ready(Strict):
    """The answer of the probe that tells whether questions can be answered."""

    status = _told(
        fields.String,
        "degraded: the served manifests cannot be used as they are now, and the last good ones stand",
        validate=validate.OneOf(["ready", "degraded"]),
    )
    age_s = _told(fields.Float, "seconds since the served manifests were read", allow_none=True)
    digest = _told(fields.String, "of the served manifests that were good last", allow_none=True)
    failure = _told(fields.String, "why the newest served manifests cannot be used")


class ProblemFault(Strict):
    """One fault of a request."""

    detail = _told(fields.String, "what is wrong")
    pointer = fields.String(metadata={"description": "where in the body, as JSON pointer"})
    parameter = fields.String(metadata={"description": "which query parameter"})


class Problem(Strict):
    """Every error (RFC 9457). Its type is documented in docs/problems.md."""

    type = _told(fields.String, "/problems/ and the code")
    title = _told(fields.String, "the same for every problem of a type")
    status = _told(fields.Integer, "HTTP status")
    detail = _told(fields.String, "about this occurrence")
    instance = _told(fields.String, "id of the request, as in the log")
    errors = _told(
        fields.List, "each fault that was found", cls_or_instance=fields.Nested(ProblemFault)
    )
