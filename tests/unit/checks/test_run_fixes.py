"""Which of many failures come with a fix."""

from __future__ import annotations

from service.checks.run import audit
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import (
    decode,
    make_felix_configuration,
    make_hep,
    make_node,
    make_pod,
    make_prednat,
    make_service,
    make_snapshot,
    raw,
)

OTHER = (
    make_node("w1", internal="10.0.0.9"),
    make_hep(
        labels={"role": "node"}, expectedIPs=["10.0.0.9"], profiles=["projectcalico-default-allow"]
    ),
)
NODES = tuple(make_node(f"n{one:02}", internal=f"10.0.0.{one + 10}") for one in range(45))


WEB = make_service(ipFamilies=["IPv4"])
BPF = make_felix_configuration(bpfEnabled=True)
BPF_HEP = make_hep("n00-all", node="n00", interfaceName="*", expectedIPs=["10.0.0.10"])


def found(*objects, check):
    world = World(make_snapshot(*objects))
    return [*audit(world, CheckSettings(), {check})]


def test_findings_come_with_a_fix_and_doubts_do_not():
    told = found(*OTHER, *NODES[:3], check="node-without-host-endpoint")
    assert [True] * 3 == [one.fix is not None for one in told]
    replaced = decode(raw("FelixConfiguration", "default", spec={"failsafeInboundHostPorts": []}))
    told = found(*OTHER, replaced, check="failsafe-changed")
    assert [("warn", True)] == [(one.result.value, one.fix is not None) for one in told]
    told = found(NODES[0], BPF_HEP, WEB, BPF, make_prednat(), check="nodeport-unguarded")
    assert [("warn", None)] == [(one.result.value, one.fix) for one in told]


def test_no_more_than_forty_are_tried():
    told = found(*OTHER, *NODES, check="node-without-host-endpoint")
    assert [True] * 40 + [False] * 5 == [one.fix is not None for one in told]


def policy(name, order, **spec):
    spec = {"order": order, "selector": "role == 'node'", "types": ["Ingress"], **spec}
    return decode(raw("GlobalNetworkPolicy", name, spec=spec))


def test_a_tier_that_lets_nothing_on_is_given_a_pass():
    scanners = {"action": "Deny", "source": {"nets": ["192.0.2.0/24"]}}
    kubelet = {"action": "Allow", "protocol": "TCP", "destination": {"ports": [10250]}}
    inside = {**kubelet, "source": {"nets": ["10.0.0.0/24"]}}
    told = found(
        *OTHER,
        make_pod(node="w1", ips=["10.244.0.7"]),
        decode(raw("Tier", "security", spec={"order": 100})),
        policy("security.scanners", 10, tier="security", ingress=[scanners]),
        policy("allow-kubelet", 100, ingress=[inside]),
        check="shadowed-rule",
    )
    assert [("end-of-tier", "change GlobalNetworkPolicy security.scanners")] == [
        (one.reason, one.fix and one.fix.summary) for one in told
    ]
