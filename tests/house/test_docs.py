"""The documentation names everything that there is."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from service import telemetry
from tests.house.source import ROOT, exporting

DOCS = ROOT / "docs"


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


@pytest.mark.parametrize("path", exporting("service/checks", "CHECK"), ids=str)
def test_every_check_has_its_page(path):
    name = path.stem.replace("_", "-")
    page = (DOCS / "checks" / f"{name}.md").read_text("utf-8")
    assert f"# {name}" == page.splitlines()[0]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")], ids=str
)
def test_every_relative_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
    assert [] == [link for link in links if not (page.parent / link).exists()]
