"""IntervalSet against sets of integers, and prefixes against the standard library."""

from functools import reduce
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network, summarize_address_range
from operator import or_

from hypothesis import given
from hypothesis import strategies as st

from service.net.intervals import IntervalSet
from service.net.prefixes import (
    Family,
    HostBits,
    HostBitsError,
    cidrs,
    format_ip,
    parse_cidr,
    parse_ip,
)

TOP = 40
models = st.frozensets(st.integers(0, TOP))
ranges = st.tuples(st.integers(0, TOP), st.integers(0, TOP)).map(lambda ends: tuple(sorted(ends)))
families = st.sampled_from(Family)
# The library prints IPv4-mapped addresses in two ways, by its version.
unmapped_addresses = st.ip_addresses().filter(lambda ip: getattr(ip, "ipv4_mapped", None) is None)


def interval_set(model: frozenset[int]) -> IntervalSet:
    return IntervalSet.of(*((value, value) for value in model))


def members(found: IntervalSet) -> set[int]:
    return {value for lo, hi in found for value in range(lo, hi + 1)}


@st.composite
def address_ranges(draw: st.DrawFn) -> tuple[Family, int, int]:
    family = draw(families)
    addresses = st.integers(0, family.max_address)
    lo, hi = sorted((draw(addresses), draw(addresses)))
    return family, lo, hi


@given(models, models)
def test_the_operations_are_those_of_sets(one, two) -> None:
    left, right = interval_set(one), interval_set(two)
    found = [members(left | right), members(left & right), members(left - right)]
    assert found == [one | two, one & two, one - two]


@given(models, models)
def test_comparisons_are_those_of_sets(one, two) -> None:
    left, right = interval_set(one), interval_set(two)
    assert (left <= right, left == right, bool(left)) == (one <= two, one == two, bool(one))


@given(models, models)
def test_every_result_is_canonical(one, two) -> None:
    left, right = interval_set(one), interval_set(two)
    for found in (left | right, left & right, left - right, left.complement(5, 30)):
        assert found == IntervalSet.of(*found.ranges)


@given(st.lists(ranges))
def test_any_list_of_ranges_has_its_members(listed) -> None:
    found = IntervalSet.of(*listed)
    expected = {value for lo, hi in listed for value in range(lo, hi + 1)}
    assert (members(found), found.size()) == (expected, len(expected))


@given(models, st.integers(-1, TOP + 1))
def test_membership_is_that_of_sets(model, value) -> None:
    assert (value in interval_set(model)) is (value in model)


@given(models, st.integers(0, TOP), st.integers(0, TOP))
def test_the_complement_is_the_rest_of_the_range(model, lo, hi) -> None:
    assert members(interval_set(model).complement(lo, hi)) == set(range(lo, hi + 1)) - model


@given(st.lists(models))
def test_the_union_of_all_is_the_union_one_by_one(listed) -> None:
    sets = [interval_set(model) for model in listed]
    assert IntervalSet.union_all(sets) == reduce(or_, sets, IntervalSet.empty())


@given(address_ranges())
def test_a_range_is_covered_as_the_standard_library_does(drawn) -> None:
    family, lo, hi = drawn
    kind = IPv4Address if family is Family.V4 else IPv6Address
    expected = [str(network) for network in summarize_address_range(kind(lo), kind(hi))]
    assert cidrs(family, IntervalSet.of((lo, hi))) == expected


@given(families, st.lists(ranges))
def test_the_cidrs_of_a_set_are_the_set(family, listed) -> None:
    whole = IntervalSet.of(*listed)
    prefixes = [parse_cidr(text, HostBits.REFUSE) for text in cidrs(family, whole)]
    assert {prefix.family for prefix in prefixes} <= {family}
    assert IntervalSet.of(*((prefix.lo, prefix.hi) for prefix in prefixes)) == whole


@given(address_ranges())
def test_an_address_reads_back_as_it_was_printed(drawn) -> None:
    family, address, _ = drawn
    mapped = family is Family.V6 and address >> 32 == 0xFFFF
    expected = (Family.V4, address & 0xFFFFFFFF) if mapped else (family, address)
    assert parse_ip(format_ip(family, address)) == expected


@given(unmapped_addresses)
def test_an_address_prints_as_the_standard_library_prints_it(ip) -> None:
    assert format_ip(Family(ip.version), int(ip)) == str(ip)


@given(st.ip_addresses(v=6))
def test_a_fully_written_address_is_read(ip) -> None:
    assert parse_ip(ip.exploded.upper()) == parse_ip(str(ip))


@given(st.text("0123456789.:abf/ ", max_size=20))
def test_an_address_is_accepted_where_the_standard_library_accepts_it(text) -> None:
    assert _accepted(parse_ip, text) == _accepted(ip_address, text)


@given(unmapped_addresses, st.integers(0, 128))
def test_a_cidr_is_the_network_of_the_standard_library(ip, length) -> None:
    text = f"{ip}/{min(length, ip.max_prefixlen)}"
    network = ip_network(text, strict=False)
    found = parse_cidr(text)
    assert (found.lo, found.hi, str(found)) == (
        int(network.network_address),
        int(network.broadcast_address),
        str(network),
    )


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_host_bits_are_refused_where_the_standard_library_refuses_them(ip, length) -> None:
    text = f"{ip}/{length}"
    clean = _accepted(ip_network, text)
    try:
        parse_cidr(text, HostBits.REFUSE)
    except HostBitsError:
        assert not clean
    else:
        assert clean


def _accepted(parse, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
