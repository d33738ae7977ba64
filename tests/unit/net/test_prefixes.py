"""Addresses and CIDRs: what Go reads, what it refuses, and how they print."""

import ipaddress

import pytest

from service.net.intervals import IntervalSet
from service.net.prefixes import (
    Family,
    HostBits,
    HostBitsError,
    Prefix,
    PrefixError,
    cidrs,
    format_ip,
    parse_cidr,
    parse_ip,
    parse_network,
)


@pytest.mark.parametrize(
    ("text", "family", "address"),
    [
        ("0.0.0.0", Family.V4, 0),  # noqa: S104 - text to parse, nothing binds
        ("10.0.0.11", Family.V4, 0x0A00000B),
        ("255.255.255.255", Family.V4, 0xFFFFFFFF),
        ("::", Family.V6, 0),
        ("::1", Family.V6, 1),
        ("2001:db8::a:0:1", Family.V6, 0x20010DB8_00000000_0000000A_00000001),
        ("1:2:3:4:5:6:7:8", Family.V6, 0x00010002000300040005000600070008),
        ("1:2:3:4:5:6:7::", Family.V6, 0x00010002000300040005000600070000),
        ("2001:DB8::", Family.V6, 0x20010DB8 << 96),
        ("64:ff9b::192.0.2.1", Family.V6, 0x0064FF9B_00000000_00000000_C0000201),
        ("1:2:3:4:5:6:192.0.2.1", Family.V6, 0x000100020003000400050006C0000201),
    ],
)
def test_an_address_is_read(text, family, address) -> None:
    assert parse_ip(text) == (family, address)


def test_a_mapped_address_is_the_ipv4_address_as_for_go() -> None:
    assert parse_ip("::ffff:1.2.3.4") == parse_ip("::ffff:102:304") == parse_ip("1.2.3.4")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not an IP address"),
        ("10.0.0", "not an IP address"),
        ("10.0.0.0.0", "not an IP address"),
        ("10.0.0.01", "leading zero"),
        ("10.0.0.256", "exceeds 255"),
        ("10.0.0.1000", "exceeds 255"),
        ("10.0.0.", "not a number"),
        ("10.0.0.+1", "not a number"),
        ("10.0.0.1 ", "not a number"),
        ("10.0.0.\u0661", "not a number"),
        ("host", "not an IP address"),
        ("fe80::1%eth0", "zone"),
        ("1:2:3:4:5:6:7", "eight groups"),
        ("1:2:3:4:5:6:7:8:9", "eight groups"),
        ("1:2:3:4:5:6:7::8", "at least one group"),
        ("1::2::3", "one to four hexadecimal digits"),
        (":::", "one to four hexadecimal digits"),
        ("1:", "one to four hexadecimal digits"),
        (":1", "one to four hexadecimal digits"),
        ("12345::", "one to four hexadecimal digits"),
        ("g::", "one to four hexadecimal digits"),
        ("1.2.3.4::", "must come last"),
        ("::1.2.3.4:5", "one to four hexadecimal digits"),
        ("::1.2.3", "not an IP address"),
        ("::1.2.3.04", "leading zero"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text, reason) -> None:
    with pytest.raises(PrefixError, match=reason):
        parse_ip(text)


def test_host_bits_are_masked_unless_refused() -> None:
    assert parse_cidr("10.1.2.3/8") == Prefix(Family.V4, 10 << 24, (11 << 24) - 1)


def test_refused_host_bits_name_the_network_that_was_meant() -> None:
    with pytest.raises(HostBitsError, match=r"10\.1\.2\.3/8.*the network is 10\.0\.0\.0/8"):
        parse_cidr("10.1.2.3/8", HostBits.REFUSE)


def test_a_network_without_host_bits_passes_where_they_are_refused() -> None:
    assert str(parse_cidr("2001:db8::/32", HostBits.REFUSE)) == "2001:db8::/32"


@pytest.mark.parametrize("text", ["0.0.0.0/0", "10.0.0.1/32", "::/0", "2001:db8::1/128"])
def test_the_widest_and_narrowest_prefixes_print_as_written(text) -> None:
    assert str(parse_cidr(text, HostBits.REFUSE)) == text


def test_a_length_with_leading_zeros_is_read_as_go_does() -> None:
    assert parse_cidr("10.0.0.0/0008") == parse_cidr("10.0.0.0/8")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.0.0.0", "needs a prefix length"),
        ("10.0.0.0/", "not a number"),
        ("10.0.0.0/-1", "not a number"),
        ("10.0.0.0/8/8", "not a number"),
        ("10.0.0.0/33", "exceeds 32"),
        ("::/129", "exceeds 128"),
        ("10.0.0.0/" + "9" * 5000, "exceeds 32"),
        ("/8", "not an IP address"),
        ("fe80::%eth0/64", "zone"),
        ("::ffff:1.2.3.0/120", "IPv4-mapped"),
    ],
)
def test_what_is_no_cidr_is_refused_with_the_reason(text, reason) -> None:
    with pytest.raises(PrefixError, match=reason):
        parse_cidr(text)


