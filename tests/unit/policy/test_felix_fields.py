"""Fields of FelixConfiguration that change a verdict of the trace."""

from __future__ import annotations

import pytest

from tests.factories import make_felix_configuration, make_gnp, make_hep, make_ippool, make_pod
from tests.trace_factories import W2, answer, disposition, via, w1_hep, world

POD = make_pod("one", node="w1", ips=["10.244.1.10"])
TO_W2 = {"from": {"pod": "default/one"}, "to": {"node": "w2"}, "port": 9100}


@pytest.mark.parametrize(("mode", "expected"), [("Disabled", "unknown"), ("Enabled", "denied")])
def test_appended_chains_may_be_passed_by_rules_of_the_host_but_for_nftables(mode, expected):
    felix = make_felix_configuration(chainInsertMode="append", nftablesMode=mode)
    found = answer(world(felix, w1_hep()))
    assert expected == found.disposition
    assert expected == "denied" or "chainInsertMode is append" in found.unknown[0]


def test_what_appended_chains_allow_is_allowed():
    felix = make_felix_configuration(chainInsertMode="append", nftablesMode="Disabled")
    assert "allowed" == disposition(world(felix, w1_hep()), port=22)


def test_pods_may_pass_appended_chains_to_their_host():
    felix = make_felix_configuration(chainInsertMode="append", nftablesMode="Disabled")
    call = {"from": {"pod": "default/one"}}
    assert "unknown" == disposition(world(felix, POD), **call)


@pytest.mark.parametrize(("ports", "expected"), [("20000:21000", "allowed"), (None, "unknown")])
def test_the_ports_of_outgoing_translation_are_felix_own(ports, expected):
    felix = make_felix_configuration(nftablesMode="Disabled", natPortRange=ports)
    rule = {"action": "Allow", "protocol": "TCP", "source": {"ports": ["20000:22000"]}}
    w2 = make_hep("w2-eth0", node="w2", expectedIPs=[W2])
    by_port = make_gnp("by-port", types=["Ingress"], ingress=[rule])
    where = world(felix, POD, make_ippool(natOutgoing=True), w2, by_port)
    assert expected == disposition(where, **TO_W2)


def test_an_interface_with_the_prefix_of_pods_is_no_host_endpoints():
    interfaces = {"eth0": ["10.0.0.11/24"], "eni1": ["10.1.0.11/24"]}
    felix = make_felix_configuration(interfacePrefix="cali,eni")
    found = answer(world(felix, w1_hep(), interfaces=interfaces), via=via("eni1"))
    assert ("what pod is behind eni1 of w1 is not known",) == found.unknown


def test_what_wireguard_carries_between_nodes_is_unknown():
    far = make_pod("far", node="w2", ips=["10.244.2.10"])
    felix = make_felix_configuration(wireguardEnabled=True)
    to_far = {"from": {"pod": "default/one"}, "to": {"pod": "default/far"}, "port": 8080}
    found = answer(world(felix, POD, far), **to_far)
    assert "WireGuard carries" in found.unknown[0]
    assert "allowed" == disposition(world(POD, far), **to_far)
