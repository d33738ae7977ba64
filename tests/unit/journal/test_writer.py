from __future__ import annotations

import os
import threading

import orjson
import pytest

from service import telemetry
from service.journal.reader import Reader, is_sealed, sealed
from service.journal.segments import scan, segments
from service.journal.writer import Journal, JournalError, Limits, Wanted

FULL = "/dev/full"


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal")
    yield made
    made.close()


def records(folder):
    return [one.record for path in segments(folder) for one in scan(path)]


def failures():
    return telemetry.REGISTRY.get_sample_value("nodeward_journal_failures_total")


def test_a_record_that_is_waited_for_is_on_disk_when_the_call_returns(journal, tmp_path):
    journal.append(b'{"n":1}', Wanted.ON_DISK)
    assert [b'{"n":1}'] == records(tmp_path / "journal")


def test_a_record_that_nobody_waits_for_is_written_before_the_journal_closes(tmp_path):
    journal = Journal(tmp_path)
    for number in range(300):
        journal.append(b"%d" % number, Wanted.IN_TIME)
    journal.close()
    assert [b"%d" % number for number in range(300)] == records(tmp_path)


def test_records_of_many_threads_are_all_kept(journal, tmp_path):
    def write(number):
        for turn in range(20):
            journal.append(b"%d-%d" % (number, turn), Wanted.ON_DISK)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {b"%d-%d" % (one, turn) for one in range(8) for turn in range(20)} == set(
        records(tmp_path / "journal")
    )


def test_a_segment_that_is_full_is_followed_by_another(tmp_path):
    journal = Journal(tmp_path, Limits(segment_bytes=100))
    for number in range(20):
        journal.append(b"x" * 30 + b"%d" % number, Wanted.ON_DISK)
    standing = segments(tmp_path)
    assert len(standing) > 3
    assert standing[:-1] == sealed(standing)
    journal.close()
    assert is_sealed(standing[-1])


def test_only_the_owner_reads_a_journal(journal, tmp_path):
    [segment] = segments(tmp_path / "journal")
    assert (0o700, 0o600) == (
        (tmp_path / "journal").stat().st_mode & 0o777,
        segment.stat().st_mode & 0o777,
    )


def test_a_full_folder_refuses_records_and_counts_them(tmp_path):
    journal = Journal(tmp_path, Limits(folder_bytes=100))
    journal.append(b"x" * 50, Wanted.ON_DISK)
    before = failures()
    with pytest.raises(JournalError, match="reached its limit"):
        journal.append(b"y" * 60, Wanted.ON_DISK)
    assert before + 1 == failures()
    journal.close()


def test_a_full_folder_lets_go_of_what_somebody_else_has(tmp_path):
    limits = Limits(segment_bytes=50, folder_bytes=200)
    journal = Journal(tmp_path, limits, disposable=sealed)
    for number in range(20):
        journal.append(b"x" * 30 + b"%d" % number, Wanted.ON_DISK)
    journal.close()
    kept = records(tmp_path)
    assert b"x" * 30 + b"19" == kept[-1]
    assert sum(path.stat().st_size for path in segments(tmp_path)) <= 200


def test_a_failed_write_is_told_and_the_next_one_goes_to_a_new_segment(tmp_path):
    journal = Journal(tmp_path)
    journal.append(b"1", Wanted.ON_DISK)
    full = os.open(FULL, os.O_WRONLY)
    os.dup2(full, journal._segment.descriptor)
    os.close(full)
    with pytest.raises(JournalError, match="No space left"):
        journal.append(b"2", Wanted.ON_DISK)
    journal.append(b"3", Wanted.ON_DISK)
    journal.close()
    assert [b"1", b"3"] == records(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot hold a journal"):
        Journal(tmp_path / "file")


def test_a_reader_follows_several_writers_in_order_of_time(tmp_path):
    first, second = Journal(tmp_path), Journal(tmp_path)
    reader = Reader(tmp_path)
    for at, journal in (("1", first), ("2", second), ("3", first)):
        journal.append(orjson.dumps({"at": at}), Wanted.ON_DISK)
    assert ["1", "2", "3"] == [one["at"] for one in reader.records()]
    second.append(orjson.dumps({"at": "4"}), Wanted.ON_DISK)
    assert ["4"] == [one["at"] for one in reader.records()]
    assert [] == list(reader.records())
    first.close()
    second.close()


def test_a_reader_tells_damage_by_its_place(tmp_path):
    journal = Journal(tmp_path)
    journal.append(b'{"at":"1"}', Wanted.ON_DISK)
    journal.close()
    [segment] = segments(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b"1", b"2"))
    reader = Reader(tmp_path)
    assert [] == list(reader.records())
    assert [f"{segment.name}:0"] == reader.damaged
