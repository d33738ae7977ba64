import threading

import pytest
from werkzeug.exceptions import TooManyRequests

from webhook.gate import Gate


def test_work_that_is_alone_is_always_tried():
    with Gate().passed("slow", 0.0):
        pass


def test_work_for_which_there_is_no_time_left_is_shed():
    gate = Gate()
    gate._expected_s["slow"] = 2.0
    with gate.passed("slow", 10.0), gate.passed("slow", 10.0):
        with pytest.raises(TooManyRequests):
            gate.passed("slow", 5.0).__enter__()
        with gate.passed("quick", 5.0):
            pass
    assert 0.0 == gate._pending_s


def test_expectations_follow_what_was_seen():
    gate = Gate()
    wait = threading.Event()
    for _ in range(3):
        with gate.passed("slow", 10.0):
            wait.wait(0.05)
    assert 0.02 < gate._expected_s["slow"] < 1.0


def test_work_that_waits_is_expected_to_take_what_it_takes_of_the_processor():
    gate = Gate()
    wait = threading.Event()
    for _ in range(3):
        with gate.passed("waiting", 10.0) as work:
            assert "done" == work.measured(lambda: wait.wait(0.05) or "done")
    assert 0.0 < gate._expected_s["waiting"] < 0.02


def test_work_that_fails_is_over():
    gate = Gate()
    with pytest.raises(ZeroDivisionError), gate.passed("x", 1.0):
        raise ZeroDivisionError
    assert 0.0 == gate._pending_s
