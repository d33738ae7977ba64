"""The contract: what bodies and queries hold. openapi.yaml is made from these.

The dataclasses and TypedDicts of the floors are the truth; a test compares the fields.
"""

from __future__ import annotations

from typing import Any, Final

from marshmallow import RAISE, Schema, fields, validate

from service.checks.verdict import Result, Severity
from service.reports.document import exporters

NAME_LIMIT: Final = 255
MANIFESTS_LIMIT: Final = 1000
PAGE_LIMIT: Final = 1_000_000
PAGE_SIZE_LIMIT: Final = 500
BATCH_LIMIT: Final = 1000
PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*$(?!\n)"


class Strict(Schema):
    """A schema that names every field there is."""

    class Meta:
        """Unknown fields are errors, and ``additionalProperties: false`` in the specification."""

        unknown = RAISE


def told(kind: type[fields.Field[Any]], text: str, **options: Any) -> fields.Field[Any]:  # noqa: ANN401
    """A field of an answer, always there."""
    return kind(required=True, metadata={"description": text}, **options)


def asked(kind: type[fields.Field[Any]], text: str, **options: Any) -> fields.Field[Any]:  # noqa: ANN401
    """A field of a question that may be left out."""
    return kind(metadata={"description": text}, **options)


SEVERITIES = validate.OneOf([severity.value for severity in Severity])
RESULTS = validate.OneOf([result.value for result in Result if result is not Result.PASS])
SHORT = validate.Length(max=NAME_LIMIT)


class PageQuery(Strict):
    """Which page of a list is wanted."""

    page = asked(fields.Integer, "from 1", load_default=1, validate=validate.Range(1, PAGE_LIMIT))
    page_size = asked(
        fields.Integer, "items a page", load_default=50, validate=validate.Range(1, PAGE_SIZE_LIMIT)
    )


class FindingQuery(PageQuery):
    """Which findings of an audit are wanted; every parameter restricts."""

    check = asked(fields.String, "id of the check", load_default="", validate=SHORT)
    severity = asked(fields.String, "exactly this severity", validate=SEVERITIES)
    result = asked(fields.String, "exactly this result", validate=RESULTS)
    subject = asked(
        fields.String,
        "kind, and namespace/name or name: `Service default/web`",
        load_default="",
        validate=validate.Length(max=2 * NAME_LIMIT),
    )


class LatestQuery(FindingQuery):
    """Which findings of the latest audit are wanted."""

    cluster = asked(
        fields.String,
        "name of a served cluster, where several are",
        load_default="",
        validate=validate.Length(max=NAME_LIMIT),
    )


class WorldQuery(Strict):
    """In which cluster a question is asked."""

    audit = asked(
        fields.String,
        "id of an audit whose manifests were uploaded; left out, the cluster that the service serves",
        load_default="",
        validate=SHORT,
    )
    cluster = asked(
        fields.String,
        "name of a served cluster, where several are",
        load_default="",
        validate=validate.Length(max=NAME_LIMIT),
    )


class ExposureQuery(PageQuery, WorldQuery):
    """Whose exposures are wanted."""

    service = asked(
        fields.String,
        "namespace/name of a Service",
        load_default="",
        validate=validate.Length(max=2 * NAME_LIMIT),
    )


class ReportQuery(Strict):
    """In which form a report is wanted."""

    format = asked(
        fields.String,
        "left out, the Accept header decides",
        validate=validate.OneOf([*exporters()]),
    )


class ManifestBody(Strict):
    """One text of YAML or JSON documents."""

    name = fields.String(
        required=True,
        validate=[validate.Length(1, NAME_LIMIT), validate.Regexp(PRINTABLE)],
        metadata={"description": "how findings name the text, such as a path"},
    )
    content = fields.String(required=True, metadata={"description": "the text itself"})


class AuditBody(Strict):
    """The manifests of a cluster; later texts replace objects of earlier ones."""

    manifests = fields.List(
        fields.Nested(ManifestBody), required=True, validate=validate.Length(1, MANIFESTS_LIMIT)
    )


