"""The page of proofs says what the runs have found, and which have not been run."""

from __future__ import annotations

import json
import re

from tests.agreement.tally import Tally
from tests.house.source import ROOT
from tests.mutants.__main__ import told
from tests.mutants.operators import Site
from tests.mutants.plugin import KILLED, SURVIVED, Floor
from tests.proof.__main__ import PARTS, page


def written(folder, **found):
    for name, one in found.items():
        (folder / f"{name}.json").write_text(json.dumps(one), encoding="utf-8")
    return page(folder)


def test_a_run_that_has_left_no_numbers_is_named(tmp_path):
    assert len(PARTS) == written(tmp_path).count("This run has left no numbers.")


def test_mutants_that_nobody_noticed_are_told(tmp_path):
    sites = [Site(ROOT / "service/net/x.py", line, "f", "1 becomes 2", line) for line in (1, 2)]
    floor = Floor("net", 1, 2, dict(zip(sites, (KILLED, SURVIVED), strict=True)))
    text = written(tmp_path, mutants={"seed": 1, "floors": {"net": told(floor)}})
    assert "| net | 2 | 1 | 1 | 0 | 50.0 % |" in text
    assert f"- `{sites[1]} (survived)`" in text


def test_cells_and_disagreements_are_told(tmp_path):
    tally = Tally(worlds=3, differing=["1 (guard): trace"], mended=[17, 19])
    tally.dispositions["denied"] = 1200
    text = written(tmp_path, agreement={"first": 7, **tally.to_json()})
    assert "3 worlds from number 7 on, 1,200 flows: denied 1,200" in text
    assert "**1 disagreements**" in text
    assert "agree since what they showed was mended: 17, 19." in text


def test_the_page_that_is_published_has_every_part():
    text = (ROOT / "docs/proof.md").read_text("utf-8")
    assert [one[1] for one in PARTS] == re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert {"**0 disagreements**"} == set(re.findall(r"\*\*[\d,]+ disagreements\*\*", text))
