"""Every error of the REST API has one shape, whatever went wrong and wherever."""

from __future__ import annotations

import importlib
import re
import sqlite3
from contextlib import closing

import jsonschema
import pytest
import yaml

from service import errors
from service.api import auth
from service.api.app import create_app
from service.api.context import Context
from service.api.worlds import Worlds
from service.cluster.watch import Watch
from service.serving.problem import HTTP_PROBLEMS, MEDIA_TYPE
from service.settings import Settings
from service.store.port import open_store
from tests.contract.conftest import STARTED
from tests.contract.test_api import review
from tests.house.source import ROOT
from tests.result_factories import make_run, make_token

JSON = "application/json"
SPECIFICATION = yaml.safe_load((ROOT / "openapi.yaml").read_text("utf-8"))
PROBLEM = jsonschema.Draft202012Validator({**SPECIFICATION, "$ref": "#/components/schemas/Problem"})
OPERATIONS = [
    (method.upper(), path)
    for path, operations in SPECIFICATION["paths"].items()
    for method in operations
    if method in {"get", "post"}
]
GUARDED = [(method, path) for method, path in OPERATIONS if path not in {"/livez", "/readyz"}]
QUESTIONS = [path for method, path in OPERATIONS if method == "POST"]
ABOUT_AN_AUDIT = [path for _, path in OPERATIONS if "{audit_id}" in path]


def url(path):
    return path.replace("{audit_id}", "none")


def told(answer, status, code):
    """The problem of *answer*, which must be one of that status and code."""
    assert (answer.status_code, answer.content_type) == (status, MEDIA_TYPE)
    PROBLEM.validate(answer.json)
    assert answer.json["status"] == status
    assert answer.json["type"] == f"/problems/{code}"
    assert answer.json["instance"] == f"urn:uuid:{answer.headers['X-Request-Id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Traceback" not in answer.text
    return answer.json


def faults(problem):
    return [(one.get("pointer", one.get("parameter")), one["detail"]) for one in problem["errors"]]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nope", "Basic YTpi", "bearer \u00e9"])
def test_nothing_but_the_probes_answers_a_stranger(app, bearer, method, path, header):
    del bearer  # there is a token, and this is not it
    answer = app.test_client().open(url(path), method=method, headers={"Authorization": header})

    told(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=nodeward")


def test_a_stranger_does_not_learn_what_paths_there_are(app):
    told(app.test_client().get("/v1/nope"), 401, "unauthorized")


def test_a_token_that_may_only_read_makes_no_audit(app, store):
    secret = "s" * 40
    store.keep_token(make_token(digest=auth.digest(secret), scopes=frozenset({"read"})))
    reader = {"Authorization": f"Bearer {secret}"}

    told(app.test_client().post("/v1/audits", headers=reader), 403, "forbidden")
    assert app.test_client().get("/v1/audits", headers=reader).status_code == 200


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_operation_takes_a_parameter_that_it_does_not_name(client, method, path):
    answer = client.open(f"{url(path)}?colour=red", method=method, json={})

    problem = told(answer, 400, "bad-input")
    assert ("colour", "Unknown field.") in faults(problem)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_parameter_stands_twice(client, method, path):
    problem = told(client.open(f"{url(path)}?page=1&page=2", method=method), 400, "bad-input")

    assert faults(problem) == [("page", "it stands twice")]


@pytest.mark.parametrize("path", {path for _, path in OPERATIONS})
def test_no_resource_takes_another_method(client, path):
    answer = client.patch(url(path))

    told(answer, 405, "method-not-allowed")
    assert "GET" in answer.headers["Allow"] or "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ABOUT_AN_AUDIT)
def test_an_unknown_audit_is_not_found(client, path):
    told(client.get(url(path)), 404, "not-found")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nope", "/v1/audits/", "//v1/audits"])
def test_an_unknown_path_is_not_found(client, path):
    told(client.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=99999999999999999999", "page"),
        ("page_size=501", "page_size"),
        ("severity=awful", "severity"),
        ("result=pass", "result"),
        (f"check={'x' * 300}", "check"),
    ],
)
def test_a_parameter_out_of_range_is_named(client, query, parameter):
    problem = told(client.get(f"/v1/findings?{query}"), 400, "bad-input")

    assert [one["parameter"] for one in problem["errors"]] == [parameter]


