"""What IP pools make of packets between nodes."""

from __future__ import annotations

import pytest

from service.net.headerspace import Field
from service.net.prefixes import Family, parse_ip
from service.policy.pools import Pools
from service.policy.world import World
from tests.factories import make_ippool, make_node, make_snapshot

POD = parse_ip("10.244.2.10")
POD6 = parse_ip("fd00:2::10")


def pools(*objects):
    return Pools(World.of(make_snapshot(*objects)))


def node(name, network):
    return make_node(name, annotations={"projectcalico.org/IPv4Address": network})


@pytest.mark.parametrize(
    ("pool", "device"),
    [
        ({}, None),
        ({"ipipMode": "Always"}, "tunl0"),
        ({"vxlanMode": "Always"}, "vxlan.calico"),
        ({"vxlanMode": "Always", "cidr": "10.9.0.0/16"}, None),
    ],
)
def test_a_pool_says_by_which_device_packets_for_its_pods_go(pool, device):
    found = pools(make_ippool(**pool)).encapsulation("w1", "w2", POD)
    assert device == (found and found.device)


def test_ipv6_has_a_device_of_its_own():
    found = pools(make_ippool(cidr="fd00:2::/64", vxlanMode="Always"))
    assert "vxlan-v6.calico" == found.encapsulation("w1", "w2", POD6).device


@pytest.mark.parametrize(
    ("network", "is_wrapped"), [("10.0.0.12/24", False), ("10.0.1.12/24", True)]
)
def test_packets_are_wrapped_only_across_subnets_where_the_pool_says_so(network, is_wrapped):
    where = pools(
        make_ippool(vxlanMode="CrossSubnet"), node("w1", "10.0.0.11/24"), node("w2", network)
    )
    assert is_wrapped is (where.encapsulation("w1", "w2", POD) is not None)


def test_nodes_whose_network_is_not_known_are_in_no_common_subnet():
    assert pools(make_ippool(vxlanMode="CrossSubnet")).encapsulation("w1", "w2", POD)


def test_a_device_has_the_address_that_calico_wrote_on_the_node():
    way = pools(make_ippool(ipipMode="Always")).encapsulation("w1", "w2", POD)
    annotations = {"projectcalico.org/IPv4IPIPTunnelAddr": "10.244.1.1"}
    assert parse_ip("10.244.1.1") == way.address_on(make_node(annotations=annotations))
    assert way.address_on(make_node()) is None


def test_outer_packets_are_those_of_the_encapsulations_in_use():
    vxlan = pools(make_ippool(vxlanMode="Always")).wrapped(Family.V4)
    assert ([(17, 17)], [(4789, 4789)]) == (
        list(vxlan.project(Field.PROTOCOL).ranges),
        list(vxlan.project(Field.DST_PORT).ranges),
    )
    assert not pools(make_ippool()).wrapped(Family.V4)


def test_only_some_pools_are_masqueraded():
    found = pools(make_ippool("a"), make_ippool("b", cidr="10.9.0.0/16", natOutgoing=True))
    assert [True, False] == [
        parse_ip("10.244.0.1")[1] in values
        for values in (found.addresses(Family.V4), found.natted(Family.V4))
    ]


@pytest.mark.parametrize(
    ("cidr", "is_wrapped"),
    [
        ("10.244.2.10/32", True),
        ("10.244.2.9/32", False),
        ("10.244.2.11/32", False),
        ("10.244.2.10/31", True),
        ("10.244.2.8/31", False),
    ],
)
def test_a_pool_holds_addresses_from_its_first_to_its_last(cidr, is_wrapped):
    found = pools(make_ippool(cidr=cidr, vxlanMode="Always"))
    assert is_wrapped == bool(found.encapsulation("w1", "w2", POD))
