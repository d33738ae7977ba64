from __future__ import annotations

import pytest

from service.net.prefixes import Family, cidrs, parse_ip
from service.policy.entries import entries, families, known_addresses
from service.policy.world import World
from tests.factories import make_hep, make_node, make_snapshot


def world(*objects):
    return World(make_snapshot(*objects))


def told(found):
    """(interface, named endpoint, wildcard, addresses or "rest", assumed) of each entry."""
    return [
        (
            one.interface,
            one.gate.named.meta.ref.name if one.gate.named else "",
            one.gate.wildcard.meta.ref.name if one.gate.wildcard else "",
            cidrs(one.family, one.addresses)[0] if one.addresses.size() < 9 else "rest",
            one.assumed,
        )
        for one in found
    ]


def v4(*objects):
    return told(entries(world(*objects), "w1", Family.V4))


NODE = make_node(internal="10.0.0.11")
LISTED = make_hep("a", expectedIPs=["10.0.0.11"])
UNLISTED = make_hep("a")
OTHER = make_hep("b", interfaceName="eth1")
WILDCARD = make_hep("w", interfaceName="*")


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([NODE], [("", "", "", "10.0.0.11/32", False)]),
        ([NODE, LISTED], [("eth0", "a", "", "10.0.0.11/32", False)]),
        ([NODE, UNLISTED], [("eth0", "a", "", "10.0.0.11/32", True)]),
        (
            [NODE, UNLISTED, OTHER],
            [("eth0", "a", "", "10.0.0.11/32", True), ("eth1", "b", "", "10.0.0.11/32", True)],
        ),
        (
            [NODE, UNLISTED, WILDCARD],
            [("eth0", "a", "w", "rest", False), ("", "", "w", "10.0.0.11/32", False)],
        ),
        (
            [NODE, LISTED, OTHER],
            [("eth0", "a", "", "10.0.0.11/32", False), ("eth1", "b", "", "rest", False)],
        ),
        (
            [NODE, LISTED, make_hep("b", interfaceName="eth1", expectedIPs=["fd00::1"])],
            [("eth0", "a", "", "10.0.0.11/32", False)],
        ),
        ([UNLISTED], [("eth0", "a", "", "rest", False)]),
        ([make_node()], []),
    ],
)
def test_an_address_belongs_to_whoever_lists_it_else_to_the_wildcard_else_to_any(objects, expected):
    assert expected == v4(*objects)


def test_interfaces_that_the_node_names_are_all_there_is():
    node = make_node(
        interfaces={"eth0": ["10.0.0.11/24"], "eth1": ["10.1.0.11/24"], "lo": ["127.0.0.1/8"]}
    )
    assert [
        ("eth0", "a", "", "10.0.0.11/32", False),
        ("eth1", "", "", "10.1.0.11/32", False),
    ] == v4(node, LISTED)


def test_an_interface_without_an_address_of_the_family_is_no_way_in():
    node = make_node(interfaces={"eth0": ["10.0.0.11/24"]})
    assert () == entries(world(node), "w1", Family.V6)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ({"internal": "10.0.0.11", "external": "192.0.2.1"}, ["10.0.0.11"]),
        ({"external": "192.0.2.1"}, ["192.0.2.1"]),
        ({"internal": "10.0.0.11", "external": "2001:db8::1"}, ["10.0.0.11", "2001:db8::1"]),
    ],
)
def test_an_external_address_counts_where_no_internal_one_of_its_family_is(addresses, expected):
    found = known_addresses(world(make_node(**addresses)), "w1")
    assert [parse_ip(one) for one in expected] == list(found)


def test_addresses_of_interfaces_leave_out_loopback():
    node = make_node(interfaces={"lo": ["127.0.0.1/8"], "eth0": ["10.0.0.11/24"]})
    assert (parse_ip("10.0.0.11"),) == known_addresses(world(node), "w1")


def test_the_families_of_a_node_are_those_of_its_addresses():
    node = make_node(internal="10.0.0.11")
    hep = make_hep(expectedIPs=["fd00::11"])
    assert [(Family.V4,), (Family.V4, Family.V6), ()] == [
        families(world(*objects), "w1") for objects in ([node], [node, hep], [])
    ]


@pytest.mark.parametrize(
    ("hep", "assumed"),
    [
        (make_hep(), True),
        (make_hep(expectedIPs=["fd00::11"]), True),
        (make_hep(expectedIPs=["10.0.0.99"]), False),
        (make_hep(interfaceName=None, expectedIPs=["fd00::11"]), False),
    ],
)
def test_an_address_that_nobody_lists_is_taken_for_that_of_who_lists_none_of_its_family(
    hep, assumed
):
    found = entries(world(make_node("w1", internal="10.0.0.11"), hep), "w1", Family.V4)
    here = [one for one in found if parse_ip("10.0.0.11")[1] in one.addresses]
    assert [assumed] == [one.assumed for one in here]
