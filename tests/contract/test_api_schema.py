"""openapi.yaml follows from the code, and the code from openapi.yaml."""

from __future__ import annotations

from dataclasses import fields

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from service.api import schemas
from service.api.app import specification
from service.reports import document
from service.store import records
from tests.contract.test_api import OPEN_SERVICE
from tests.contract.test_api_errors import GUARDED, OPERATIONS
from tests.house.source import ROOT

DOCUMENTED = (document.Finding, document.Subject, document.Location, document.Witness)
DOCUMENTED += (document.DecidingRule, document.Fix)

REQUESTS = [
    *((GenerationMode.POSITIVE, method, path) for method, path in OPERATIONS),
    *((GenerationMode.NEGATIVE, method, path) for method, path in GUARDED),
]
"""A probe takes nothing that could be wrong."""

BEYOND_SCHEMA = {
    "GET": [],
    "POST": [checks.positive_data_acceptance, checks.negative_data_rejection],
}
"""What makes a manifest, a flow or a review good or bad, no schema tells."""


@pytest.fixture
def api(app, client, bearer):
    """The API as its specification describes it, with an audit to ask about."""
    client.post("/v1/audits", data=OPEN_SERVICE, content_type="application/yaml")
    return schemathesis.openapi.from_wsgi(
        "/v1/openapi.json",
        app,
        headers=bearer,
    )


def test_the_committed_specification_follows_from_the_code():
    assert (ROOT / "openapi.yaml").read_text("utf-8") == specification()


def test_the_specification_is_the_same_each_time():
    assert specification() == specification()


@pytest.mark.parametrize("name", ["AuditRun", "InputFault"])
def test_a_schema_has_the_fields_of_its_record(name):
    wanted = {field.name for field in fields(getattr(records, name))}

    assert set(getattr(schemas, name)().fields) == wanted


@pytest.mark.parametrize("kind", DOCUMENTED, ids=lambda kind: kind.__name__)
def test_a_schema_has_the_fields_of_its_document(kind):
    told = {
        field.data_key or name for name, field in getattr(schemas, kind.__name__)().fields.items()
    }

    assert told == set(kind.__annotations__)


@pytest.mark.parametrize(("mode", "method", "path"), REQUESTS)
def test_no_request_is_answered_in_a_way_that_is_not_specified(api, bearer, mode, method, path):
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    def ask(case):
        case.call_and_validate(headers=bearer, excluded_checks=BEYOND_SCHEMA[method])

    ask()


def test_the_specification_is_openapi(api):
    assert api.raw_schema["openapi"] == "3.1.0"
    jsonschema.Draft202012Validator.check_schema({"$defs": api.raw_schema["components"]["schemas"]})
