from __future__ import annotations

import contextlib
import io
from types import SimpleNamespace

import pytest

from service.cli import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    made = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=made))
    monkeypatch.setattr(progress, "_PERIOD_S", 0.0)
    return made


def test_on_a_terminal_it_is_told_how_far_a_list_is(terminal):
    with progress.telling() as tell:
        tell("pods", 12_500, 150_000)
    assert "\r\x1b[Kreading pods 12,500 of 150,000\r\x1b[K" == terminal.getvalue()


def test_before_the_first_page_the_number_is_not_known(terminal):
    with progress.telling() as tell:
        tell("pods", 0, 0)
    assert "reading pods\r" in terminal.getvalue()


def test_the_line_goes_when_the_list_fails(terminal):
    failing = contextlib.ExitStack()
    tell = failing.enter_context(progress.telling())
    tell("pods", 1, 2)
    error = ZeroDivisionError()
    failing.__exit__(type(error), error, None)
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_line_is_not_told_more_often_than_one_can_read(terminal, monkeypatch):
    monkeypatch.setattr(progress, "_PERIOD_S", 60.0)
    with progress.telling() as tell:
        for done in range(10):
            tell("pods", done, 10)
    assert terminal.getvalue().count("reading") <= 1


def test_in_a_pipe_nothing_is_told(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=pipe))
    with progress.telling() as tell:
        tell("pods", 1, 2)
    assert "" == pipe.getvalue()