@pytest.mark.parametrize("path", QUESTIONS)
@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "", "multipart/form-data"])
def test_a_body_of_another_type_is_refused(client, path, media_type):
    answer = client.post(path, data=b"{}", content_type=media_type)

    told(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_compressed_body_is_refused(client, path):
    answer = client.post(path, data=b"x", content_type=JSON, headers={"Content-Encoding": "gzip"})

    told(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_body_of_10_megabytes_is_too_large(client, path):
    answer = client.post(path, data=b" " * 10_000_000, content_type=JSON)

    told(answer, 413, "body-too-large")


@pytest.mark.parametrize("path", QUESTIONS)
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no json",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"[" * 101 + b"]" * 101,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
    ids=repr,
)
def test_a_body_that_is_no_strict_json_is_refused(client, path, text):
    told(client.post(path, data=text, content_type=JSON), 400, "bad-json")


@pytest.mark.parametrize("path", QUESTIONS)
@pytest.mark.parametrize("text", [b"null", b"[]", b'"x"', b"1", b'{"a": 1}'])
def test_a_body_of_another_form_is_refused(client, path, text):
    answer = client.post(path, data=text, content_type=JSON)

    told(answer, 400, "bad-review" if path == "/v1/review" else "bad-input")


# Which pods may call which is a question without any field.
@pytest.mark.parametrize("path", sorted({*QUESTIONS} - {"/v1/connectivity"}))
def test_a_body_that_lacks_the_question_is_refused(client, path):
    answer = client.post(path, json={})

    told(answer, 400, "bad-review" if path == "/v1/review" else "bad-input")


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/audits", {"manifests": []}, "/manifests"),
        ("/v1/audits", {"manifests": "x"}, "/manifests"),
        ("/v1/audits", {"manifests": [{"name": "a"}]}, "/manifests/0/content"),
        ("/v1/audits", {"manifests": [{"name": "a\n", "content": ""}]}, "/manifests/0/name"),
        ("/v1/audits", {"manifests": [{"name": "a", "content": 3}]}, "/manifests/0/content"),
        ("/v1/audits", {"manifests": [], "a/b~c": 1}, "/a~1b~0c"),
        ("/v1/trace", {"flow": 3}, "/flow"),
        ("/v1/trace", {"flow": {}, "when": 1}, "/when"),
    ],
)
def test_a_fault_of_a_body_is_pointed_at(client, path, body, pointer):
    problem = told(client.post(path, json=body), 400, "bad-input")

    assert pointer in [one["pointer"] for one in problem["errors"]]


def test_a_fault_of_a_flow_is_pointed_at_from_the_top_of_the_body(client):
    answer = client.post("/v1/trace", json={"flow": {"from": {"ip": "x"}}})

    assert answer.status_code == 400
    assert all(one["pointer"].startswith("/flow") for one in answer.json["errors"])
    assert answer.json["errors"]


