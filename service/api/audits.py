"""``/v1/audits``: audits are made of manifests, listed, and told as findings and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import request, url_for
from werkzeug.exceptions import NotAcceptable

from service.admission import strict_json
from service.api import schemas
from service.api.answer import json_answer, report_answer
from service.api.body import JSON, YAML, Blueprint, checked, raw_body
from service.api.context import context
from service.api.paging import paged, window
from service.audit.record import record
from service.audit.report import report as report_of
from service.audit.run import Source, source_name
from service.checks.settings import cluster_profile
from service.cluster.manifests import load_texts
from service.errors import ManifestError
from service.reports.document import exporters
from service.serving.problem import Fault, RequestError
from service.store.port import FindingFilter, Window
from service.store.records import Manifest

if TYPE_CHECKING:
    from flask import Response

    from service.cluster.manifests import Loaded
    from service.errors import InputError
    from service.reports.document import Exporter
    from service.store.records import AuditRun

audits = Blueprint("audits", __name__, url_prefix="/v1", description="Audits and their findings")

_BODY: Final = "request body"
_PAGE: Final = 100
_LOOKED_AT: Final = 10_000
_FORMATS: Final = {
    200: {
        "content": {
            media_type: {"schema": {"type": "string"}}
            for media_type in ("text/csv", "text/html", "text/plain")
        }
    }
}


class NothingReadError(RequestError):
    """Manifests of which no document could be read."""

    code = ManifestError.code
    title = ManifestError.title

    def __init__(self, errors: tuple[InputError, ...]) -> None:
        super().__init__(
            "no document could be read", [Fault(detail=str(error)) for error in errors]
        )


@audits.operation(
    "/audits",
    schemas.AuditRun,
    method="POST",
    status=201,
    requestBody={
        "required": True,
        "content": {
            JSON: {"schema": schemas.AuditBody},
            YAML[0]: {"schema": {"type": "string"}},
        },
    },
)
def create() -> Response:
    """Audit manifests

    The checks run before the answer is sent. Documents that cannot be read are listed in the run's
    `errors`; only if nothing at all can be read is the request refused.
    """
    manifests = _manifests()
    loaded = load_texts((one.name, one.content) for one in manifests)
    _refuse_nothing_read(loaded)
    here = context()
    names = [one.name for one in manifests]
    source = Source(loaded, names, cluster_profile(here.settings))
    run = record(source, here.settings, here.store, at=here.now(), manifests=manifests)
    response = json_answer(run.to_json(), 201)
    response.headers["Location"] = url_for("audits.show", audit_id=run.id)
    return response


def _manifests() -> tuple[Manifest, ...]:
    """The uploaded texts: of a JSON body, or the body itself as the only one."""
    body = raw_body(JSON, *YAML)
    if request.mimetype == JSON:
        given = checked(schemas.AuditBody(), strict_json.decode(body))
        return tuple(Manifest(**one) for one in given["manifests"])
    try:
        return (Manifest(_BODY, body.decode()),)
    except UnicodeDecodeError as error:
        raise ManifestError(f"byte {error.start} of the body is not UTF-8") from error


def _refuse_nothing_read(loaded: Loaded) -> None:
    if loaded.errors and not any(True for _ in loaded.snapshot.decoded()):
        raise NothingReadError(loaded.errors)


@audits.operation("/audits", schemas.AuditPage, query=schemas.PageQuery)
def index(query: dict[str, Any]) -> Response:
    """List audits, newest first"""
    page = context().store.runs(window(query))
    return json_answer(paged([run.to_json() for run in page.items], page.total, query))


@audits.operation("/audits/<audit_id>", schemas.AuditRun)
def show(audit_id: str) -> Response:
    """Show an audit"""
    return json_answer(context().store.run(audit_id).to_json())


@audits.operation("/audits/<audit_id>/findings", schemas.FindingPage, query=schemas.FindingQuery)
def findings_of(query: dict[str, Any], audit_id: str) -> Response:
    """List the findings of an audit"""
    return _findings(context().store.run(audit_id).id, query)


@audits.operation("/findings", schemas.FindingPage, query=schemas.LatestQuery)
def findings(query: dict[str, Any]) -> Response:
    """List the findings of the latest audit"""
    latest = _latest(query.pop("cluster"))
    if latest is None:
        return json_answer(paged([], 0, query) | {"audit": None})
    return _findings(latest.id, query)


def _latest(cluster: str) -> AuditRun | None:
    """The newest of the latest audits that is of a served *cluster*, or simply the newest."""
    store = context().store
    for place in range(0, _LOOKED_AT, _PAGE):
        page = store.runs(Window(limit=_PAGE, offset=place)).items
        for run in page:
            if not cluster or run.sources == (source_name(cluster),):
                return run
        if len(page) < _PAGE:
            return None
    return None


def _findings(audit_id: str, query: dict[str, Any]) -> Response:
    names = ("check", "severity", "result", "subject")
    wanted = FindingFilter(**{name: query.get(name, "") for name in names})
    page = context().store.findings(audit_id, wanted, window(query))
    items = [finding.document for finding in page.items]
    return json_answer(paged(items, page.total, query) | {"audit": audit_id})


@audits.operation(
    "/audits/<audit_id>/report", schemas.Report, query=schemas.ReportQuery, responses=_FORMATS
)
def report(query: dict[str, Any], audit_id: str) -> Response:
    """Tell an audit as a report"""
    exporter = exporters()[query["format"]] if "format" in query else _liked_exporter()
    run = context().store.run(audit_id)
    return report_answer(report_of(run, context().store.stream(audit_id)), exporter)


def _liked_exporter() -> Exporter:
    """The format that the client likes best; JSON, if it is all the same."""
    ranked = sorted(exporters().values(), key=lambda one: one.id != "json")
    types = {one.media_type.partition(";")[0]: one for one in ranked}
    liked = request.accept_mimetypes.best_match(types)
    if liked is None and request.accept_mimetypes:
        raise NotAcceptable(f"a report is told as {', '.join(types)}")
    return types[liked or JSON]
