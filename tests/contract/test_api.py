"""What the REST API answers when it is used as it should be."""

from __future__ import annotations

import csv
import io
import json

import pytest

from service.api.app import create_app
from service.api.context import Context
from service.api.worlds import Worlds
from service.checks.verdict import Severity
from service.reports.document import exporters
from service.settings import Settings

OPEN_SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: NodePort
  selector: {app: web}
  ipFamilies: [IPv4]
  ports: [{protocol: TCP, port: 80, nodePort: 30080}]
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
"""
UNREADABLE = "a: [\n"
FLOW = {
    "from": {"ip": "203.0.113.9"},
    "to": {"node": "n1"},
    "protocol": "TCP",
    "port": 30080,
}


def body(*texts):
    return {
        "manifests": [
            {"name": f"{place}.yaml", "content": text} for place, text in enumerate(texts)
        ]
    }


def review(uid="u-1"):
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {
            "type": "NodePort",
            "ipFamilies": ["IPv4"],
            "ports": [{"protocol": "TCP", "port": 80, "nodePort": 30081}],
        },
    }
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": {"group": "", "version": "v1", "kind": "Service"},
            "resource": {"group": "", "version": "v1", "resource": "services"},
            "name": "api",
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "alice"},
            "object": service,
            "oldObject": None,
            "dryRun": False,
        },
    }


@pytest.fixture
def audit(client):
    """The run of an audit of one open Service."""
    return client.post("/v1/audits", json=body(OPEN_SERVICE)).json


def test_an_audit_is_made_at_a_place_of_its_own(client):
    answer = client.post("/v1/audits", json=body(OPEN_SERVICE))

    assert answer.status_code == 201
    assert client.get(answer.headers["Location"]).json == answer.json


def test_an_audit_counts_its_findings_by_every_severity(client, audit):
    findings = client.get(f"/v1/audits/{audit['id']}/findings").json["items"]
    severities = [finding["severity"] for finding in findings]

    assert audit["counts"] == {name.value: severities.count(name) for name in Severity}
    assert {finding["check"] for finding in findings} == {"nodeport-unguarded"}


def test_a_yaml_body_is_one_manifest(client, audit):
    answer = client.post("/v1/audits", data=OPEN_SERVICE, content_type="application/yaml")

    assert answer.json["sources"] == ["request body"]
    assert answer.json["digest"] == audit["digest"]


def test_the_same_manifests_at_another_time_are_another_audit_with_equal_findings(client, audit):
    again = client.post("/v1/audits", json=body(OPEN_SERVICE)).json
    found = [client.get(f"/v1/audits/{one['id']}/findings").json["items"] for one in (audit, again)]

    assert again["id"] != audit["id"]
    assert found[0] == found[1]


def test_what_could_not_be_read_is_in_the_run_and_the_rest_is_judged(client, audit):
    run = client.post("/v1/audits", json=body(OPEN_SERVICE, UNREADABLE)).json

    assert [(fault["code"], fault["file"]) for fault in run["errors"]] == [
        ("unreadable-manifest", "1.yaml")
    ]
    assert run["counts"] == audit["counts"]


def test_skipped_kinds_are_counted(client):
    text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: x}\n"

    assert client.post("/v1/audits", json=body(text, text)).json["skipped"] == {
        "networking.k8s.io/v1 Ingress": 2
    }


def test_audits_are_listed_newest_first_a_page_at_a_time(client):
    ids = [client.post("/v1/audits", json=body(OPEN_SERVICE)).json["id"] for _ in range(3)]

    page = client.get("/v1/audits?page=2&page_size=2").json

    assert [run["id"] for run in page["items"]] == [ids[0]]
    assert {name: page[name] for name in ("total", "page", "page_size")} == {
        "total": 3,
        "page": 2,
        "page_size": 2,
    }


def test_findings_before_the_first_audit_are_none_of_no_audit(client):
    answer = client.get("/v1/findings").json

    assert (answer["audit"], answer["items"], answer["total"]) == (None, [], 0)


def test_findings_are_those_of_the_latest_audit(client, audit):
    assert client.get("/v1/findings").json["audit"] == audit["id"]
    assert client.get("/v1/findings").json == client.get(f"/v1/audits/{audit['id']}/findings").json


def test_findings_are_filtered(client, audit):
    def total(query):
        return client.get(f"/v1/findings?{query}").json["total"]

    everything = total("subject=Service shop/web")

    assert everything == sum(audit["counts"].values()) > 0
    assert total("check=nodeport-unguarded") == everything
    assert total("check=nope") == 0
    assert total("subject=Service shop/other") == 0
    assert sum(total(f"severity={name.value}") for name in Severity) == everything


@pytest.mark.parametrize("name", exporters())
def test_a_report_comes_in_every_format(client, audit, name):
    answer = client.get(f"/v1/audits/{audit['id']}/report?format={name}")

    assert answer.status_code == 200
    assert answer.content_type == exporters()[name].media_type
    assert answer.headers["Content-Disposition"] == (
        f'inline; filename="nodeward-{audit["id"]}{exporters()[name].suffix}"'
    )
    assert len(answer.data) == answer.content_length > 0


def test_a_report_names_the_findings(client, audit):
    findings = client.get("/v1/findings").json["items"]
    path = f"/v1/audits/{audit['id']}/report"
    table = csv.DictReader(io.StringIO(client.get(f"{path}?format=csv").text, newline=""))

    assert json.loads(client.get(path).data)["findings"] == findings
    assert [row["fingerprint"] for row in table if row["record"] == "finding"] == [
        finding["fingerprint"] for finding in findings
    ]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("text/*;q=0.5, text/csv", "text/csv"),
    ],
)
def test_a_report_comes_as_the_client_likes_it(client, audit, accept, media_type):
    answer = client.get(f"/v1/audits/{audit['id']}/report", headers={"Accept": accept})

    assert answer.mimetype == media_type


def test_the_page_of_a_report_may_use_its_own_style_and_nothing_else(client, audit):
    answer = client.get(f"/v1/audits/{audit['id']}/report?format=html")

    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src {exporters()['html'].style_source};" in policy
    assert policy.startswith("default-src 'none'")


def test_a_report_tells_the_command_that_repeats_it(client, audit):
    report = client.get(f"/v1/audits/{audit['id']}/report").json

    assert report["verify"] == "nodeward audit 0.yaml"


def test_exposures_of_an_audit_name_its_services(client, audit):
    page = client.get(f"/v1/exposures?audit={audit['id']}").json

    assert page["digest"] == audit["digest"]
    assert {(item["service"], item["node_port"]) for item in page["items"]} == {
        ("shop/web", "30080")
    }
    assert page["items"][0]["undecided"] == ["0.0.0.0/0"]


def test_exposures_are_filtered_by_service(client, audit):
    assert client.get(f"/v1/exposures?audit={audit['id']}&service=shop/x").json["total"] == 0


def test_questions_without_an_audit_are_about_the_served_manifests(client):
    assert client.get("/v1/exposures").json["total"] == 0


def test_a_flow_is_traced_through_the_cluster_of_an_audit(client, audit):
    answer = client.post("/v1/trace", json={"flow": FLOW, "audit": audit["id"]})

    assert answer.status_code == 200
    assert answer.json.keys() >= {"flow", "disposition", "stages", "unknown"}
    assert answer.json["flow"]["port"] == 30080


def test_a_trace_tells_what_was_looked_at_if_it_is_asked_to(client, audit):
    asked = {"flow": FLOW, "audit": audit["id"], "explain": True}
    assert client.post("/v1/trace", json=asked).status_code == 200


def test_a_review_is_answered_as_at_admission_and_changes_nothing(client, audit):
    url = f"/v1/review?audit={audit['id']}"

    answers = [client.post(url, json=review()).json for _ in range(2)]

    assert answers[0] == answers[1]
    assert answers[0]["response"]["uid"] == "u-1"
    assert not answers[0]["response"]["allowed"]
    assert answers[0]["response"]["status"]["code"] == 403


def test_the_probes_are_open_to_all(app):
    stranger = app.test_client()

    assert stranger.get("/livez").json == {"status": "alive"}
    assert stranger.get("/readyz").json["status"] == "ready"


def test_the_probe_tells_which_manifests_are_served(client):
    state = client.get("/readyz").json

    assert state == {
        "status": "ready",
        "age_s": pytest.approx(0, abs=60),
        "revision": "",
        "digest": client.get("/v1/exposures").json["digest"],
        "failure": "",
        "waiting": [],
    }


def test_a_service_of_no_manifests_is_ready_and_has_no_cluster(store, clock):
    app = create_app(Context(store, Worlds(store), Settings(), clock))

    assert app.test_client().get("/readyz").json == {
        "status": "ready",
        "age_s": None,
        "revision": None,
        "digest": None,
        "failure": "",
        "waiting": [],
    }


def test_metrics_count_the_audits(client, audit):
    assert 'nodeward_audits_total{result="ok"}' in client.get("/metrics").text


def test_metrics_count_the_audits_that_failed_apart(client, app, monkeypatch):
    monkeypatch.delattr(type(app.extensions["nodeward"].store), "append")

    assert client.post("/v1/audits", json=body(OPEN_SERVICE)).status_code == 500
    assert 'nodeward_audits_total{result="failed"}' in client.get("/metrics").text


def test_every_answer_forbids_to_keep_to_frame_and_to_guess(client):
    headers = client.get("/v1/audits").headers

    assert {
        name: headers[name]
        for name in (
            "Cache-Control",
            "X-Frame-Options",
            "X-Content-Type-Options",
            "Referrer-Policy",
        )
    } == {
        "Cache-Control": "no-store",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
