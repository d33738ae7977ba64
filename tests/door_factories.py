"""Doors for tests: everything that an answer takes, with a journal in a folder of the test's."""

from __future__ import annotations

from contextlib import contextmanager

from service.journal.writer import Journal
from webhook.door import Door
from webhook.gate import Gate
from webhook.recorder import Recorder
from webhook.timely import Timely


@contextmanager
def open_door(judge, folder, *, rights=None, mend=None):
    """A door before *judge*; its threads end with it."""
    journal, timely = Journal(folder), Timely(2)
    try:
        yield Door(
            judge=judge,
            gate=Gate(),
            timely=timely,
            mend=mend or (lambda _world, decision: decision),
            recorder=Recorder(journal, "answer", "door-1"),
            rights=rights,
        )
    finally:
        timely.close()
        journal.close()
