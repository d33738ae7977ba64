"""Where eBPF programs let a node port by before its guard."""

from __future__ import annotations

import pytest

from service.checks.nodeport_unguarded import CHECK
from service.checks.settings import CheckSettings, Unknown
from service.policy.world import World
from tests.factories import (
    make_endpoint_slice,
    make_felix_configuration,
    make_hep,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
)

GUARDED = (
    make_node("w1", internal="10.0.0.11"),
    make_hep("w1-eth0", expectedIPs=["10.0.0.11"]),
    make_prednat(ingress=[{"action": "Deny"}]),
)
EBPF = make_felix_configuration(bpfEnabled=True)


def leading(target, **spec):
    port = {"name": "https", "port": 443, "nodePort": 30443, "targetPort": target}
    return make_service(ipFamilies=["IPv4"], ports=[port], **spec)


def ends(address, port=6443):
    return make_endpoint_slice("web", addresses=[address], port=port)


def told(*objects, **settings):
    found = CHECK.audit(World(make_snapshot(*GUARDED, *objects)), CheckSettings(**settings))
    return [(one.reason, one.result.value, one.details["nodes"]) for one in found]


@pytest.mark.parametrize(
    "objects",
    [(leading(6443),), (leading(6443), ends("10.0.0.11")), (leading("api"), ends("10.0.0.11"))],
)
def test_a_service_that_may_lead_to_a_failsafe_port_of_a_host_is_not_known_to_be_guarded(objects):
    assert [("unknown", "warn", ["w1"])] == told(*objects, EBPF)
    assert [("unknown", "fail", ["w1"])] == told(*objects, EBPF, unknown=Unknown.DENY)


@pytest.mark.parametrize(
    "objects",
    [
        (leading(6443),),
        (leading(8443), EBPF),
        (leading("api"), EBPF),
        (leading(6443), ends("10.244.1.7"), EBPF),
        (leading(6443), ends("10.0.0.11", port=8443), EBPF),
    ],
    ids=["chains", "another port", "a name", "pods", "another port of a host"],
)
def test_any_other_service_is_guarded_as_its_policy_says(objects):
    assert [("guarded", "pass", ["w1"])] == told(*objects)


def test_a_health_check_port_leads_nowhere_else():
    balanced = leading(6443, type="LoadBalancer", externalTrafficPolicy="Local")
    health = make_service(
        "other", type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=32000
    )
    assert 1 == sum(reason == "unknown" for reason, _, _ in told(balanced, health, EBPF))
