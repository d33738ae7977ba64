import contextvars
import threading
import time

import pytest

from webhook.timely import LateError, Timely


@pytest.fixture
def timely():
    made = Timely(2)
    yield made
    made.close()


def later(seconds):
    return time.monotonic() + seconds


def test_work_gives_its_result(timely):
    assert [7, 7] == [timely.result(lambda: 7, deadline) for deadline in (None, later(30))]


def test_work_that_takes_too_long_is_not_waited_for(timely):
    end = threading.Event()
    started = time.monotonic()
    with pytest.raises(LateError):
        timely.result(lambda: end.wait(30), later(3.0))
    assert time.monotonic() - started < 3.0
    end.set()


def test_work_is_not_begun_when_its_time_is_over(timely):
    begun = []
    with pytest.raises(LateError):
        timely.result(lambda: begun.append(1), later(-1))
    assert [] == begun


def test_an_error_of_the_work_is_the_callers(timely):
    def fail():
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        timely.result(fail, later(30))


def test_work_sees_the_context_of_its_caller(timely):
    name = contextvars.ContextVar("name")
    name.set("review 7")
    assert "review 7" == timely.result(name.get, later(30))
