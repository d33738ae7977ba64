"""Where Felix runs eBPF programs: every difference from its chains that changes a verdict."""

from __future__ import annotations

import pytest

from service.policy.profile import ClusterProfile, Dataplane
from tests.factories import (
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_ippool,
    make_knp,
    make_namespace,
    make_node,
    make_pod,
    make_prednat,
)
from tests.trace_factories import EGRESS_ANY, W1, W2, allow, answer, disposition, met, web, world

PROFILE = ClusterProfile(dataplane=Dataplane.BPF)
NEAR = make_pod("near", node="w1", ips=["10.244.1.10"], labels={"app": "web"})
FAR = make_pod("far", node="w2", ips=["10.244.2.10"], labels={"app": "web"})
CLIENT_POD = make_pod("client", node="w1", ips=["10.244.1.11"])
PODS = (NEAR, FAR, CLIENT_POD, make_namespace())
ON_W1, ON_W2 = ("10.244.1.10", "w1"), ("10.244.2.10", "w2")
ETH0 = {"eth0": [f"{W1}/24"]}
DENY_ALL = make_prednat("deny", ingress=[{"action": "Deny"}])
OUTSIDE_ONLY = make_knp(
    "outside",
    ingress=[{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}],
    policyTypes=["Ingress"],
)


def hep(**spec):
    return make_hep("w1-eth0", labels={"role": "node"}, expectedIPs=[W1], **spec)


def wildcard(**spec):
    return make_hep("w1-all", labels={"all": "yes"}, interfaceName="*", **spec)


def ebpf(*objects, interfaces=ETH0):
    return world(*objects, interfaces=interfaces, profile=PROFILE)


def test_failsafe_ports_of_the_host_skip_all_policy_pre_dnat_too():
    assert "allowed" == disposition(ebpf(hep(), DENY_ALL), port=22)
    assert "denied" == disposition(ebpf(hep(), DENY_ALL), port=9100)


def test_a_failsafe_port_is_that_after_translation():
    to_22 = web((W1, "w1"))
    to_22[1]["ports"] = [{"name": "p0", "port": 22}]
    assert "allowed" == disposition(ebpf(hep(), DENY_ALL, *to_22), port=30080)
    node_port_22 = web(ON_W1, ports=(22,))
    assert "denied" == disposition(ebpf(hep(), DENY_ALL, *PODS, *node_port_22), port=22)


def test_host_policy_is_enforced_at_interfaces_of_some_names_only():
    bridge = {"br0": [f"{W1}/24"]}
    closed = hep(interfaceName="br0")
    assert "allowed" == disposition(ebpf(closed, interfaces=bridge))
    named = make_felix_configuration(bpfDataIfacePattern="^br.*")
    assert "denied" == disposition(ebpf(closed, named, interfaces=bridge))
    routed = make_felix_configuration(bpfL3IfacePattern="^br.*")
    assert "denied" == disposition(ebpf(closed, routed, interfaces=bridge))


def test_the_interface_must_be_known():
    found = answer(ebpf(wildcard(), interfaces=None))
    assert "that of w1 is not known" in found.unknown[0]
    broken = make_felix_configuration(bpfDataIfacePattern="(")
    assert "unknown" == disposition(ebpf(hep(), broken))


def test_loopback_is_not_policed():
    call = {"from": {"node": "w1"}, "to": {"ip": "127.0.0.1"}}
    assert "denied" == disposition(world(wildcard(), interfaces=ETH0), **call)
    assert "allowed" == disposition(ebpf(wildcard()), **call)


def test_pre_dnat_policy_of_the_wildcard_never_stands_in_for_a_named_endpoint():
    deny = make_prednat("deny", selector="has(all)", ingress=[{"action": "Deny"}])
    objects = (hep(), wildcard(), deny, *PODS, *web(ON_W1))
    assert "denied" == disposition(world(*objects, interfaces=ETH0), port=30080)
    assert "allowed" == disposition(ebpf(*objects), port=30080)


def test_a_pre_dnat_allow_skips_host_policy_and_not_the_pods():
    open_up = make_prednat("open", ingress=[{"action": "Allow"}])
    closed = make_knp("closed", policyTypes=["Ingress"])
    where = ebpf(hep(), open_up, *PODS, *web(ON_W1))
    assert "allowed" == disposition(where, port=9100)
    assert "allowed" == disposition(where, port=30080)
    assert "denied" == disposition(ebpf(hep(), open_up, closed, *PODS, *web(ON_W1)), port=30080)


def test_a_backend_on_another_node_sees_the_client_of_a_node_port():
    objects = (OUTSIDE_ONLY, *PODS, *web(ON_W2))
    assert "denied" == disposition(world(*objects, interfaces=ETH0), port=30080)
    assert "allowed" == disposition(ebpf(*objects), port=30080)


def test_no_egress_policy_is_run_on_a_node_ports_packet_to_another_node():
    forward = make_gnp("forward", applyOnForward=True, types=["Egress"])
    objects = (hep(), forward, *PODS, *web(ON_W2))
    assert "denied" == disposition(world(*objects, interfaces=ETH0), port=30080)
    assert "allowed" == disposition(ebpf(*objects), port=30080)
    to_pod = {
        "to": {"pod": "default/far"},
        "port": 8080,
        "via": {"node": "w1", "interface": "eth0"},
    }
    assert "denied" == disposition(ebpf(*objects), **to_pod)


