"""Every format: complete, deterministic, and safe to open."""

from __future__ import annotations

import csv
import io
import json
import re
import tracemalloc
from html.parser import HTMLParser

import jsonschema
import pytest
import yaml

from service.reports.document import Report, exporters
from tests.house.source import ROOT
from tests.result_factories import SUPPRESSION, make_finding_document, make_run

BARE = {
    "location": None,
    "witness": None,
    "rules": [],
    "unknown": [],
    "advice": "",
    "fix": None,
    "suppression": None,
}
HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m\u202e"


def written(format_id, *findings, **changes):
    report = Report(make_run(**changes).to_json(), iter(findings), "nodeward audit bar.yaml")
    stream = io.BytesIO()
    exporters()[format_id].write(report, stream)
    return stream.getvalue()


def rows(*findings, **changes):
    text = written("csv", *findings, **changes).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


class Page(HTMLParser):
    """Checks that elements nest, and collects text and tags."""

    VOID = frozenset({"meta"})

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.ids, self.targets, self.words = [], [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        self.targets += re.findall(r"#(\S+)", given.get("href", ""))
        self.targets += given.get("aria-labelledby", "").split()
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag == self.open.pop()

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("format_id", exporters())
def test_the_same_report_is_the_same_bytes(format_id):
    finding = make_finding_document()

    assert written(format_id, finding) == written(format_id, dict(reversed(finding.items())))


@pytest.mark.parametrize("format_id", exporters())
@pytest.mark.parametrize("part", ["message", "advice"])
def test_every_format_tells_what_is_wrong_and_what_to_do(format_id, part):
    finding = make_finding_document()

    assert finding[part] in written(format_id, finding).decode()


@pytest.mark.parametrize("format_id", exporters())
def test_every_format_tells_what_was_not_judged(format_id):
    text = written(format_id).decode()

    assert "a key stands twice" in text
    assert "apps/v1 Deployment" in text


@pytest.mark.parametrize("format_id", exporters())
def test_every_format_does_without_what_a_finding_lacks(format_id):
    assert b"default" in written(format_id, make_finding_document(**BARE))


@pytest.mark.parametrize("format_id", exporters())
def test_every_format_is_written_in_bounded_memory(format_id):
    findings = (make_finding_document(key=[str(number)]) for number in range(3_000))
    report = Report(make_run().to_json(), findings, "")

    tracemalloc.start()
    with open("/dev/null", "wb") as stream:  # noqa: PTH123  a device
        exporters()[format_id].write(report, stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2 * 2**20


def test_json_fits_the_schema_of_the_specification():
    specification = yaml.safe_load((ROOT / "openapi.yaml").read_text("utf-8"))
    report = json.loads(written("json", make_finding_document(), make_finding_document(**BARE)))
    schema = {**specification, "$ref": "#/components/schemas/Report"}

    jsonschema.Draft202012Validator(schema).validate(report)


def test_json_keeps_every_finding_whole():
    findings = [make_finding_document(), make_finding_document(severity="low")]

    assert json.loads(written("json", *findings))["findings"] == findings


def test_json_without_findings_is_json():
    assert json.loads(written("json"))["findings"] == []


def test_csv_ends_every_line_with_crlf_and_has_as_many_cells_in_each():
    text = written("csv", make_finding_document(message='two\nlines, and "quotes"')).decode()

    assert text.count("\r\n") == 4
    assert {len(row) for row in csv.reader(io.StringIO(text, newline=""))} == {23}


def test_csv_tells_findings_faults_and_skipped_kinds_apart():
    assert [row["record"] for row in rows(make_finding_document())] == [
        "finding",
        "input-error",
        "skipped",
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_starts_no_cell_like_a_formula(start):
    finding = make_finding_document(message=f"{start}cmd|' /C calc'!A0")

    assert rows(finding)[0]["message"] == f"'{finding['message']}"


def test_csv_disarms_names_of_files_and_skipped_kinds_too():
    given = rows(
        make_finding_document(location={"file": "=x.yaml", "line": 1, "pointer": ""}),
        skipped={"@evil/v1 Kind": 1},
        errors=(),
    )

    assert [given[0]["file"], given[1]["kind"]] == ["'=x.yaml", "'@evil/v1 Kind"]


def test_html_nests_and_its_references_lead_somewhere():
    page = Page(written("html", make_finding_document(), make_finding_document(**BARE)).decode())

    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)


def test_html_holds_no_script_and_asks_for_nothing_from_outside():
    page = Page(written("html", make_finding_document()).decode())

    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "form"} == set()
    assert not [attrs for _, attrs in page.tags if {"src", "style"} & attrs.keys()]
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]


def test_html_escapes_what_a_manifest_says():
    subject = {"group": "", "kind": "Service", "namespace": HOSTILE, "name": HOSTILE}
    finding = make_finding_document(message=HOSTILE, subject=subject, unknown=[HOSTILE])
    finding["fix"] = {"summary": HOSTILE, "yaml": HOSTILE}

    page = Page(written("html", finding, skipped={HOSTILE: 1}, sources=(HOSTILE,)).decode())

    assert "script" not in {tag for tag, _ in page.tags}
    assert page.words.count(HOSTILE) >= 3


def test_html_allows_its_own_style_by_hash_alone():
    page = written("html").decode()

    assert exporters()["html"].style_source.replace("'", "&#39;") in page
    assert "unsafe-inline" not in page


def test_html_shows_how_to_verify():
    page = written("html", make_finding_document()).decode()

    assert "nodeward audit bar.yaml" in page
    assert make_run().digest in page


def test_text_shows_the_proof_under_the_message():
    blocks = written("text", make_finding_document()).decode().split("\n\n")

    assert blocks[0].splitlines() == [
        "HIGH  Service default/bar  nodeport-unguarded: no-trailing-deny",
        "  node port 30010/TCP is open to 0.0.0.0/0 on node1",
        "  at       bar.yaml:7",
        "  packet   TCP 203.0.113.9:40000 -> 192.168.0.10:30010 via node1 eth0",
        "  decided  preDNAT: GlobalNetworkPolicy drop-other-ingress, ingress rule 0",
        "  unknown  what pods would add to role == 'client'",
        "  do       Add a Deny without a source at the end of the preDNAT policies.",
        "  fix      deny the rest",
        "           kind: GlobalNetworkPolicy",
    ]


def test_text_marks_what_is_no_failure():
    text = written("text", make_finding_document(result="warn", severity="low")).decode()

    assert text.startswith("LOW WARN  Service default/bar")


@pytest.mark.parametrize("format_id", ["text", "csv", "html"])
def test_every_format_for_people_tells_who_bears_a_finding(format_id):
    text = written(format_id, make_finding_document(suppression=SUPPRESSION)).decode()

    assert "by net@example.org until 2026-12-24T00:00:00Z: it filters by itself (NET-1" in text


def test_text_marks_what_an_exception_covers():
    text = written("text", make_finding_document(suppression=SUPPRESSION)).decode()

    assert text.startswith("SUPPRESSED HIGH  Service default/bar")


def test_text_steers_no_terminal():
    text = written("text", make_finding_document(message="\x1b]0;x\x07 a\u00a0b \u202e")).decode()

    assert "\\x1b]0;x\\x07 a\\xa0b \\u202e" in text


def test_text_counts_at_the_end():
    assert written("text").decode().splitlines()[-2:] == [
        "Findings: 1 high.",
        "Read 3 objects of 5 documents in 2 files; skipped 1 apps/v1 Deployment.",
    ]
