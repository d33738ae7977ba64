"""Decisions over REST: shipped by doors under a scope of their own, listed for everybody."""

from __future__ import annotations

import pytest

from service.api import auth
from tests.decision_factories import make_record
from tests.result_factories import make_token

DOOR = "d" * 40


@pytest.fixture
def door(app, store, client):
    """A caller that may ship decisions and nothing else."""
    store.keep_token(
        make_token(name="door", digest=auth.digest(DOOR), scopes=frozenset({"decisions"}))
    )
    caller = app.test_client()
    caller.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {DOOR}"
    return caller


def test_a_batch_is_kept_and_listed_as_it_was_sent(door, client):
    records = [make_record(), make_record()]
    assert {"kept": 2, "known": 0} == door.post("/v1/decisions", json={"decisions": records}).json
    found = client.get("/v1/decisions").json
    assert 2 == found["total"]
    assert {one["id"] for one in records} == {one["id"] for one in found["items"]}
    assert next(one for one in found["items"] if one["id"] == records[0]["id"]) == records[0]


def test_a_batch_that_is_sent_again_changes_nothing(door):
    batch = {"decisions": [make_record()]}
    door.post("/v1/decisions", json=batch)
    assert {"kept": 0, "known": 1} == door.post("/v1/decisions", json=batch).json


def test_a_door_reads_nothing_and_keeps_no_audits(door):
    assert 403 == door.get("/v1/decisions").status_code
    assert 403 == door.post("/v1/audits", json={"manifests": []}).status_code


def test_a_reader_ships_nothing(app, store):
    store.keep_token(make_token(digest=auth.digest(DOOR), scopes=frozenset({"read"})))
    headers = {"Authorization": f"Bearer {DOOR}"}
    answer = app.test_client().post("/v1/decisions", json={"decisions": []}, headers=headers)
    assert 403 == answer.status_code


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": "../x"}, "/decisions/0/id"),
        ({"at": "yesterday"}, "/decisions/0/at"),
        ({"answer": "maybe"}, "/decisions/0/answer"),
        ({"more": 1}, "/decisions/0/more"),
        ({"findings": [{}]}, "/decisions/0/findings/0/advice"),
    ],
)
def test_a_record_of_another_form_is_refused_with_its_place(door, client, change, pointer):
    answer = door.post("/v1/decisions", json={"decisions": [make_record() | change]})
    assert 400 == answer.status_code
    assert pointer in {fault["pointer"] for fault in answer.json["errors"]}
    assert 0 == client.get("/v1/decisions").json["total"]


@pytest.mark.parametrize(
    ("query", "total"),
    [("answer=denied", 1), ("answer=allowed", 0), ("check=nodeport-unguarded", 1), ("user=joe", 0)],
)
def test_decisions_are_filtered(door, client, query, total):
    door.post("/v1/decisions", json={"decisions": [make_record()]})
    assert total == client.get(f"/v1/decisions?{query}").json["total"]


def test_an_answer_that_there_is_not_cannot_be_asked_for(client):
    assert 400 == client.get("/v1/decisions?answer=maybe").status_code
