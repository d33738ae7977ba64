from __future__ import annotations

import pytest

from service.model.snapshot import Change, Operation
from service.policy.felix_environment import NO_ENVIRONMENT, felix_environment
from service.policy.profile import Dataplane
from service.policy.world import World
from tests.factories import as_decoded, make_calico_node, make_felix_configuration, make_snapshot

ACCEPTS = {"FELIX_DEFAULTENDPOINTTOHOSTACTION": "ACCEPT"}


def told(**settings):
    return felix_environment(make_snapshot(make_calico_node(**settings)))


def view(*objects):
    return World(make_snapshot(*objects)).felix("w1")


def ports(failsafes):
    return [(one.protocol, one.port, str(one.net or "")) for one in failsafes]


def test_without_a_daemon_set_of_calico_node_nothing_is_set():
    assert NO_ENVIRONMENT == felix_environment(make_snapshot())


def test_the_environment_wins_over_every_configuration():
    configurations = (
        make_felix_configuration(defaultEndpointToHostAction="Drop", ipv6Support=False),
        make_felix_configuration("node.w1", defaultEndpointToHostAction="Return"),
    )
    found = view(*configurations, make_calico_node(**ACCEPTS))
    assert ("Accept", False) == (found.endpoint_to_host_action, found.ipv6)


def test_what_the_environment_leaves_alone_is_as_the_configuration_says():
    felix = make_felix_configuration(nftablesMode="Enabled")
    assert Dataplane.NFTABLES == view(felix, make_calico_node(**ACCEPTS)).dataplane


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", []),
        ("22", [(6, 22, "")]),
        ("tcp:22, udp:68", [(6, 22, ""), (17, 68, "")]),
        ("tcp:10.0.0.0/8:22", [(6, 22, "10.0.0.0/8")]),
        ("udp:[fd00::/64]:546", [(17, 546, "fd00::/64")]),
    ],
)
def test_a_failsafe_list_is_ports_with_protocols_and_nets(text, expected):
    found = view(make_calico_node(FELIX_FAILSAFEINBOUNDHOSTPORTS=text))
    assert (expected, ()) == (ports(found.failsafe_inbound), found.doubts)


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("0", False), ("No", False)])
def test_a_flag_is_any_word_for_yes_or_no(text, expected):
    assert expected == view(make_calico_node(Felix_Ipv6Support=text)).ipv6


def test_ranges_and_nets_are_lists_with_commas():
    found = view(
        make_calico_node(
            FELIX_KUBENODEPORTRANGES="30000:32767,8080",
            FELIX_NATPORTRANGE="40000:50000",
            FELIX_EXTERNALNODESCIDRLIST="192.0.2.0/24,198.51.100.7/32",
        )
    )
    assert (((30000, 32767), (8080, 8080)), (40000, 50000), 2) == (
        found.node_port_ranges,
        found.nat_ports,
        len(found.external_nodes),
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"FELIX_BPFENABLED": None},
        {"FELIX_BPFENABLED": ""},
        {"FELIX_BPFENABLED": "perhaps"},
        {"FELIX_INTERFACEPREFIX": "none"},
        {"FELIX_FAILSAFEINBOUNDHOSTPORTS": "tcp:ssh"},
        {"FELIX_FAILSAFEINBOUNDHOSTPORTS": "sctp:22"},
        {"FELIX_DEFAULTENDPOINTTOHOSTACTION": "perhaps"},
        {"FELIX_NFTABLESFILTERDENYACTION": "Reject"},
    ],
)
def test_what_cannot_be_told_is_a_reason_for_unknown(settings):
    assert 1 == len(told(**settings).doubts)


def test_daemon_sets_that_do_not_agree_leave_felix_unknown():
    snapshot = make_snapshot(
        make_calico_node(**ACCEPTS), make_calico_node("windows", FELIX_BPFENABLED="true")
    )
    assert ("the DaemonSets of calico-node do not agree about Felix's environment",) == (
        felix_environment(snapshot).doubts
    )


def test_settings_that_change_no_verdict_are_not_kept():
    assert NO_ENVIRONMENT == told(FELIX_ETCDPASSWORD="hidden", FELIX_HEALTHENABLED="true")


def test_a_change_of_the_environment_changes_what_is_known_of_felix():
    before = World(make_snapshot(make_calico_node(**ACCEPTS)))
    old = before.felix("w1")
    standing = before.snapshot.find(make_calico_node().meta.ref)
    change = Change(Operation.UPDATE, standing, as_decoded(make_calico_node()))
    after = before.with_change(change).felix("w1")
    assert ("Accept", "Drop") == (old.endpoint_to_host_action, after.endpoint_to_host_action)
