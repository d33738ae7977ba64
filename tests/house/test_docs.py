"""The documentation names everything that there is."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

from service import telemetry
from service.checks.run import checks
from service.cli.main import run
from tests.house.source import ROOT

DOCS = ROOT / "docs"
PARTS_OF_A_PAGE = ("Why", "How Calico behaves", "Example", "Reasons", "Fix")
EXPECTATIONS = [
    yaml.safe_load(path.read_text("utf-8"))
    for path in sorted((ROOT / "tests/cases").glob("*/expect.yaml"))
]


def test_the_generated_pages_follow_from_the_code():
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_every_metric_has_its_row_and_every_row_its_metric():
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "metrics.md").read_text("utf-8"), re.MULTILINE)
    named = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in telemetry.REGISTRY.collect()
    }
    assert sorted(named) == sorted(rows)


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.id)
def test_every_check_has_its_page(check):
    page = (DOCS / "checks" / f"{check.id}.md").read_text("utf-8")
    headings = set(re.findall(r"^#+ .*$", page, re.MULTILINE))
    assert f"# {check.id}" == page.splitlines()[0]
    assert set() == {f"## {one}" for one in PARTS_OF_A_PAGE} - headings
    assert [] == [reason for reason in check.reasons if f"| `{reason}` |" not in page]


EXAMPLES = [
    pytest.param(command.split()[1:], told, id=f"{page.stem}: {command}")
    for page in sorted((DOCS / "checks").glob("*.md"))
    for command, told in re.findall(
        r"^\$ (nodeward .*tests/cases/.*)\n((?:.+\n)+)```", page.read_text("utf-8"), re.MULTILINE
    )
]


@pytest.mark.parametrize(("arguments", "told"), EXAMPLES)
def test_an_example_shows_what_the_command_prints(arguments, told, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("NODEWARD_CONFIG", raising=False)
    run(arguments)
    printed = capsys.readouterr().out.splitlines()
    assert [] == [line for line in told.splitlines() if line not in printed]


def test_every_page_is_that_of_a_check():
    pages = {path.stem for path in (DOCS / "checks").glob("*.md")} - {"README"}
    assert {check.id for check in checks()} == pages


WITHOUT_CASES = {
    "admitted-unreviewed": "it asks a store and a server: tests/apiserver/test_serve_cluster.py"
}

_RULES = "tests/unit/checks/test_rule_checks.py"
WITHOUT_A_CASE = {
    (
        "apiserver-lockout",
        "callback-may-be-cut-off",
    ): "tests/unit/checks/test_apiserver_callbacks.py",
    ("nodeport-unguarded", "others-exposed"): "tests/unit/checks/test_nodeport_unguarded.py",
    ("redundant-rule", "within-policy"): _RULES,
    ("shadowed-rule", "earlier-tier"): _RULES,
    ("shadowed-rule", "failsafe"): _RULES,
    ("shadowed-rule", "never-logs"): _RULES,
    ("shadowed-rule", "never-passes"): _RULES,
}
"""The file with the test of each reason that no case shows."""


@pytest.mark.parametrize(
    "check",
    [one for one in checks() if one.id not in WITHOUT_CASES],
    ids=lambda check: check.id,
)
def test_every_check_has_a_case_that_it_passes_and_one_that_it_does_not(check):
    assert {True, False} == {good for told in EXPECTATIONS for good in outcomes(told, check.id)}


@pytest.mark.parametrize(
    "check",
    [one for one in checks() if one.id not in WITHOUT_CASES],
    ids=lambda check: check.id,
)
def test_every_reason_is_that_of_a_case_or_has_a_unit_test(check):
    named = {one.get("reason") for told in EXPECTATIONS for one in expected_of(told, check.id)}
    untold = set(check.reasons) - named
    assert sorted(untold) == sorted(reason for one, reason in WITHOUT_A_CASE if one == check.id)
    for reason in untold:
        assert reason in (ROOT / WITHOUT_A_CASE[check.id, reason]).read_text("utf-8")


def expected_of(told, check):
    """What a case expects of a check, of the audit and of reviews."""
    findings = (told.get("audit") or {}).get("findings") or ()
    reviews = [told["review"]] if "review" in told else (told.get("reviews") or {}).values()
    return [one for one in (*findings, *reviews) if one.get("check") == check]


def outcomes(told, check):
    """Whether *check* is expected to be content with a case, once for each place that says so."""
    audit = told.get("audit") or {}
    yield from (True for name in audit.get("pass") or () if name == check)
    for finding in audit.get("findings") or ():
        if finding.get("check") == check:
            yield finding.get("result") == "pass"
    for review in [told["review"]] if "review" in told else [*(told.get("reviews") or {}).values()]:
        if review.get("check") == check:
            yield bool(review.get("allowed"))


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")], ids=str
)
def test_every_relative_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
    assert [] == [link for link in links if not (page.parent / link).exists()]
