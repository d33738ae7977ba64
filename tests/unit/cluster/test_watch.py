import contextlib
import threading
import time
from pathlib import Path

import pytest

from service.cluster.watch import Watch, listing
from service.errors import SourceError, StoreError

WAIT_S = 5.0


class Reader:
    """Reads a world that stands for the files' content, or fails as they say."""

    def __init__(self, folder: Path, world) -> None:
        self.folder = folder
        self.world = world
        self.seen: list[str] = []

    def __call__(self):
        text = "".join(path.read_text() for path in sorted(self.folder.glob("*.yaml")))
        self.seen.append(text)
        if "broken" in text:
            raise SourceError("broken")
        if "defect" in text:
            raise ZeroDivisionError
        return self.world


@pytest.fixture
def reader(tmp_path, world) -> Reader:
    (tmp_path / "a.yaml").write_text("one")
    return Reader(tmp_path, world)


@pytest.fixture
def watch(tmp_path, reader):
    made = Watch([str(tmp_path)], reader, period_s=0.01)
    yield made
    made.close()


def wait_until(condition) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def started(watch: Watch) -> Watch:
    watch.start()
    wait_until(lambda: watch.current.world or watch.current.failure)
    return watch


def test_the_manifests_are_read_at_the_start(watch, world):
    assert started(watch).current.world is world


def test_files_that_stay_the_same_are_read_once(watch, reader):
    started(watch)
    time.sleep(0.1)
    assert reader.seen == ["one"]


@pytest.mark.parametrize(
    ("change", "content"),
    [
        (lambda folder: (folder / "a.yaml").write_text("two"), "two"),
        (lambda folder: (folder / "b.yaml").write_text("two"), "onetwo"),
        (lambda folder: (folder / "a.yaml").unlink(), ""),
    ],
    ids=["changed", "added", "removed"],
)
def test_a_change_of_the_files_is_read(watch, reader, tmp_path, change, content):
    started(watch)
    change(tmp_path)
    wait_until(lambda: reader.seen[-1] == content)


def test_a_broken_new_state_keeps_the_last_good_world(watch, tmp_path, world):
    started(watch)
    (tmp_path / "a.yaml").write_text("broken")
    wait_until(lambda: watch.current.failure)
    assert (watch.current.world, watch.current.failure) == (world, "broken")


def test_a_mended_state_ends_the_failure(watch, tmp_path):
    (tmp_path / "a.yaml").write_text("broken")
    started(watch)
    (tmp_path / "a.yaml").write_text("mended")
    wait_until(lambda: not watch.current.failure)
    assert watch.current.world is not None


def test_a_defect_of_the_reader_does_not_end_the_watch(watch, reader, tmp_path):
    (tmp_path / "a.yaml").write_text("defect")
    started(watch)
    assert watch.current.failure == "a defect of Nodeward: ZeroDivisionError"
    (tmp_path / "a.yaml").write_text("mended")
    wait_until(lambda: watch.current.world)


def test_what_failed_for_another_reason_than_the_files_is_tried_again(tmp_path, world):
    outcomes = iter([StoreError("locked"), world])

    def read():
        outcome = next(outcomes)
        if isinstance(outcome, StoreError):
            raise outcome
        return outcome

    watch = Watch([str(tmp_path)], read, period_s=0.01, retry_s=0.02)
    with contextlib.closing(started(watch)):
        wait_until(lambda: watch.current.world)
    assert watch.current.failure == ""


def test_closing_ends_the_thread(watch):
    started(watch).close()
    assert "watch" not in {thread.name for thread in threading.enumerate()}


def test_a_listing_tells_a_new_mode(tmp_path):
    (tmp_path / "a").write_text("")
    before = listing([str(tmp_path)])
    (tmp_path / "a").chmod(0o600)
    assert listing([str(tmp_path)]) != before


def test_a_listing_tells_a_replaced_file_of_equal_size_and_time(tmp_path):
    (tmp_path / "a").write_text("1")
    before = listing([str(tmp_path / "a")])
    (tmp_path / "b").write_text("2")
    (tmp_path / "b").rename(tmp_path / "a")
    assert listing([str(tmp_path / "a")]) != before


def test_a_path_that_is_gone_is_listed_as_gone(tmp_path):
    assert listing([str(tmp_path / "gone")]) == ((str(tmp_path / "gone"), 0, 0, 0, 0),)
