"""Where kube-proxy runs in IPVS mode: what Felix takes for forwarded, and what for the host's own."""

from __future__ import annotations

import pytest

from service.policy.profile import ClusterProfile, Dataplane
from tests.factories import (
    make_felix_configuration,
    make_gnp,
    make_hep,
    make_namespace,
    make_node,
    make_pod,
    make_prednat,
)
from tests.trace_factories import W1, answer, disposition, met, w1_hep, web, world

PROFILE = ClusterProfile(dataplane=Dataplane.IPVS)
BACKEND = make_pod("backend", node="w1", ips=["10.244.1.10"], labels={"app": "web"})
CLIENT_POD = make_pod("client", node="w1", ips=["10.244.1.11"])
PODS = (BACKEND, CLIENT_POD, make_namespace())
ON_W1 = ("10.244.1.10", "w1")
DENY_30500 = make_gnp(
    "deny",
    types=["Ingress"],
    ingress=[{"action": "Deny", "protocol": "TCP", "destination": {"ports": [30500]}}],
)
ACCEPT = make_felix_configuration(defaultEndpointToHostAction="Accept")


def ipvs(*objects):
    return world(*objects, profile=PROFILE)


def test_a_node_port_of_the_range_is_judged_as_forwarded():
    where = ipvs(w1_hep(), *PODS, *web(ON_W1))
    assert [
        ("w1", "untracked", "undecided"),
        ("w1", "preDNAT", "undecided"),
        ("w1", "dnat", "translated"),
        ("w1", "forward", "allow"),
        ("w1", "workload", "allow"),
        ("w1", "forward", "undecided"),
    ] == met(where, port=30080)


def test_pre_dnat_policy_works_as_ever():
    deny = make_prednat("deny", ingress=[{"action": "Deny"}])
    assert "denied" == disposition(ipvs(w1_hep(), deny, *PODS, *web(ON_W1)), port=30080)


def test_a_node_port_beyond_the_range_is_judged_as_the_hosts_own_traffic():
    service = web(ON_W1, ports=(25000,))
    found = answer(ipvs(w1_hep(), *PODS, *service), port=25000)
    assert ("denied", "normal") == (found.disposition, found.stages[-1].hook)
    allowed = make_hep(expectedIPs=[W1], profiles=["projectcalico-default-allow"])
    found = answer(ipvs(allowed, *PODS, *service), port=25000)
    assert "unknown" == found.disposition
    assert "once it has passed the host's policy" in found.unknown[0]


def test_the_range_is_felix_own_setting():
    wider = make_felix_configuration(kubeNodePortRanges=["20000:26000"])
    service = web(ON_W1, ports=(25000,))
    assert "allowed" == disposition(ipvs(wider, w1_hep(), *PODS, *service), port=25000)


def test_a_process_at_a_port_of_the_range_is_not_protected_by_normal_policy():
    guarded = ipvs(w1_hep(), DENY_30500)
    assert "allowed" == disposition(guarded, port=30500)
    assert "denied" == disposition(guarded, port=30500, protocol="SCTP")
    assert "denied" == disposition(world(w1_hep(), DENY_30500), port=30500)


def test_a_service_address_is_never_the_hosts_own():
    where = ipvs(w1_hep(), *PODS, *web(ON_W1))
    found = answer(where, to={"ip": "10.96.0.9"}, port=80, via={"node": "w1", "interface": "eth0"})
    assert "allowed" == found.disposition


def test_a_pod_calls_services_by_its_own_and_the_backends_policy():
    egress = make_gnp("egress", selector="has(projectcalico.org/namespace)", types=["Egress"])
    call = {"from": {"pod": "default/client"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    assert "allowed" == disposition(ipvs(*PODS, *web(ON_W1)), **call)
    assert "denied" == disposition(ipvs(egress, *PODS, *web(ON_W1)), **call)


def test_a_hosts_own_call_of_a_service_that_untracked_policy_accepts_is_never_translated():
    accept = make_gnp(
        "accept",
        doNotTrack=True,
        applyOnForward=True,
        types=["Egress"],
        egress=[{"action": "Allow"}],
    )
    call = {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80}
    found = answer(ipvs(w1_hep(), accept, *PODS, *web(ON_W1)), **call)
    reason = "10.96.0.9:80 is untranslated, an address of a Service: where routers send it, no object tells"
    assert [reason] == [why.replace(" port ", ":") for why in found.unknown]


@pytest.mark.parametrize(
    ("flow", "reason"),
    [
        (
            {"from": {"node": "w1"}, "to": {"ip": "10.96.0.9"}, "port": 80},
            "a host's own call of a Service",
        ),
        (
            {"from": {"pod": "default/client"}, "port": 30500},
            "a pod's packets to a host's port of the range",
        ),
    ],
)
def test_what_nobody_has_told_of_ipvs_is_unknown(flow, reason):
    found = answer(ipvs(ACCEPT, w1_hep(), *PODS, *web(ON_W1)), **flow)
    assert "unknown" == found.disposition
    assert reason in found.unknown[0]


def test_a_backend_on_the_host_itself_is_unknown():
    found = answer(ipvs(w1_hep(), *web((W1, "w1"))), port=30080)
    assert "a backend on the host itself" in found.unknown[0]


def test_established_packets_pass_to_a_backend_on_the_host_itself():
    found = answer(ipvs(w1_hep(), *web((W1, "w1"))), port=30080, established=True)
    assert "allowed" == found.disposition


def test_established_packets_pass_normal_policy_as_ever():
    assert "allowed" == disposition(ipvs(w1_hep(), DENY_30500), port=30500, established=True)


def test_host_ports_are_translated_before_ipvs_sees_them():
    pod = make_pod(
        "hosted",
        node="w1",
        ips=["10.244.1.12"],
        ports=[{"name": "web", "containerPort": 8080, "hostPort": 25001}],
    )
    assert "allowed" == disposition(ipvs(w1_hep(), pod, make_namespace()), port=25001)


def test_felix_finds_ipvs_by_its_device():
    devices = {"eth0": [f"{W1}/24"], "kube-ipvs0": ["10.96.0.9/32"]}
    assert "allowed" == disposition(world(w1_hep(), DENY_30500, interfaces=devices), port=30500)


def test_felix_in_nftables_mode_beside_ipvs_is_not_modelled():
    node = make_node(
        "w1", internal=W1, interfaces={"eth0": [f"{W1}/24"], "kube-ipvs0": ["10.96.0.9/32"]}
    )
    nft = make_felix_configuration(nftablesMode="Enabled")
    found = answer(world(node, nft, w1_hep()))
    assert "is not modelled" in found.unknown[0]
