"""The report as one HTML page that needs nothing else: no script, no request, its own style."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import IO, TYPE_CHECKING, Final

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from service.reports.document import Exporter, location_text, subject_text, suppression_text

if TYPE_CHECKING:
    from service.reports.document import Report

_BUFFERED_EVENTS: Final = 200
_STYLE: Final = files("service.reports").joinpath("templates/report.css").read_text("utf-8")
_STYLE_SOURCE: Final = (
    f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


def write(report: Report, stream: IO[bytes]) -> None:
    """Write the page; findings are rendered as they are read."""
    page = (
        _environment()
        .get_template("report.html")
        .stream(
            run=report.run,
            findings=report.findings,
            verify=report.verify,
            style=Markup(_STYLE),  # noqa: S704  our own file; its hash is the page's style policy
            style_source=_STYLE_SOURCE,
        )
    )
    page.enable_buffering(_BUFFERED_EVENTS)
    page.dump(stream, encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("service.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "subject": subject_text,
        "location": location_text,
        "suppression": suppression_text,
        "json": _json,
    }
    return environment


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


EXPORTER = Exporter("html", "text/html; charset=utf-8", ".html", write, _STYLE_SOURCE)
