import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.journal.segments import Damage, Entry, line, scan, segments

RECORDS = st.lists(st.binary(min_size=1).filter(lambda record: b"\n" not in record), max_size=8)


@given(RECORDS)
def test_what_was_written_is_read_in_its_order(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("journal") / "a.journal"
    path.write_bytes(b"".join(map(line, records)))
    assert records == [one.record for one in scan(path)]


@given(RECORDS.filter(bool), st.data())
def test_a_line_that_a_dead_writer_left_unfinished_is_left_out(tmp_path_factory, records, data):
    path = tmp_path_factory.mktemp("journal") / "a.journal"
    whole = b"".join(map(line, records))
    last = line(records[-1])
    cut = data.draw(st.integers(1, len(last)))
    path.write_bytes(whole[:-cut])
    assert records[:-1] == [one.record for one in scan(path)]


@pytest.mark.parametrize("flip", [0, 9, 12])
def test_a_damaged_line_is_told_and_the_next_one_read(tmp_path, flip):
    path = tmp_path / "a.journal"
    first, second = line(b'{"a":1}'), line(b'{"b":2}')
    damaged = bytearray(first)
    damaged[flip] ^= 1
    path.write_bytes(bytes(damaged) + second)
    assert [Damage(0, len(first)), Entry(b'{"b":2}', len(first) + len(second))] == list(scan(path))


def test_a_segment_is_read_from_where_it_was_left(tmp_path):
    path = tmp_path / "a.journal"
    path.write_bytes(line(b"1") + line(b"2"))
    [first, second] = scan(path)
    assert [second] == list(scan(path, first.end))


def test_segments_go_by_the_moment_at_which_they_were_begun(tmp_path):
    for name in ("2.journal", "1.journal", "1.journal.shipped", "note"):
        (tmp_path / name).touch()
    assert ["1.journal", "2.journal"] == [path.name for path in segments(tmp_path)]
    assert [] == segments(tmp_path / "none")
