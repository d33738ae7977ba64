"""From a journal on disk to the store of a running audit service, whatever fails on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import orjson
import pytest

from service.cli.exit_code import ExitCode
from service.cli.main import run
from service.journal.reader import sealed_and_shipped, shipped
from service.journal.segments import line, segments
from service.journal.writer import Journal, Limits, Wanted
from tests.contract.test_serve import get, serving, wait_for
from tests.decision_factories import make_record
from webhook.shipper import Destination, NotShippedError, Shipper

KILLS = int(os.environ.get("NODEWARD_KILLS", "20"))
WRITER = """\
import sys
from pathlib import Path
import orjson
from service.journal.writer import Journal, Limits, Wanted
from tests.decision_factories import make_record
journal = Journal(Path(sys.argv[1]), Limits(segment_bytes=20_000))
template = make_record()
for number in range(1_000_000):
    identity = f"{sys.argv[2]}-0000-{number:028d}"
    record = orjson.dumps(template | {"id": identity})
    if number % 4:
        journal.append(record, Wanted.IN_TIME)
    else:
        journal.append(record, Wanted.ON_DISK)
        print(identity, flush=True)
"""


def journalled(folder, *records):
    journal = Journal(folder)
    for one in records:
        journal.append(orjson.dumps(one), Wanted.ON_DISK)
    journal.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """An audit service: its URL, the folder of its tokens."""
    folder = tmp_path_factory.mktemp("service")
    with serving(folder, "--token-file", "token", "--door-token-file", "door") as (url, _):
        yield url, folder


def shipper(folder, service, name="door"):
    url, tokens = service
    return Shipper(folder, Destination(url=url, token_file=tokens / name))


def total(service, **wanted):
    url, tokens = service
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    return get(f"{url}/v1/decisions?{query}", (tokens / "token").read_text().strip())["total"]


def test_what_is_in_the_journal_is_shipped_once(service, tmp_path):
    records = [make_record(user={"username": "x"}, uid="once") for _ in range(3)]
    journalled(tmp_path, *records)
    counts = [shipper(tmp_path, service).ship_all() for _ in range(2)]
    assert ([3, 0], 3) == (counts, total(service, review="once"))
    assert segments(tmp_path) == sealed_and_shipped(segments(tmp_path))


def test_notes_that_are_lost_cost_a_repetition_and_nothing_else(service, tmp_path):
    journalled(tmp_path, make_record(uid="again"))
    shipper(tmp_path, service).ship_all()
    for note in tmp_path.glob("*.shipped"):
        note.unlink()
    assert (1, 1) == (shipper(tmp_path, service).ship_all(), total(service, review="again"))


def test_what_cannot_be_shipped_now_is_left_for_later(service, tmp_path):
    journalled(tmp_path, make_record(uid="later"))
    nobody = Shipper(
        tmp_path, Destination(url="http://127.0.0.1:9", token_file=service[1] / "door")
    )
    with pytest.raises(NotShippedError):
        nobody.ship_all()
    assert (1, 1) == (shipper(tmp_path, service).ship_all(), total(service, review="later"))


def test_a_token_without_the_scope_ships_nothing(service, tmp_path):
    journalled(tmp_path, make_record(uid="scope"))
    (service[1] / "wrong").write_text("w" * 40)
    with pytest.raises(NotShippedError, match="401"):
        shipper(tmp_path, service, "wrong").ship_all()


def test_a_record_that_is_refused_for_good_does_not_hold_up_the_others(service, tmp_path):
    bad = make_record() | {"answer": "maybe"}
    journalled(tmp_path, make_record(uid="beside"), bad, make_record(uid="beside"))
    assert (3, 2) == (shipper(tmp_path, service).ship_all(), total(service, review="beside"))


def test_a_damaged_record_does_not_hold_up_the_others(service, tmp_path):
    journalled(tmp_path, make_record(uid="sound"))
    [segment] = segments(tmp_path)
    damaged = line(orjson.dumps(make_record(uid="sound"))).replace(b"jane", b"jame")
    segment.write_bytes(damaged + segment.read_bytes())
    assert (1, 1) == (shipper(tmp_path, service).ship_all(), total(service, review="sound"))
    assert segment.stat().st_size == shipped(segment)


def test_a_running_shipper_follows_the_writer_and_lets_go_of_what_is_shipped(service, tmp_path):
    limits = Limits(segment_bytes=4_000, folder_bytes=60_000)
    journal = Journal(tmp_path, limits, disposable=sealed_and_shipped)
    running = shipper(tmp_path, service)
    running.start()
    for _ in range(60):
        journal.append(orjson.dumps(make_record(uid="follow")), Wanted.ON_DISK)
        time.sleep(0.02)
    wait_for(lambda: total(service, review="follow") == 60)
    journal.close()
    running.close()
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= 60_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_writers_that_are_killed_lose_no_answered_record_and_double_none(service, tmp_path):
    """Each writer is killed at another moment of its life; NODEWARD_KILLS says how many are."""
    promised = []
    for kill in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(tmp_path), f"{kill:08x}-0000"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        promised.append(process.stdout.readline())
        time.sleep(0.001 * (7 * kill % 60))
        process.send_signal(signal.SIGKILL)
        promised += process.stdout.readlines()
        process.wait()
        process.stdout.close()
    wanted = {one.strip() for one in promised if one.endswith("\n")}
    before = total(service)
    count = shipper(tmp_path, service).ship_all()
    assert before + count == total(service), "a record was kept twice, or not at all"
    kept = {record["id"] for record in read(tmp_path)}
    assert (set(), count) == (wanted - kept, len(kept))


def read(folder):
    from service.journal.reader import Reader

    reader = Reader(folder)
    found = list(reader.records())
    assert [] == reader.damaged
    return found


def test_the_command_reads_and_filters_a_journal(tmp_path, capsys):
    denied = make_record(uid="a")
    allowed = make_record(at="2026-11-26T05:00:00.000000Z", uid="b", userInfo={"username": "joe"})
    journalled(tmp_path, denied, allowed)
    assert ExitCode.CLEAN == run(["decisions", str(tmp_path)])
    first, second = capsys.readouterr().out.splitlines()
    assert "DENIED  CREATE  Service  shop/bar  by jane  nodeport-unguarded/" in first
    assert second.endswith(allowed["id"])
    run(["decisions", str(tmp_path), "--user", "joe", "--json"])
    assert allowed == orjson.loads(capsys.readouterr().out)
    run(["decisions", str(tmp_path), "--since", "2026-11-26T04:30", "--check", "apiserver-lockout"])
    assert "" == capsys.readouterr().out


def test_the_command_tells_damage(tmp_path, capsys):
    journalled(tmp_path, make_record())
    [segment] = segments(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b"jane", b"jame"))
    assert ExitCode.UNREADABLE == run(["decisions", str(tmp_path)])
    assert f"damaged record at {segment.name}:0" in capsys.readouterr().err


def test_the_command_steers_no_terminal(tmp_path, capsys):
    journalled(tmp_path, make_record(userInfo={"username": "\x1b[2J"}))
    run(["decisions", str(tmp_path)])
    assert "\x1b" not in capsys.readouterr().out
