"""The audit door over a live cluster: it audits by itself, soon after every change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

from service.admission.record import Answer
from tests.apiserver.objects import endpoint, node, policy, service
from tests.decision_factories import make_record
from tests.kube.server import wait_until
from tests.webhook_door import free_port

TOKEN = "t" * 43
REPORTED_S = 10.0


class Door:
    """A running ``nodeward serve``."""

    def __init__(self, folder, server, *options):
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        token = folder / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        self.log = folder / "log"
        command = [sys.executable, "-m", "service", "serve", "--port", str(port), *options]
        command += ["--database", f"sqlite:///{folder}/audit.db", "--token-file", str(token)]
        environment = {
            **os.environ,
            "KUBECONFIG": str(server.kubeconfig),
            "NODEWARD_DECISIONS_OVERDUE_S": "1",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def get(self, path):
        asked = urllib.request.Request(
            f"{self.url}{path}", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=20) as answer:
            return json.loads(answer.read()), answer.headers

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/readyz")[0]["status"] == "ready"
        except OSError:
            return False

    def unguarded(self):
        found, _ = self.get("/v1/findings?check=nodeport-unguarded&result=fail&cluster=tests")
        return [one["subject"]["name"] for one in found["items"]]

    def unreviewed(self):
        """The messages about what no door has judged, by the names of the objects."""
        found, _ = self.get("/v1/findings?check=admitted-unreviewed&cluster=tests")
        return {one["subject"]["name"]: one["message"] for one in found["items"]}

    def metrics(self):
        return self._ask("/metrics").decode()

    def ship(self, *decisions):
        self._ask("/v1/decisions", json.dumps({"decisions": decisions}).encode())

    def _ask(self, path, body=None):
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.url}{path}", body, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=20) as answer:
            return answer.read()

    def close(self):
        self.process.terminate()
        assert 0 == self.process.wait(20)


@pytest.fixture
def door(server, tmp_path):
    server.admin.apply(node("node1", "192.168.0.11"))
    server.admin.apply(node("node1", "192.168.0.11"), subresource="status")
    server.admin.apply(endpoint("node1"))
    server.admin.create(policy("guard"))
    server.admin.create(service("web", type="NodePort", ports=[{"port": 80, "nodePort": 30080}]))
    made = Door(tmp_path, server, "--cluster")
    try:
        wait_until(made.is_ready, within_s=60, what=made.log)
        wait_until(lambda: made.get("/v1/audits")[0]["total"] == 1, within_s=REPORTED_S)
        yield made
    finally:
        made.close()


def test_a_guard_that_is_deleted_is_reported_within_ten_seconds(server, door):
    assert [] == door.unguarded()
    server.admin.delete(policy("guard"))
    began = time.monotonic()
    wait_until(lambda: door.unguarded() == ["web"], within_s=REPORTED_S)
    assert time.monotonic() - began < REPORTED_S


def test_an_audit_that_finds_nothing_new_is_not_kept(server, door):
    server.admin.create(service("inside"))
    time.sleep(3)
    assert 1 == door.get("/v1/audits")[0]["total"]


def test_runs_and_answers_tell_revision_and_age(server, door):
    run = door.get("/v1/audits")[0]["items"][0]
    assert (["--context=tests"], True) == (run["sources"], int(run["revision"]) > 0)
    assert 0 <= run["age_s"] < 100
    told, headers = door.get("/v1/exposures")
    assert (None, headers["X-Nodeward-Revision"]) == (told["digest"], told["revision"])
    assert float(headers["X-Nodeward-Age"]) >= 0
    state, _ = door.get("/readyz")
    assert ([], None) == (state["waiting"], state["digest"])
    assert int(state["revision"]) >= int(run["revision"])


def test_a_cluster_that_is_not_served_is_refused(door):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        door.get("/v1/exposures?cluster=elsewhere")


def told_events(server, name):
    found = server.admin.items("/api/v1/namespaces/default/events")
    return [
        one
        for one in found
        if (one["reason"], one["involvedObject"]["name"]) == ("FindingNew", name)
    ]


def test_a_node_that_joins_without_endpoint_is_told_by_event_and_metric(server, door):
    opened = service("joined", type="NodePort", ports=[{"port": 80, "nodePort": 30081}])
    server.admin.create(opened)
    server.admin.apply(node("node2", "192.168.0.12"))
    server.admin.apply(node("node2", "192.168.0.12"), subresource="status")
    wait_until(lambda: told_events(server, "joined"), within_s=REPORTED_S, what="an Event")
    (event,) = told_events(server, "joined")
    assert event["message"].startswith("nodeport-unguarded (node-without-host-endpoint)")
    wanted = 'nodeward_findings{check="nodeport-unguarded",cluster="tests",severity="high"} 2.0'
    wait_until(lambda: wanted in door.metrics(), within_s=REPORTED_S, what=wanted)


def test_what_was_written_past_the_doors_is_found_with_its_author(server, door):
    door.ship(make_record(at="2026-01-01T00:00:00.000000Z"))
    server.admin.apply(service("past", type="NodePort", ports=[{"port": 80, "nodePort": 30082}]))
    wait_until(lambda: "past" in door.unreviewed(), within_s=REPORTED_S, what="it is found")
    found = door.unreviewed()["past"]
    assert "past was written at 20" in found
    assert found.endswith("by tests, and no admission door has judged what it says")


def test_what_a_door_has_judged_is_not(server, door):
    door.ship(make_record(at="2026-01-01T00:00:00.000000Z"))
    stored = server.admin.apply(service("judged"))
    decision = make_record(object=stored, name="judged", namespace="default", answer=Answer.ALLOWED)
    door.ship(decision)
    server.admin.apply(service("past"))
    wait_until(lambda: "past" in door.unreviewed(), within_s=REPORTED_S, what="the other is found")
    assert "judged" not in door.unreviewed()