@pytest.mark.parametrize(
    "text",
    [
        b"a: [",
        b"a: 1\na: 2",
        b"a: \xff",
        b"\x00",
        b"a: *nobody",
        b"[" * 100_000,
        b"- 1",
        b"x",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_yaml_body_without_any_object_is_refused(client, text):
    answer = client.post("/v1/audits", data=text, content_type="application/yaml")

    problem = told(answer, 400, "unreadable-manifest")
    assert "body" in str(problem)


def test_aliases_that_explode_are_refused_soon(client):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    answer = client.post("/v1/audits", data="\n".join(lines), content_type="application/yaml")

    told(answer, 400, "unreadable-manifest")


@pytest.mark.parametrize("clock", [lambda: STARTED], ids=["stopped clock"])
def test_the_same_audit_at_the_same_moment_is_a_conflict(client):
    text = "apiVersion: v1\nkind: X\nmetadata: {name: x}"
    body = {"manifests": [{"name": "a", "content": text}]}
    client.post("/v1/audits", json=body)

    told(client.post("/v1/audits", json=body), 409, "conflict")


def test_an_audit_that_keeps_no_manifests_answers_no_questions(client, store):
    store.append(make_run(), [])

    told(client.get(f"/v1/exposures?audit={make_run().id}"), 409, "conflict")


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get("/v1/exposures?audit=none"),
        lambda client: client.post("/v1/trace", json={"flow": {}, "audit": "none"}),
    ],
    ids=["exposures", "trace"],
)
def test_a_question_about_an_unknown_audit_is_not_found(client, ask):
    told(ask(client), 404, "not-found")


def test_a_format_that_there_is_not_is_a_bad_parameter(client):
    problem = told(client.get("/v1/audits/none/report?format=docx"), 400, "bad-input")

    assert [one["parameter"] for one in problem["errors"]] == ["format"]


def test_a_client_that_likes_no_format_is_told(client):
    answer = client.get("/v1/audits/none/report", headers={"Accept": "image/png"})

    told(answer, 406, "not-acceptable")


@pytest.mark.parametrize("path", ["/readyz", "/v1/audits", "/v1/findings", "/v1/audits/x"])
def test_a_store_that_is_gone_makes_the_service_unavailable(tmp_path, app, client, path):
    store = open_store(f"sqlite:///{tmp_path}/audit.db")
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection:
        for table in ("schema_version", "findings", "manifests", "runs"):
            connection.execute(f"DROP TABLE {table}")
    context = app.extensions["nodeward"]
    object.__setattr__(context, "store", _Tokens(context.store, store))

    problem = told(client.get(path), 503, "store-unavailable")
    assert str(tmp_path) not in problem["detail"]
    store.close()


class _Tokens:
    """A store whose tokens still come, so that requests get as far as the store that is gone."""

    def __init__(self, tokens, gone):
        self.tokens = tokens.tokens
        self._gone = gone

    def __getattr__(self, name):
        return getattr(self._gone, name)


@pytest.fixture
def waiting(store, bearer, clock):
    """A caller of a door whose manifests were not read yet."""
    app = create_app(
        Context(store, Worlds(store, {"manifests": Watch([], lambda: None)}), Settings(), clock)
    )
    caller = app.test_client()
    caller.environ_base["HTTP_AUTHORIZATION"] = bearer["Authorization"]
    return caller


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get("/readyz"),
        lambda client: client.get("/v1/exposures"),
        lambda client: client.post("/v1/trace", json={"flow": {}}),
        lambda client: client.post("/v1/review", json=review()),
    ],
    ids=["readyz", "exposures", "trace", "review"],
)
def test_before_the_manifests_were_read_the_service_is_unavailable(waiting, ask):
    told(ask(waiting), 503, "source-unavailable")


def test_a_defect_tells_nothing_of_the_inside(app, client, monkeypatch):
    def broken(_window):
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr(app.extensions["nodeward"].store, "runs", broken)

    problem = told(client.get("/v1/audits"), 500, "engine-fault")
    assert "secret inside" not in str(problem)


def test_every_problem_has_its_section_in_the_documentation():
    page = (ROOT / "docs/problems.md").read_text("utf-8")
    documented = re.findall(r"^## ([a-z-]+)$", page, re.MULTILINE)
    importlib.import_module(
        "service.journal.writer"
    )  # which a door of another suite may have loaded
    codes = {kind.code for kind in _kinds(errors.AuditorError)}
    codes |= {code for code, _ in HTTP_PROBLEMS.values()}

    assert documented == sorted(codes)


def _kinds(kind):
    """The subclasses of *kind* that the floors of the service define."""
    found = {inner for one in kind.__subclasses__() for inner in {one, *_kinds(one)}}
    return {one for one in found if one.__module__.startswith("service.")}
