"""One suite for every store: what the port promises, each backend keeps."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from service.admission.record import Answer
from service.errors import ConflictError, NotFoundError, SettingsError, StoreError
from service.store.port import DecisionFilter, FindingFilter, Page, Window, open_store
from tests.decision_factories import make_decision
from tests.result_factories import (
    make_finding,
    make_manifest,
    make_run,
    make_token,
)
from tests.review_factories import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.store.port import AuditStore
    from service.store.records import Finding

ALL = FindingFilter()
EVERY = DecisionFilter()
RUN = make_run().id


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AuditStore]:
    url = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/audit.db"}[request.param]
    opened = open_store(url)
    yield opened
    opened.close()


def test_a_run_comes_back_as_it_was_kept(store: AuditStore) -> None:
    store.append(make_run(), [])

    assert store.run(RUN) == make_run()


def test_a_run_that_was_never_kept_is_not_found(store: AuditStore) -> None:
    with pytest.raises(NotFoundError, match="there is no audit nope"):
        store.run("nope")


def test_runs_come_newest_first_a_window_at_a_time(store: AuditStore) -> None:
    runs = [make_run(id=str(hour), started_at=f"2026-11-23T0{hour}:00Z") for hour in (1, 3, 2)]
    for run in runs:
        store.append(run, [])

    assert store.runs(Window(offset=1, limit=1)) == Page((runs[2],), total=3)


def test_findings_come_back_in_their_order(store: AuditStore) -> None:
    findings = tuple(make_finding(place, key=[str(place)]) for place in range(3))
    store.append(make_run(), findings)

    assert store.findings(RUN, ALL, Window()) == Page(findings, total=3)
    assert tuple(store.stream(RUN)) == findings


def test_a_window_cuts_findings_and_tells_how_many_there_are(store: AuditStore) -> None:
    findings = tuple(make_finding(place, key=[str(place)]) for place in range(5))
    store.append(make_run(), findings)

    assert store.findings(RUN, ALL, Window(offset=3, limit=9)) == Page(findings[3:], total=5)


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (FindingFilter(check="apiserver-lockout"), [1]),
        (FindingFilter(severity="low"), [2]),
        (FindingFilter(result="warn"), [2]),
        (FindingFilter(subject="Service default/bar"), [0, 1]),
        (FindingFilter(subject="GlobalNetworkPolicy gnp"), [2]),
        (FindingFilter(check="apiserver-lockout", severity="low"), []),
    ],
)
def test_every_field_of_a_filter_restricts(
    store: AuditStore, wanted: FindingFilter, positions: list[int]
) -> None:
    gnp = {
        "group": "projectcalico.org",
        "kind": "GlobalNetworkPolicy",
        "namespace": "",
        "name": "gnp",
    }
    store.append(
        make_run(),
        [
            make_finding(0),
            make_finding(1, check="apiserver-lockout"),
            make_finding(2, severity="low", result="warn", subject=gnp),
        ],
    )

    page = store.findings(RUN, wanted, Window())

    assert [found.position for found in page.items] == positions
    assert page.total == len(positions)


def test_findings_of_one_run_are_not_those_of_another(store: AuditStore) -> None:
    store.append(make_run(id="a"), [make_finding(0)])
    store.append(make_run(id="b"), [])

    assert store.findings("b", ALL, Window()) == Page((), total=0)
    assert list(store.stream("b")) == []


def test_manifests_come_back_in_their_order(store: AuditStore) -> None:
    texts = (make_manifest("z.yaml", "ä: 1\n"), make_manifest("a.yaml"))
    store.append(make_run(), [], texts)

    assert store.manifests(RUN) == texts
    assert store.manifests("nope") == ()


def test_a_second_run_of_the_same_id_is_refused_and_changes_nothing(store: AuditStore) -> None:
    store.append(make_run(), [make_finding(0)])

    with pytest.raises(ConflictError, match=f"there is already an audit {RUN}"):
        store.append(make_run(version="9"), [], [make_manifest()])

    assert store.run(RUN) == make_run()
    assert store.findings(RUN, ALL, Window()).total == 1
    assert store.manifests(RUN) == ()


def test_a_run_whose_findings_fail_leaves_nothing(store: AuditStore) -> None:
    def broken() -> Iterator[Finding]:
        yield make_finding(0)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        store.append(make_run(), broken())

    with pytest.raises(NotFoundError):
        store.run(RUN)
    assert store.findings(RUN, ALL, Window()).total == 0


def test_more_findings_than_a_batch_are_all_kept(store: AuditStore) -> None:
    store.append(make_run(), (make_finding(place) for place in range(2500)))

    assert [found.position for found in store.stream(RUN)] == list(range(2500))


def test_tokens_come_back_by_name_and_a_name_has_one(store: AuditStore) -> None:
    renewed = make_token("b", digest="f" * 64)
    for token in (make_token("b"), make_token("a", scopes=frozenset({"read"})), renewed):
        store.keep_token(token)

    assert store.tokens() == (make_token("a", scopes=frozenset({"read"})), renewed)


def test_threads_append_side_by_side(store: AuditStore) -> None:
    def append(number: int) -> None:
        store.append(make_run(id=str(number)), [make_finding(place) for place in range(50)])

    threads = [threading.Thread(target=append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert store.runs(Window()).total == 8


def test_an_open_store_answers(store: AuditStore) -> None:
    store.ping()


def test_a_scheme_without_backend_is_a_setting_at_fault() -> None:
    with pytest.raises(SettingsError, match="no store has the scheme 'mysql'"):
        open_store("mysql://localhost/audit")


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_sqlite_url_names_a_file(url: str) -> None:
    with pytest.raises(SettingsError):
        open_store(url)


def test_a_file_in_no_folder_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened: No such file"):
        open_store(f"sqlite:///{tmp_path}/none/audit.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "audit.db").write_text("no database " * 100)

    with pytest.raises(StoreError, match="file is not a database"):
        open_store(f"sqlite:///{tmp_path}/audit.db")


def test_tables_of_another_version_are_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    open_store(url).close()
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()

    with pytest.raises(StoreError, match="has tables of version 99"):
        open_store(url)


def test_what_a_file_holds_outlives_the_store_and_is_its_owners_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    first = open_store(url)
    first.append(make_run(), [make_finding(0)])
    first.close()

    again = open_store(url)

    assert list(again.stream(RUN)) == [make_finding(0)]
    assert stat.S_IMODE((tmp_path / "audit.db").stat().st_mode) == 0o600
    again.close()


def test_decisions_come_newest_first_and_as_they_were_kept(store: AuditStore) -> None:
    moments = [f"2026-11-26T04:00:0{second}.000000Z" for second in (1, 3, 2)]
    first, third, second = [make_decision(at=at) for at in moments]

    assert store.keep_decisions([first, third, second]) == 3
    assert store.decisions(EVERY, Window(limit=2)) == Page((third, second), total=3)


def test_a_decision_is_kept_once_however_often_it_is_sent(store: AuditStore) -> None:
    first, second = make_decision(), make_decision()

    assert [store.keep_decisions(batch) for batch in ([first], [first, second], [second])] == [
        1,
        1,
        0,
    ]
    assert store.decisions(EVERY, Window()).total == 2


def test_a_batch_that_is_sent_twice_at_the_same_time_is_kept_once(store: AuditStore) -> None:
    batch = [make_decision() for _ in range(50)]
    threads = [threading.Thread(target=store.keep_decisions, args=(batch,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.decisions(EVERY, Window()).total == 50


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"answer": "denied"}, {"denied"}),
        ({"operation": "CREATE"}, {"denied", "allowed"}),
        ({"kind": "Service", "namespace": "shop", "name": "bar"}, {"denied", "allowed"}),
        ({"name": "b%"}, set()),
        ({"user": "jane"}, {"denied", "allowed"}),
        ({"check": "nodeport-unguarded"}, {"denied"}),
        ({"check": "nodeport"}, set()),
        ({"since": "2026-11-26T04:00:02"}, {"allowed"}),
        ({"until": "2026-11-26T04:00:02"}, {"denied"}),
        ({"review": "none"}, set()),
        ({}, {"denied", "allowed"}),
    ],
)
def test_every_filter_of_decisions_restricts(
    store: AuditStore, wanted: dict[str, str], found: set[str]
) -> None:
    denied = make_decision(at="2026-11-26T04:00:01.000000Z")
    allowed = make_decision(at="2026-11-26T04:00:03.000000Z", answer=Answer.ALLOWED, object=SERVICE)
    store.keep_decisions([denied, allowed])

    page = store.decisions(DecisionFilter(**wanted), Window())
    assert {one.text("answer") for one in page.items} == found


def test_decisions_are_joined_by_what_the_object_says(store: AuditStore) -> None:
    first, second = make_decision(uid="1"), make_decision(uid="2")
    other = make_decision(object=SERVICE)
    store.keep_decisions([first, second, other])

    page = store.decisions(DecisionFilter(digest=first.text("after")), Window())
    assert {one.id for one in page.items} == {first.id, second.id}


def test_a_file_of_the_version_before_grows_and_keeps_what_it_has(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    old = open_store(url)
    old.append(make_run(), [])
    old.close()
    with closing(sqlite3.connect(tmp_path / "audit.db")) as connection, connection:
        connection.execute("DROP TABLE decisions")
        connection.execute("UPDATE schema_version SET version = 1")

    grown = open_store(url)
    assert grown.keep_decisions([make_decision()]) == 1
    assert grown.run(RUN) == make_run()
    grown.close()
