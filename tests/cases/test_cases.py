"""Every case folder here, through every door: each says what is expected, and all say the same."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from service.audit.cases import SETTINGS, Engine, load_case
from service.settings import CONFIG_VARIABLE

FOLDERS = sorted(
    path for path in Path(__file__).parent.glob("*/") if (path / "expect.yaml").exists()
)


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def case(request, monkeypatch):
    settings = request.param / SETTINGS
    if settings.exists():
        monkeypatch.setenv(CONFIG_VARIABLE, str(settings))
    return load_case(request.param)


def test_every_folder_is_a_case():
    folders = {path for path in Path(__file__).parent.glob("*/") if path.name != "__pycache__"}
    assert folders == set(FOLDERS)
    assert [] == [path.name for path in FOLDERS if not (path / "README.md").exists()]


def test_every_door_says_what_the_case_expects(case, tmp_path):
    from tests.case_doors import CommandLine, Rest

    engine = Engine.of(case)
    assert [] == [*case.expectation.differences(engine, case.reviews)]
    for door in (CommandLine(case, tmp_path), Rest(case)):
        assert [] == [*outside(case.expectation).differences(door, case.reviews)]
        assert said(engine, case) == said(door, case)


def outside(expectation):
    """What is expected of a door, which does not tell of passes."""
    findings = tuple(one for one in expectation.findings if one.get("result") != "pass")
    return replace(expectation, findings=findings)


def said(door, case):
    """The verdicts of a door on everything that the case asks."""
    findings = door.findings() if case.expectation.audited else []
    verdicts = {one["fingerprint"]: (one["result"], one["message"]) for one in findings}
    return (
        {key: verdict for key, verdict in verdicts.items() if verdict[0] != "pass"},
        [door.review(review) for review in case.reviews.values()],
        [door.trace(one["flow"]) for one in case.expectation.flows],
    )


def without_its_record(answer):
    """*answer* without the id of its decision, which only a door that keeps records gives."""
    response = {**answer["response"]}
    annotations = {**response.pop("auditAnnotations")}
    identity = annotations.pop("decision-id")
    if annotations:
        response["auditAnnotations"] = annotations
    if "status" in response:
        message = response["status"]["message"].removesuffix(f"\n[decision {identity}]")
        response["status"] = {**response["status"], "message": message}
    return {**answer, "response": response}


def test_the_webhook_reviews_as_the_case_expects(case):
    if not case.reviews:
        return
    from tests.case_doors import Webhook

    engine = Engine.of(case)
    with closing(Webhook(case)) as webhook:
        for name, review in case.reviews.items():
            answer = webhook.review(review)
            assert engine.review(review) == without_its_record(answer)
            assert [] == [*case.expectation.review_differences(name, answer)]