class InputFault(Strict):
    """A document that could not be read."""

    code = told(fields.String, "kind of fault")
    detail = told(fields.String, "what is wrong")
    file = told(fields.String, "name of the manifest")
    line = told(fields.Integer, "from 1; 0 where not known")
    column = told(fields.Integer, "from 1; 0 where not known")
    pointer = told(fields.String, "JSON pointer in the document")


class AuditRun(Strict):
    """One audit: what was judged, with which settings and version, and what came of it."""

    id = told(fields.String, "follows from manifests, settings, version and clock")
    started_at = told(fields.String, "RFC 3339, UTC")
    version = told(fields.String, "of Nodeward")
    digest = told(fields.String, "SHA-256 of the objects as read")
    revision = told(fields.String, "of the source, where it has one")
    age_s = told(fields.Float, "how old a live cluster's objects may have been", allow_none=True)
    sources = told(fields.List, "paths or names that were read", cls_or_instance=fields.String())
    files = told(fields.Integer, "texts that were given")
    documents = told(fields.Integer, "documents in them")
    objects = told(fields.Integer, "objects that were read")
    checks = told(fields.List, "ids of the checks that ran", cls_or_instance=fields.String())
    settings = told(fields.Dict, "settings in force, by name", keys=fields.String())
    skipped = told(
        fields.Dict,
        "documents of kinds that are not read, by kind",
        keys=fields.String(),
        values=fields.Integer(),
    )
    errors = told(
        fields.List, "documents that could not be read", cls_or_instance=fields.Nested(InputFault)
    )
    counts = told(
        fields.Dict, "findings by severity", keys=fields.String(), values=fields.Integer()
    )


class Subject(Strict):
    """The object at fault."""

    group = told(fields.String, "API group; empty for the core group")
    kind = told(fields.String, "kind")
    namespace = told(fields.String, "namespace; empty for a cluster-scoped object")
    name = told(fields.String, "name")


class Location(Strict):
    """Where the fault is written."""

    file = told(fields.String, "name of the manifest")
    line = told(fields.Integer, "from 1; 0 where not known")
    pointer = told(fields.String, "JSON pointer in the document")


class Witness(Strict):
    """The packet that proves a finding."""

    flow = told(fields.Dict, "the packet in the trace format, for POST /v1/trace")
    text = told(fields.String, "the packet for people")


class DecidingRule(Strict):
    """What decided a packet, or stood in a rule's place."""

    tier = told(fields.String, "tier; empty where none decided")
    policy = told(fields.String, "policy; empty where none decided")
    rule = told(fields.Integer, "index of the rule in its direction", allow_none=True)
    hook = told(fields.String, "untracked, preDNAT, forward or normal")
    direction = told(fields.String, "ingress or egress")
    reason = told(fields.String, "rule, end-of-tier, profile, failsafe …")
    text = told(fields.String, "all of it for people")


class Fix(Strict):
    """A change that the engine has verified."""

    summary = told(fields.String, "what it does")
    yaml = told(fields.String, "manifests to apply")


class Suppression(Strict):
    """The exception that somebody answers with."""

    exception = told(fields.String, "name of the NodewardException")
    reason = told(fields.String, "why the finding is borne")
    owner = told(fields.String, "who answers for it")
    ticket = told(fields.String, "where it is tracked")
    expires = told(fields.String, "when the finding counts again, RFC 3339 in UTC")


class Finding(Strict):
    """A verdict that is no pass, with its proof."""

    fingerprint = told(fields.String, "the same in every audit that finds this")
    check = told(fields.String, "id of the check")
    reason = told(fields.String, "code of the reason")
    result = told(fields.String, "how the check ended", validate=RESULTS)
    severity = told(fields.String, "how bad it is", validate=SEVERITIES)
    score = told(fields.Float, "severity as a number, 0 to 10")
    subject = told(fields.Nested, "the object at fault", nested=Subject)
    message = told(fields.String, "what is wrong")
    advice = told(fields.String, "what to do")
    location = told(fields.Nested, "where it is written", nested=Location, allow_none=True)
    key = told(fields.List, "what in the subject is meant", cls_or_instance=fields.String())
    witness = told(fields.Nested, "the proof", nested=Witness, allow_none=True)
    rules = told(fields.List, "what decided", cls_or_instance=fields.Nested(DecidingRule))
    gaps = told(
        fields.List, "what was not known", cls_or_instance=fields.String(), data_key="unknown"
    )
    details = told(fields.Dict, "further facts of the check")
    fix = told(fields.Nested, "a verified change", nested=Fix, allow_none=True)
    revision = told(fields.String, "of the state that was judged, where it has one")
    age_s = told(fields.Float, "how old that state may have been, s", allow_none=True)
    suppression = told(
        fields.Nested,
        "the exception that covers it; a finding that has one does not count",
        nested=Suppression,
        allow_none=True,
    )


