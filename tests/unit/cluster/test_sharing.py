from __future__ import annotations

import threading
import time

import pytest

from service.cluster.sharing import Budget, SharedRead


class Counter:
    """A read that says how often it was made."""

    def __init__(self):
        self.reads = 0

    def __call__(self):
        self.reads += 1
        return self.reads


def test_a_read_is_made_for_who_needs_it():
    shared = SharedRead(Counter(), Budget(9, 1.0))
    moment = time.monotonic()
    answer = shared.since(moment)
    assert (1, True) == (answer.value, answer.asked_at >= moment)


def test_an_answer_that_is_new_enough_serves_again():
    shared = SharedRead(Counter(), Budget(9, 1.0))
    moment = time.monotonic()
    assert shared.since(moment) is shared.since(moment)


def test_what_began_before_the_question_is_no_answer():
    shared = SharedRead(Counter(), Budget(9, 1.0))
    shared.since(time.monotonic())
    assert 2 == shared.since(time.monotonic()).value


def test_what_was_not_read_is_not_known():
    counter = Counter()
    assert SharedRead(counter, Budget(9, 1.0)).known(0.0) is None
    assert 0 == counter.reads


def test_over_the_budget_nothing_is_read():
    counter = Counter()
    shared = SharedRead(counter, Budget(2, 60.0))
    answers = [shared.since(time.monotonic()) for _ in range(5)]
    assert (2, 2) == (counter.reads, len([one for one in answers if one]))


def test_a_budget_is_renewed_in_time():
    budget = Budget(1, 0.05)
    assert [True, False] == [budget.take(), budget.take()]
    time.sleep(0.06)
    assert budget.take()


def test_reads_of_two_kinds_can_share_a_budget():
    budget = Budget(2, 60.0)
    first, second = SharedRead(Counter(), budget), SharedRead(Counter(), budget)
    taken = [one.since(time.monotonic()) for one in (first, second, first)]
    assert [True, True, False] == [one is not None for one in taken]


def test_while_one_reads_nobody_else_does():
    entered, leave = threading.Event(), threading.Event()

    def slow():
        entered.set()
        assert leave.wait(10)
        return 1

    shared = SharedRead(slow, Budget(9, 1.0))
    reader = threading.Thread(target=shared.since, args=(time.monotonic(),))
    reader.start()
    assert entered.wait(10)
    assert shared.since(time.monotonic()) is None
    leave.set()
    reader.join(10)
    assert 1 == shared.known(0.0).value


def test_a_read_that_fails_is_told_and_can_be_made_again():
    results = iter([ZeroDivisionError(), 7])

    def read():
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    shared = SharedRead(read, Budget(9, 1.0))
    with pytest.raises(ZeroDivisionError):
        shared.since(time.monotonic())
    assert 7 == shared.since(time.monotonic()).value
