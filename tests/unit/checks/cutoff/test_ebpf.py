"""What eBPF programs leave of the flows that a cluster needs."""

from __future__ import annotations

import pytest

from service.checks.node_cutoff import CHECK
from service.checks.settings import CheckSettings
from service.policy.world import World
from tests.factories import (
    make_felix_configuration,
    make_hep,
    make_ippool,
    make_node,
    make_prednat,
    make_snapshot,
)

EBPF = make_felix_configuration(bpfEnabled=True)
OPEN = {"profiles": ["projectcalico-default-allow"]}
DENY = {"action": "Deny"}
TCP = {**DENY, "protocol": "TCP", "destination": {"ports": [9]}}


def node(index, *, family, **spec):
    address = {4: f"10.0.0.{index}", 6: f"fd00::{index}"}[family]
    hep = make_hep(f"w{index}-eth0", node=f"w{index}", expectedIPs=[address], **spec)
    return make_node(f"w{index}", internal=address), hep


def cluster(*objects, family=4, **spec):
    nodes = (one for index in (1, 2) for one in node(index, family=family, **spec))
    return (*nodes, *objects)


def cut(flow, *objects):
    """How *flow* is told to be cut off, on the way in."""
    found = CHECK.audit(World(make_snapshot(*objects)), CheckSettings())
    return [
        (one.reason, one.result.value)
        for one in found
        if flow in one.details["flows"] and one.key == ("ingress",)
    ]


@pytest.mark.parametrize(
    ("flow", "family", "pool", "expected"),
    [
        ("vxlan", 4, {"vxlanMode": "Always"}, []),
        ("ipip", 4, {"ipipMode": "Always"}, [("may-be-cut", "warn")]),
        ("neighbours", 6, {"cidr": "fd00:10::/64"}, [("may-be-cut", "warn")]),
    ],
)
def test_a_deny_before_dnat_meets_what_programs_do_not_let_by(flow, family, pool, expected):
    objects = cluster(make_ippool(**pool), make_prednat(ingress=[DENY]), family=family, **OPEN)
    assert [("cut", "fail")] == cut(flow, *objects)
    assert expected == cut(flow, *objects, EBPF)


def test_nothing_is_cut_off_where_nothing_is_denied():
    objects = cluster(make_ippool(ipipMode="Always"), make_prednat(ingress=[TCP]), **OPEN)
    assert [] == cut("ipip", *objects, EBPF)
