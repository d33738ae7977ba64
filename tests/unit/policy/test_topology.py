"""Where packets come in and go out, as far as the objects tell."""

from __future__ import annotations

import pytest

from service.net.intervals import IntervalSet
from service.net.prefixes import parse_ip
from service.policy.topology import Topology, is_loopback
from service.policy.world import World
from tests.factories import make_hep, make_node, make_snapshot, raw
from tests.trace_factories import W1, answer, disposition, w1_hep, world

W1_ADDRESS = parse_ip(W1)
OUTSIDE = parse_ip("198.51.100.7")


def topology(*objects):
    return Topology(World.of(make_snapshot(*objects)))


@pytest.mark.parametrize(
    ("text", "fate"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("::2", False)]
)
def test_loopback_never_leaves_the_host(text, fate):
    assert fate == is_loopback(parse_ip(text))


def test_a_node_owns_its_addresses_and_those_that_its_endpoints_list():
    where = topology(make_node("w1", internal=W1), make_hep(expectedIPs=["10.1.0.11"]))
    assert ["w1", "w1", ""] == [
        where.owner(address) for address in (W1_ADDRESS, parse_ip("10.1.0.11"), OUTSIDE)
    ]


def test_a_pod_is_told_by_slices_and_by_the_networks_of_nodes():
    node = raw("Node", "w1", api_version="v1", spec={"podCIDR": "10.244.1.0/24"})
    slices = raw(
        "EndpointSlice",
        "web",
        api_version="discovery.k8s.io/v1",
        namespace="default",
        addressType="IPv4",
        endpoints=[
            {
                "addresses": ["10.9.0.1"],
                "nodeName": "w1",
                "targetRef": {"kind": "Pod", "name": "web"},
            }
        ],
    )
    where = topology(node, slices)
    assert [True, True, False] == [
        where.is_unknown_pod(parse_ip(text)) for text in ("10.9.0.1", "10.244.1.7", "198.51.100.7")
    ]


def test_an_address_is_called_by_the_interface_of_the_endpoint_that_lists_it():
    link = topology(make_node("w1", internal=W1), w1_hep()).way_in("w1", W1_ADDRESS)
    assert ("eth0", "w1-eth0") == (link.interface, link.gate.named.meta.ref.name)


def test_an_address_that_two_endpoints_may_guard_is_unknown():
    heps = [make_hep(f"w1-{name}", interfaceName=name) for name in ("eth0", "eth1")]
    found = answer(world(*heps))
    assert ("unknown", True) == (found.disposition, "by which interface of w1" in found.unknown[0])


def test_an_interface_may_be_that_of_a_nameless_endpoint_that_lists_another_address():
    nameless = make_hep("w1-x", interfaceName=None, expectedIPs=["10.1.0.11"])
    link = topology(make_node("w1", internal=W1), nameless).way_in("w1", W1_ADDRESS, "eth0")
    assert ("which interface of w1 HostEndpoint w1-x is on is not known",) == link.doubts


def test_an_interface_is_that_of_the_nameless_endpoint_that_lists_the_address():
    nameless = make_hep("w1-x", interfaceName=None, expectedIPs=[W1])
    link = topology(make_node("w1", internal=W1), nameless).way_in("w1", W1_ADDRESS, "eth0")
    assert ("w1-x", ()) == (link.gate.named.meta.ref.name, link.doubts)


def test_a_node_without_an_address_of_the_family_cannot_send():
    where = topology(make_node("w1", internal=W1))
    assert ("node w1 has no IPv6 address that is known",) == where.way_out(
        "w1", parse_ip("2001:db8::1")
    ).doubts
    where = topology(make_node("w1", interfaces={"eth0": ["10.0.0.11/24"]}))
    assert "has no IPv6 address to send from" in where.way_out("w1", parse_ip("::2")).doubts[0]


def test_a_virtual_address_comes_in_by_the_only_interface():
    where = topology(make_node("w1", interfaces={"lo": ["127.0.0.1/8"], "eth0": ["10.0.0.11/24"]}))
    assert "eth0" == where.way_in("w1", OUTSIDE).interface
    two = {"eth0": ["10.0.0.11/24"], "eth1": ["10.1.0.11/24"]}
    assert topology(make_node("w1", interfaces=two)).way_in("w1", OUTSIDE).doubts


def test_a_packet_for_another_node_is_forwarded_and_comes_in_there():
    w2 = make_hep("w2-eth0", node="w2", expectedIPs=["10.0.0.12"])
    to_w2 = {"to": {"node": "w2"}, "via": {"node": "w1", "interface": "eth0"}}
    stages = [(one.node, one.hook.value) for one in answer(world(w2), **to_w2).stages]
    assert [("w1", "forward"), ("w1", "forward"), ("w2", "untracked")] == stages[2:5]
    assert "denied" == disposition(world(w2), **to_w2)


def test_a_packet_that_only_passes_through_meets_forward_policy():
    through = {"to": {"ip": "198.51.100.7"}, "via": {"node": "w1", "interface": "eth0"}}
    assert "allowed" == disposition(world(w1_hep()), **through)


def test_a_packet_for_a_pod_meets_the_hosts_hooks_and_is_unknown_beyond():
    node = raw("Node", "w3", api_version="v1", spec={"podCIDR": "10.244.1.0/24"})
    to_pod = {"to": {"ip": "10.244.1.7"}, "via": {"node": "w1", "interface": "eth0"}}
    found = answer(world(w1_hep(), node), **to_pod)
    assert ("unknown", "allowed") == (found.disposition, found.at_host)
    found = answer(world(w1_hep(), node), **{"from": {"node": "w1"}, "to": to_pod["to"]})
    assert "what pod has 10.244.1.7 is not known" in found.unknown[0]
    found = answer(world(w1_hep(), node), **{"from": to_pod["to"]})
    assert "what pod has 10.244.1.7 is not known" in found.unknown[0]


NODE = make_node(
    "w9",
    interfaces={
        "lo": ["127.0.0.1/8", "10.0.0.8/32"],
        "eth0": ["10.0.0.11/24", "fd00::11/64"],
        "eth1": ["192.0.2.9/24"],
    },
)


@pytest.mark.parametrize(
    ("text", "interface", "source"),
    [
        ("10.0.0.7", "eth0", "10.0.0.11"),
        ("192.0.2.77", "eth1", "192.0.2.9"),
        ("198.51.100.7", "eth0", "10.0.0.11"),
        ("fd00::7", "eth0", "fd00::11"),
        ("2001:db8::7", "eth0", "fd00::11"),
    ],
)
def test_a_node_leaves_by_the_connected_network_or_by_its_first_interface(text, interface, source):
    out = topology(NODE).way_out("w9", parse_ip(text))
    assert (interface, IntervalSet.single(parse_ip(source)[1])) == (out.interface, out.sources)


def test_a_node_whose_first_interface_has_no_such_address_leaves_by_none_that_is_known():
    node = make_node("w9", interfaces={"eth0": ["10.0.0.11/24"]})
    out = topology(node).way_out("w9", parse_ip("2001:db8::7"))
    assert ("", ("the first interface of w9 has no IPv6 address to send from",)) == (
        out.interface,
        out.doubts,
    )
