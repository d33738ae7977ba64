import pytest

from service.serving.rates import NAMES, Rates


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_an_address_has_a_burst_and_then_its_rate():
    clock = Clock()
    rates = Rates(10, clock)
    assert [0.0] * 20 == [rates.wait_s("a") for _ in range(20)]
    assert pytest.approx(0.1) == rates.wait_s("a")
    clock.now = 0.1
    assert [True, False] == [rates.wait_s("a") == 0.0 for _ in range(2)]


def test_addresses_do_not_share():
    rates = Rates(1, Clock())
    assert [0.0, 0.0, 1.0] == [rates.wait_s("a") for _ in range(3)]
    assert 0.0 == rates.wait_s("b")


def test_strangers_do_not_fill_the_memory():
    rates = Rates(1, Clock())
    for number in range(NAMES + 10):
        rates.wait_s(str(number))
    assert NAMES == len(rates._buckets)
