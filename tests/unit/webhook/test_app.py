import json

import pytest

from service import telemetry
from service.admission.decide import Decision
from service.cluster.watch import Watch
from service.serving.rates import Rates
from tests.door_factories import open_door
from tests.review_factories import UID, make_review
from tests.watch_factories import make_watch
from webhook.app import create_app, create_operations
from webhook.judge import Judge

LIMIT = 10_000


def allowing(_world, review):
    return Decision(
        uid=review.uid,
        allowed=True,
        code=200,
        message="",
        warnings=(),
        audit_annotations={},
        verdicts=(),
        revision="r1",
    )


@pytest.fixture
def watch(world):
    return make_watch(world)


@pytest.fixture
def door(watch, tmp_path):
    with open_door(Judge(watch, allowing, "deny"), tmp_path / "journal") as opened:
        yield opened


@pytest.fixture
def client(watch, door):
    return create_app(watch, door, body_limit_bytes=LIMIT).test_client()


def posted(client, body: bytes, **headers):
    return client.post("/admit?timeout=5s", data=body, content_type="application/json", **headers)


def sample(name: str, **labels) -> float:
    return telemetry.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_review_is_answered(client):
    answer = posted(client, json.dumps(make_review()).encode())
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    response = answer.json["response"]
    assert (UID, True, {"decision-id"}) == (
        response["uid"],
        response["allowed"],
        set(response["auditAnnotations"]),
    )


def test_unknown_query_keys_and_odd_timeouts_do_no_harm(client):
    body = json.dumps(make_review()).encode()
    answer = client.post("/admit?timeout=x&a=b", data=body, content_type="application/json")
    assert answer.status_code == 200


def test_an_answered_review_is_counted(client):
    labels = {"operation": "CREATE", "kind": "Service", "result": "allowed"}
    before = sample("nodeward_admission_reviews_total", **labels)
    posted(client, json.dumps(make_review()).encode())
    assert sample("nodeward_admission_reviews_total", **labels) == before + 1


def test_a_malformed_review_is_counted(client):
    labels = {"operation": "other", "kind": "other", "result": "malformed"}
    before = sample("nodeward_admission_reviews_total", **labels)
    posted(client, b"{}")
    assert sample("nodeward_admission_reviews_total", **labels) == before + 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad-json"),
        (b"rubbish", "bad-json"),
        (b"\xff\xfe", "bad-json"),
        (b'{"a":1,"a":2}', "bad-json"),
        (b"[" * 9_000, "bad-json"),
        (b"{}", "bad-review"),
        (json.dumps(make_review(uid="")).encode(), "bad-review"),
    ],
)
def test_a_malformed_body_is_a_problem(client, body, code):
    answer = posted(client, body)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert answer.json["type"] == f"/problems/{code}"


def test_a_problem_points_at_what_is_wrong(client):
    answer = posted(client, json.dumps(make_review(operation="PATCH")).encode())
    assert [error["pointer"] for error in answer.json["errors"]] == ["/request/operation"]


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/admit", {}, 405),
        ("OPTIONS", "/admit", {}, 405),
        ("PUT", "/admit", {"data": b"{}"}, 405),
        ("POST", "/admit", {"data": b"{}", "content_type": "text/plain"}, 415),
        ("POST", "/admit", {"data": b"{}"}, 415),
        ("POST", "/admit", {"json": {}, "headers": {"Content-Encoding": "gzip"}}, 415),
        ("POST", "/admit", {"json": "x" * LIMIT}, 413),
        ("POST", "/readyz", {}, 405),
        ("GET", "/", {}, 404),
        ("GET", "/admit/", {}, 404),
        ("POST", "//admit", {"json": {}}, 404),
        ("GET", "/metrics", {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}, 403),
    ],
)
def test_every_other_error_is_a_problem_too(client, method, path, options, status):
    answer = client.open(path, method=method, **options)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert (answer.json["status"], set(answer.json)) == (
        status,
        {"type", "title", "status", "detail", "instance", "errors"},
    )


def test_a_refused_method_is_told_the_allowed_one(client):
    assert client.get("/admit").headers["Allow"] == "POST"


def test_a_problem_bears_the_id_of_its_request(client):
    answer = client.get("/")
    assert answer.json["instance"] == f"urn:uuid:{answer.headers['X-Request-Id']}"


def test_each_problem_has_an_instance_of_its_own(client):
    assert client.get("/").json["instance"] != client.get("/").json["instance"]


def test_a_defect_of_the_door_is_a_problem_without_a_trace(watch):
    broken = create_app(watch, None, body_limit_bytes=LIMIT).test_client()
    answer = posted(broken, json.dumps(make_review()).encode())
    assert (answer.status_code, answer.json["type"]) == (500, "/problems/engine-fault")
    assert b"Traceback" not in answer.data
    assert b"NoneType" not in answer.data


def test_the_door_is_alive_before_it_is_ready(world, door):
    waiting = create_app(Watch([], lambda: world), door, body_limit_bytes=LIMIT)
    client = waiting.test_client()
    assert (client.get("/livez").status_code, client.get("/readyz").status_code) == (200, 503)


def test_readiness_tells_the_world(client, world):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["digest"]) == (200, world.snapshot.digest)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_metrics_are_for_this_host(client, peer):
    answer = client.get("/metrics", environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == 200
    assert b"nodeward_admission_reviews_total" in answer.data


def test_metrics_on_a_port_of_their_own_are_for_everybody_there(watch, door):
    reviews = create_app(watch, door, body_limit_bytes=LIMIT, with_operations=False).test_client()
    operations = create_operations(watch).test_client()
    stranger = {"REMOTE_ADDR": "10.0.0.9"}
    assert (404, 200) == (
        reviews.get("/metrics").status_code,
        operations.get("/metrics", environ_base=stranger).status_code,
    )
    assert (404, 200) == (
        operations.post("/admit").status_code,
        operations.get("/livez").status_code,
    )


def test_an_address_that_asks_too_often_is_told_to_come_again(watch, door):
    limited = create_app(watch, door, body_limit_bytes=LIMIT, rates=Rates(1)).test_client()
    body = json.dumps(make_review()).encode()
    answers = [posted(limited, body) for _ in range(3)]
    assert [200, 200, 429] == [one.status_code for one in answers]
    assert ("/problems/too-many-requests", True) == (
        answers[2].json["type"],
        int(answers[2].headers["Retry-After"]) >= 1,
    )
