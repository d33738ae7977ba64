from __future__ import annotations

import pytest

from service.net.prefixes import parse_ip
from service.policy.endpoints import automatic_endpoints, excluded, node_endpoints
from tests.factories import make_hep, make_kube_controllers_configuration, make_node


def names(heps):
    return [hep.meta.ref.name for hep in heps]


def interface(name="eth0", *addresses):
    node = make_node(interfaces={name: [f"{address}/24" for address in addresses]})
    return node.interfaces[0]


def automatic(node=None, **configuration):
    host_endpoint = make_kube_controllers_configuration(
        **{"autoCreate": "Enabled", **configuration}
    )
    return list(automatic_endpoints(node or make_node(internal="10.0.0.11"), host_endpoint))


def test_the_smallest_name_wins_an_interface():
    found = node_endpoints([make_hep("b"), make_hep("a"), make_hep("c", interfaceName="eth1")])
    assert (["a", "c"], {"b": "a"}) == (names(found.active), found.inactive)


def test_the_smallest_wildcard_is_the_node_s():
    found = node_endpoints([make_hep("b", interfaceName="*"), make_hep("a", interfaceName="*")])
    assert ("a", []) == (found.wildcard.meta.ref.name, names(found.named))


def test_nameless_endpoints_do_not_stand_in_each_other_s_way():
    heps = [make_hep(name, interfaceName="", expectedIPs=["10.0.0.1"]) for name in "ab"]
    assert ["a", "b"] == names(node_endpoints(heps).named)


def test_an_address_is_of_a_named_endpoint_before_the_wildcard():
    heps = [
        make_hep(name, interfaceName=one, expectedIPs=["10.0.0.1"])
        for name, one in (("a", "*"), ("b", "eth0"))
    ]
    assert "b" == node_endpoints(heps).listing(parse_ip("10.0.0.1")).meta.ref.name


def test_an_address_that_nobody_lists_is_nobody_s():
    assert node_endpoints([make_hep()]).listing(parse_ip("10.0.0.1")) is None


@pytest.mark.parametrize(
    ("hep", "governs"),
    [
        ({"interfaceName": "eth0"}, True),
        ({"interfaceName": "eth1", "expectedIPs": ["10.0.0.1"]}, False),
        ({"interfaceName": "", "expectedIPs": ["10.0.0.1"]}, True),
        ({"interfaceName": "", "expectedIPs": ["10.0.0.2"]}, False),
    ],
)
def test_an_interface_is_governed_by_its_name_or_else_by_its_addresses(hep, governs):
    found = node_endpoints([make_hep(**hep)]).on_interface(interface("eth0", "10.0.0.1"), "")
    assert governs is (found is not None)


def test_an_excluded_interface_has_no_endpoint_of_its_own():
    found = node_endpoints([make_hep()]).on_interface(interface("eth0", "10.0.0.1"), "eth0")
    assert found is None


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ("", False),
        ("eth0", True),
        ("eth", False),
        ("kube-ipvs0, eth0", True),
        ("/^et/", True),
        ("/x/", False),
    ],
)
def test_interfaces_are_excluded_by_name_or_regular_expression(exclude, expected):
    assert expected is excluded("eth0", exclude)


def test_no_endpoint_is_made_unless_the_controller_is_told_to():
    assert [] == list(automatic_endpoints(make_node(), None)) + automatic(autoCreate="Disabled")


def test_the_default_endpoint_has_the_node_s_labels_and_addresses():
    (hep,) = automatic(make_node("w1", labels={"zone": "a"}, internal=["10.0.0.11", "fd00::11"]))
    assert ("w1-auto-hep", "*", "a", ("projectcalico-default-allow",), 2) == (
        hep.meta.ref.name,
        hep.interface_name,
        hep.meta.labels["zone"],
        hep.profiles,
        len(hep.expected_ips),
    )


def test_a_template_by_addresses_makes_one_endpoint_where_it_finds_any():
    found = [
        names(
            automatic(
                createDefaultHostEndpoint="Disabled",
                templates=[{"generateName": "in", "interfaceCIDRs": [cidr]}],
            )
        )
        for cidr in ("10.0.0.0/24", "192.168.0.0/24")
    ]
    assert [["w1-in-auto-hep"], []] == found


def test_a_template_by_interfaces_makes_one_for_each_that_is_known():
    node = make_node(interfaces={"eth0": ["10.0.0.11/24"], "eth1": ["10.1.0.11/24"], "lo": []})
    made = automatic(
        node,
        createDefaultHostEndpoint="Disabled",
        templates=[{"generateName": "x", "interfacePattern": "^eth"}],
    )
    assert [("w1-x-eth0-auto-hep", "eth0"), ("w1-x-eth1-auto-hep", "eth1")] == [
        (hep.meta.ref.name, hep.interface_name) for hep in made
    ]


@pytest.mark.parametrize(("selector", "count"), [("zone == 'a'", 1), ("zone == 'b'", 0), ("=", 0)])
def test_a_template_makes_endpoints_on_the_nodes_that_it_selects(selector, count):
    template = {"generateName": "t", "interfaceCIDRs": ["10.0.0.0/8"], "nodeSelector": selector}
    node = make_node(labels={"zone": "a"}, internal="10.0.0.11")
    made = automatic(node, createDefaultHostEndpoint="Disabled", templates=[template])
    assert count == len(made)


def test_a_name_over_the_limit_is_hashed():
    (hep,) = automatic(make_node("n" * 250))
    assert 64 == len(hep.meta.ref.name)


@pytest.mark.parametrize(
    ("cidr", "count"),
    [
        ("10.0.0.11/32", 1),
        ("10.0.0.10/32", 0),
        ("10.0.0.12/32", 0),
        ("10.0.0.11/31", 1),
        ("10.0.0.12/31", 0),
        ("::/0", 0),
    ],
)
def test_a_template_finds_addresses_from_the_first_to_the_last_of_its_networks(cidr, count):
    template = {"generateName": "t", "interfaceCIDRs": [cidr]}
    node = make_node(internal="10.0.0.11")
    made = automatic(node, createDefaultHostEndpoint="Disabled", templates=[template])
    assert count == len(made)