def test_vxlan_between_nodes_passes_before_pre_dnat_policy():
    pool = make_ippool(vxlanMode="Always")
    call = {"from": {"node": "w2"}, "protocol": "UDP", "port": 4789}
    objects = (hep(), DENY_ALL, pool)
    assert "denied" == disposition(world(*objects, interfaces=ETH0), **call)
    assert "allowed" == disposition(ebpf(*objects), **call)
    outside = answer(ebpf(*objects), protocol="UDP", port=4789)
    assert "VXLAN from others than nodes" in outside.unknown[0]


def test_pods_of_two_nodes_reach_each_other_past_a_pre_dnat_denial_of_vxlan():
    flow = {"from": {"pod": "default/client"}, "to": {"pod": "default/far"}, "port": 8080}
    w2 = make_hep("w2-eth0", node="w2", labels={"role": "node"}, expectedIPs=[W2])
    nodes = (
        make_node("w2", internal=W2, interfaces={"eth0": [f"{W2}/24"]}),
        make_ippool(vxlanMode="Always"),
    )
    assert "allowed" == disposition(ebpf(w2, DENY_ALL, *nodes, *PODS), **flow)


def test_untracked_policy_is_that_of_named_endpoints():
    deny = make_gnp(
        "ut", doNotTrack=True, applyOnForward=True, types=["Ingress"], ingress=[{"action": "Deny"}]
    )
    assert ("w1", "untracked", "deny") == met(ebpf(hep(), deny))[-1]
    allowed = wildcard(profiles=["projectcalico-default-allow"])
    assert "allowed" == disposition(ebpf(allowed, deny))


def test_a_host_reaches_its_own_pods_past_any_policy():
    closed = make_knp("closed", policyTypes=["Ingress"])
    call = {"from": {"node": "w1"}, "to": {"pod": "default/near"}, "port": 8080}
    assert "allowed" == disposition(ebpf(wildcard(), closed, *PODS), **call)


def test_a_hosts_call_of_a_service_is_judged_by_where_it_leads():
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    assert "allowed" == disposition(ebpf(hep(), *PODS, *web(ON_W1)), **call)
    assert "denied" == disposition(ebpf(hep(), *PODS, *web(ON_W2)), **call)
    assert "allowed" == disposition(ebpf(hep(), EGRESS_ANY, *PODS, *web(ON_W2)), **call)


def test_without_either_translation_a_hosts_calls_are_unknown():
    off = make_felix_configuration(
        bpfConnectTimeLoadBalancing="Disabled", bpfHostNetworkedNATWithoutCTLB="Disabled"
    )
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    found = answer(ebpf(off, hep(), *PODS, *web(ON_W1)), **call)
    assert "are not translated" in found.unknown[0]


@pytest.mark.parametrize(("balancing", "expected"), [("TCP", "allowed"), ("Disabled", "unknown")])
def test_sockets_translate_a_hosts_calls_where_programs_do_not(balancing, expected):
    felix = make_felix_configuration(
        bpfConnectTimeLoadBalancing=balancing, bpfHostNetworkedNATWithoutCTLB="Disabled"
    )
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    assert expected == disposition(ebpf(felix, *PODS, *web(ON_W1)), **call)


def test_outbound_failsafe_ports_pass_before_policy():
    out = {"from": {"node": "w1"}, "to": {"ip": "198.51.100.7"}}
    assert "allowed" == disposition(ebpf(hep()), **out, protocol="UDP", port=53)
    assert "denied" == disposition(ebpf(hep()), **out, port=443)


@pytest.mark.parametrize(("action", "expected"), [("Accept", "allowed"), ("Drop", "denied")])
def test_pods_reach_their_host_by_the_default_action(action, expected):
    felix = make_felix_configuration(defaultEndpointToHostAction=action)
    call = {"from": {"pod": "default/client"}, "port": 9100}
    assert expected == disposition(ebpf(felix, wildcard(), *PODS), **call)


def test_a_pods_call_of_a_service_meets_forward_policy_and_both_pods():
    call = {"from": {"pod": "default/client"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    assert "allowed" == disposition(ebpf(wildcard(), *PODS, *web(ON_W1)), **call)
    closed = make_knp(
        "closed", podSelector={"matchLabels": {"app": "web"}}, policyTypes=["Ingress"]
    )
    assert "denied" == disposition(ebpf(wildcard(), closed, *PODS, *web(ON_W1)), **call)


def test_which_destination_pre_dnat_policy_sees_of_a_pods_call_is_unknown():
    deny = make_prednat("deny", selector="has(all)", ingress=[{"action": "Deny"}])
    call = {"from": {"pod": "default/client"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    found = answer(ebpf(wildcard(), deny, *PODS, *web(ON_W1)), **call)
    assert "which destination preDNAT policy sees" in found.unknown[0]
    off = make_felix_configuration(bpfConnectTimeLoadBalancing="Disabled")
    assert "denied" == disposition(ebpf(off, wildcard(), deny, *PODS, *web(ON_W1)), **call)


def test_normal_policy_guards_the_hosts_own_ports():
    assert "denied" == disposition(ebpf(hep()))
    assert "allowed" == disposition(ebpf(hep(), allow(9100)))


def test_the_dataplane_is_read_from_the_configuration():
    felix = make_felix_configuration(bpfEnabled=True)
    assert "allowed" == disposition(world(felix, hep(), DENY_ALL, interfaces=ETH0), port=22)


def test_node_ports_answer_on_every_address_whatever_kube_proxy_was_told():
    profile = ClusterProfile(dataplane=Dataplane.BPF, node_port_addresses=())
    where = world(*PODS, *web(ON_W1), interfaces=ETH0, profile=profile)
    assert ("w1", "dnat", "translated") in met(where, port=30080)
