"""The Flask app of the audit door, wired top-down."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import yaml
from flask import Flask, request
from flask_smorest import Api as SmorestApi

from service import __version__, telemetry
from service.api import schemas
from service.api.answer import CONTENT_SECURITY_POLICY
from service.api.audits import audits
from service.api.auth import authenticate
from service.api.body import refuse_repeated_parameters
from service.api.context import EXTENSION, SPECIFICATION, Context
from service.api.decisions import decisions
from service.api.explain import explain
from service.api.flows import flows
from service.api.health import health
from service.api.planning import planning
from service.api.worlds import Worlds
from service.serving.problem import MEDIA_TYPE
from service.serving.request import install
from service.settings import Settings
from service.store.port import open_store

if TYPE_CHECKING:
    from flask import Response

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(style="'none'"),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_DESCRIPTION: Final = """\
Audits of Kubernetes manifests, what they find, and what a cluster does with packets.

Every request but the probes carries `Authorization: Bearer` and a token. Every error is a problem
of RFC 9457. Unknown parameters and fields are errors. Lists come a page at a time.
"""
_LOG = telemetry.logger(__name__)


class Api(SmorestApi):  # type: ignore[misc]  # flask_smorest ships no types
    """flask-smorest's, with problem+json as the only form of errors."""

    ERROR_SCHEMA = schemas.Problem

    def _register_error_handlers(self) -> None:
        """`service.serving.request` answers them."""

    def _register_responses(self) -> None:
        content = {MEDIA_TYPE: {"schema": schemas.Problem}}
        for name, description in (
            ("DEFAULT_ERROR", "Any error, as a problem"),
            ("BAD_REQUEST", "The request cannot be used"),
        ):
            self.spec.components.response(
                name, {"description": description, "content": content}, lazy=True
            )


def create_app(context: Context) -> Flask:
    """The door over *context*; starts nothing."""
    app = Flask("nodeward", static_folder=None)
    app.config.update(
        PROPAGATE_EXCEPTIONS=False,
        API_TITLE="Nodeward",
        API_VERSION=__version__,
        OPENAPI_VERSION="3.1.0",
    )
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = context
    install(app)
    for step in (authenticate, refuse_repeated_parameters):
        app.before_request(step)
    app.after_request(_finish)
    _document(app)
    return app


def _document(app: Flask) -> None:
    """Register the views, and with them the specification."""
    api = Api(
        app,
        spec_kwargs={"info": {"description": _DESCRIPTION}, "security": [{"bearer": []}]},
    )
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    for blueprint in (health, audits, decisions, explain, flows, planning):
        api.register_blueprint(blueprint)
    app.extensions[SPECIFICATION] = api.spec


def specification() -> str:
    """The OpenAPI document as YAML: the same bytes for the same code."""
    store = open_store("memory:")
    app = create_app(Context(store, Worlds(store), Settings(), lambda: datetime.now(UTC)))
    document = app.extensions[SPECIFICATION].to_dict()
    return str(yaml.safe_dump(document, sort_keys=True, allow_unicode=True, width=100))


def _finish(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    _LOG.info(
        "request_answered",
        method=request.method,
        route=str(request.url_rule or ""),
        status=response.status_code,
    )
    return response
