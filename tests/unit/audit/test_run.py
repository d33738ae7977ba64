"""What was read is judged and becomes records."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.audit.run import Source, audit, recorded
from service.checks.run import checks
from service.checks.verdict import Severity
from service.cluster.manifests import load_text
from service.errors import SettingsError
from service.settings import Settings
from service.store.records import InputFault

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
CLUSTER = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: NodePort
  ipFamilies: [IPv4]
  ports: [{protocol: TCP, port: 80, nodePort: 30080}]
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
---
a: [
"""


def audited(text=CLUSTER, settings=Settings(), at=AT, only=()):  # noqa: B008  a frozen value
    return audit(Source(load_text(text, "c.yaml"), ["c.yaml"]), settings, at=at, only=only)


def test_the_same_source_settings_and_clock_give_the_same_audit():
    assert audited() == audited()


@pytest.mark.parametrize(
    "changes",
    [
        {"at": AT + timedelta(microseconds=1)},
        {"settings": replace(Settings(), apiserver_port=7443)},
        {"text": CLUSTER.replace("30080", "30081")},
        {"only": ["nodeport-unguarded"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_clock_setting_source_or_choice_gives_another_id(changes):
    assert audited(**changes).run.id != audited().run.id


def test_the_clock_is_told_in_utc_whatever_its_zone():
    there = AT.astimezone(timezone(timedelta(hours=9)))

    assert audited(at=there).run == audited().run
    assert audited().run.started_at == "2026-11-23T04:00:00.000000Z"


def test_what_could_not_be_read_and_what_was_skipped_are_in_the_run():
    run = audited().run

    assert run.errors == (
        InputFault("unreadable-manifest", "did not find expected node content", "c.yaml", 19, 1),
    )
    assert run.skipped == {"networking.k8s.io/v1 Ingress": 1}
    assert (run.files, run.documents, run.objects, run.sources) == (1, 3, 2, ("c.yaml",))


def test_findings_are_counted_by_every_severity_and_numbered_in_order():
    done = audited()

    assert list(done.run.counts) == [severity.value for severity in Severity]
    assert sum(done.run.counts.values()) == len(done.findings) > 0
    assert [one.position for one in done.findings] == list(range(len(done.findings)))


def test_no_finding_is_a_pass():
    assert "pass" not in {finding.text("result") for finding in audited().findings}


def test_an_empty_cluster_is_audited_too():
    done = audited("")

    assert (done.run.objects, done.run.errors) == (0, ())


def test_all_checks_run_unless_some_are_chosen():
    assert audited().run.checks == tuple(check.id for check in checks())
    assert audited(only=["nodeport-unguarded"]).run.checks == ("nodeport-unguarded",)


def test_a_check_that_there_is_not_is_refused():
    with pytest.raises(
        SettingsError, match=r"there is no check nope; there are .*apiserver-lockout"
    ):
        audited(only=["nope"])


def test_an_audit_knows_whether_it_found_something_that_bad():
    done = audited(only=["nodeport-unguarded"])
    worst = max((Severity(one.text("severity")) for one in done.findings), key=lambda s: s.score)

    assert done.at_least(worst)
    assert done.at_least(Severity.INFO)
    assert not audited("").at_least(Severity.LOW)


def test_settings_that_no_verdict_depends_on_are_not_recorded():
    told = recorded(Settings())

    assert told["node_port_range"] == [30000, 32767]
    assert not {"on_error", "limits.body_bytes"} & told.keys()
