"""Which of many failures come with a fix."""

from __future__ import annotations

from service.checks.run import audit
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import (
    make_felix_configuration,
    make_hep,
    make_node,
    make_prednat,
    make_service,
    make_snapshot,
)

OTHER = (
    make_node("w1", internal="10.0.0.9"),
    make_hep(
        labels={"role": "node"}, expectedIPs=["10.0.0.9"], profiles=["projectcalico-default-allow"]
    ),
)
NODES = tuple(make_node(f"n{one:02}", internal=f"10.0.0.{one + 10}") for one in range(25))


WEB = make_service(ipFamilies=["IPv4"])
BPF = make_felix_configuration(bpfEnabled=True)
BPF_HEP = make_hep("n00-all", node="n00", interfaceName="*", expectedIPs=["10.0.0.10"])


def found(*objects, check):
    world = World(make_snapshot(*objects))
    return [*audit(world, CheckSettings(), {check})]


def test_failures_come_with_a_fix_and_warnings_do_not():
    told = found(*OTHER, *NODES[:3], check="node-without-host-endpoint")
    assert [True] * 3 == [one.fix is not None for one in told]
    told = found(NODES[0], BPF_HEP, WEB, BPF, make_prednat(), check="nodeport-unguarded")
    assert [("warn", None)] == [(one.result.value, one.fix) for one in told]


def test_no_more_than_twenty_are_tried():
    told = found(*OTHER, *NODES, check="node-without-host-endpoint")
    assert [True] * 20 + [False] * 5 == [one.fix is not None for one in told]