class Paged(Strict):
    """A page of a list."""

    total = told(fields.Integer, "items in all")
    page = told(fields.Integer, "this page, from 1")
    page_size = told(fields.Integer, "items a page")


class AuditPage(Paged):
    """Audits, newest first."""

    items = told(fields.List, "the audits", cls_or_instance=fields.Nested(AuditRun))


class FindingPage(Paged):
    """Findings of one audit, in its order."""

    audit = told(fields.String, "id of the audit; null before the first", allow_none=True)
    items = told(fields.List, "the findings", cls_or_instance=fields.Nested(Finding))


class ExposurePart(Strict):
    """The packets that one rule, or what stands in its place, decides."""

    decision = told(fields.String, "allow, deny or undecided")
    rule = told(fields.Nested, "what decided", nested=DecidingRule)
    sources = told(fields.List, "their sources", cls_or_instance=fields.String())
    certain = told(fields.Boolean, "whether all of them surely are among these packets")
    witness = told(fields.Nested, "one of the packets", nested=Witness)


class Exposure(Strict):
    """Which sources reach a port of a Service at one entry of nodes that answer alike."""

    service = told(fields.String, "namespace/name")
    port = told(fields.String, "name of the Service's port, or its number")
    node_port = told(fields.String, "port of the nodes; the whole range while none is allocated")
    protocol = told(fields.String, "TCP, UDP or SCTP")
    family = told(fields.Integer, "4 or 6")
    nodes = told(fields.List, "names of the nodes", cls_or_instance=fields.String())
    interface = told(fields.String, "interface by which packets enter; empty where not known")
    denied = told(fields.List, "sources denied", cls_or_instance=fields.String())
    allowed = told(fields.List, "sources allowed by a rule", cls_or_instance=fields.String())
    undecided = told(fields.List, "sources that no rule decides", cls_or_instance=fields.String())
    unknown_sources = told(
        fields.List, "sources of which it is not known", cls_or_instance=fields.String()
    )
    gaps = told(
        fields.List, "what was not known", cls_or_instance=fields.String(), data_key="unknown"
    )
    rules = told(fields.List, "what decided", cls_or_instance=fields.Nested(DecidingRule))
    parts = told(fields.List, "cause by cause", cls_or_instance=fields.Nested(ExposurePart))


class ExposurePage(Paged):
    """Exposures of one world."""

    digest = told(fields.String, "SHA-256 of the objects; null for a live cluster", allow_none=True)
    revision = told(fields.String, "of the state that answered, where it has one")
    items = told(fields.List, "the exposures", cls_or_instance=fields.Nested(Exposure))


class Report(Strict):
    """A whole audit."""

    run = told(fields.Nested, "the audit", nested=AuditRun)
    verify = told(fields.String, "the command that repeats it")
    findings = told(fields.List, "all findings", cls_or_instance=fields.Nested(Finding))


class ProblemFault(Strict):
    """One fault of a request."""

    detail = told(fields.String, "what is wrong")
    pointer = fields.String(metadata={"description": "where in the body, as JSON pointer"})
    parameter = fields.String(metadata={"description": "which query parameter"})


class Problem(Strict):
    """Every error (RFC 9457). Its type is documented in docs/problems.md."""

    type = told(fields.String, "/problems/ and the code")
    title = told(fields.String, "the same for every problem of a type")
    status = told(fields.Integer, "HTTP status")
    detail = told(fields.String, "about this occurrence")
    instance = told(fields.String, "id of the request, as in the log")
    errors = told(
        fields.List, "each fault that was found", cls_or_instance=fields.Nested(ProblemFault)
    )
