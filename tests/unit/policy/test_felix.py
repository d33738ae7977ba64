from __future__ import annotations

import pytest

from service.policy.felix import DEFAULT_INBOUND, DEFAULT_OUTBOUND, felix_view
from tests.factories import make_felix_configuration, make_node

SSH = [{"protocol": "TCP", "port": 22}]


def view(*configurations, labels=None):
    known = {one.meta.ref.name: one for one in configurations}
    node = None if labels is None else make_node("w1", labels=labels)
    return felix_view(known, "w1", node)


def ports(failsafes):
    return [(one.protocol, one.port) for one in failsafes]


def test_without_a_configuration_the_failsafes_are_felix_own():
    assert (DEFAULT_INBOUND, DEFAULT_OUTBOUND) == (
        view().failsafe_inbound,
        view().failsafe_outbound,
    )


def test_a_list_replaces_the_default_list():
    found = view(make_felix_configuration(failsafeInboundHostPorts=SSH))
    assert [(6, 22)] == ports(found.failsafe_inbound)


def test_an_empty_list_is_none_at_all():
    assert () == view(make_felix_configuration(failsafeOutboundHostPorts=[])).failsafe_outbound


def test_the_configuration_of_a_node_wins_over_the_default_field_by_field():
    found = view(
        make_felix_configuration(failsafeInboundHostPorts=[], ipv6Support=False),
        make_felix_configuration("node.w1", failsafeInboundHostPorts=SSH),
        make_felix_configuration("node.w2", ipv6Support=True),
    )
    assert ([(6, 22)], False) == (ports(found.failsafe_inbound), found.ipv6)


def test_a_configuration_that_selects_the_node_wins_over_the_default():
    special = make_felix_configuration(
        "edge", nodeSelector="zone == 'a'", failsafeInboundHostPorts=SSH
    )
    default = make_felix_configuration(failsafeInboundHostPorts=[])
    assert [[(6, 22)], []] == [
        ports(view(default, special, labels={"zone": zone}).failsafe_inbound) for zone in "ab"
    ]


def test_a_node_selector_that_does_not_parse_selects_nothing():
    special = make_felix_configuration("edge", nodeSelector="zone =", ipv6Support=False)
    assert view(special, labels={}).ipv6


@pytest.mark.parametrize(
    ("spec", "doubt"),
    [
        ({"failsafeInboundHostPorts": [{"protocol": "SCTP", "port": 1}]}, "whole configuration"),
        ({"bpfEnabled": True}, "eBPF"),
    ],
)
def test_what_felix_then_does_is_not_known(spec, doubt):
    assert doubt in view(make_felix_configuration(**spec)).doubts[0]


def test_a_selector_on_nodes_whose_labels_are_not_known_is_a_doubt():
    special = make_felix_configuration("edge", nodeSelector="has(zone)")
    assert "the labels of w1 are not known" in view(special).doubts[0]


def test_interface_names_come_from_the_configuration():
    found = view(make_felix_configuration(interfaceExclude="eth9", interfacePrefix="veth"))
    assert ("eth9", "veth") == (found.interface_exclude, found.interface_prefix)