def test_a_complaint_about_a_long_text_stays_short() -> None:
    with pytest.raises(PrefixError) as refused:
        parse_cidr("1" * 10_000)
    assert len(str(refused.value)) < 150


def test_a_network_may_be_a_bare_address() -> None:
    assert (str(parse_network("10.0.0.1")), str(parse_network("::1"))) == ("10.0.0.1/32", "::1/128")


def test_a_network_may_be_a_cidr_with_its_host_bits_judged() -> None:
    with pytest.raises(HostBitsError):
        parse_network("10.0.0.1/24", HostBits.REFUSE)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (0, "::"),
        (1, "::1"),
        (1 << 112, "1::"),
        (0x00010000000200030004000500060007, "1:0:2:3:4:5:6:7"),
        (0x00010000000000020000000000000003, "1:0:0:2::3"),
        (0x00010000000000020003000000000004, "1::2:3:0:0:4"),
        (0x0001000200030004000500060007ABCD, "1:2:3:4:5:6:7:abcd"),
    ],
)
def test_ipv6_prints_with_the_first_longest_run_of_zeros_shortened(address, text) -> None:
    assert format_ip(Family.V6, address) == text


def test_a_range_is_covered_by_the_fewest_cidrs() -> None:
    expected = ["0.0.0.1/32", "0.0.0.2/31", "0.0.0.4/30", "0.0.0.8/31", "0.0.0.10/32"]
    assert cidrs(Family.V4, IntervalSet.of((1, 10))) == expected


@pytest.mark.parametrize(("family", "whole"), [(Family.V4, "0.0.0.0/0"), (Family.V6, "::/0")])
def test_a_whole_family_is_one_cidr(family, whole) -> None:
    assert cidrs(family, IntervalSet.of((0, family.max_address))) == [whole]


def test_no_addresses_are_no_cidrs() -> None:
    assert cidrs(Family.V6, IntervalSet.empty()) == []


@pytest.mark.parametrize(
    "text",
    [
        "::",
        "::1",
        "1::",
        "1:2:3:4:5:6:7:8",
        "1:2:3:0:5:6:7:8",
        "1:2:3::6:7:8",
        "1::4:0:0:7:8",
        "1:0:0:4::8",
        "0:2:3:4:5:6:7:8",
        "::3:4:5:6:7:8",
        "1:2:3:4:5:6::",
        "1:2:3:4:5:6:7:0",
        "2001:db8::a:0:1",
    ],
)
def test_an_ipv6_address_is_told_as_rfc_5952_has_it(text) -> None:
    assert str(ipaddress.IPv6Address(text)) == text == format_ip(*parse_ip(text))


@pytest.mark.parametrize(
    ("length", "shown"), [(64, "x" * 64), (65, "x" * 61 + "..."), (90, "x" * 61 + "...")]
)
def test_a_long_text_is_cut_in_the_complaint(length, shown) -> None:
    with pytest.raises(PrefixError) as caught:
        parse_ip("x" * length)
    assert f"{shown!r}: not an IP address" == caught.value.args[0]


@pytest.mark.parametrize("text", ["0.0.0.1", "10.0.0.0", "0.255.0.99", "9.10.99.100"])
def test_bytes_of_every_length_are_read(text) -> None:
    assert parse_ip(text) == (Family.V4, int(ipaddress.IPv4Address(text)))


@pytest.mark.parametrize(("text", "reason"), [("1.2.3.00", "leading zero"), ("1.2.3.300", "255")])
def test_the_first_thing_that_is_wrong_with_a_byte_is_told(text, reason) -> None:
    with pytest.raises(PrefixError, match=reason):
        parse_ip(text)


@pytest.mark.parametrize(
    ("lo", "hi", "expected"),
    [
        (0, 0, ["0.0.0.0/32"]),
        (0, 2**32 - 1, ["0.0.0.0/0"]),
        (1, 2, ["0.0.0.1/32", "0.0.0.2/32"]),
        (1, 4, ["0.0.0.1/32", "0.0.0.2/31", "0.0.0.4/32"]),
        (6, 7, ["0.0.0.6/31"]),
        (2**32 - 1, 2**32 - 1, ["255.255.255.255/32"]),
    ],
)
def test_a_range_is_the_fewest_networks(lo, hi, expected) -> None:
    assert expected == cidrs(Family.V4, IntervalSet.of((lo, hi)))
