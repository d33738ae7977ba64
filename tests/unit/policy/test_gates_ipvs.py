"""What sees a node port and a process of the host where kube-proxy runs in IPVS mode."""

from __future__ import annotations

import pytest

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.cause import Decision
from service.policy.entries import entries
from service.policy.profile import ClusterProfile, Dataplane
from tests.factories import make_hep, make_prednat
from tests.trace_factories import W1, w1_hep, world

PROFILE = ClusterProfile(dataplane=Dataplane.IPVS)
DENY = make_prednat("deny", ingress=[{"action": "Deny"}])
OPEN = make_hep(expectedIPs=[W1], profiles=["projectcalico-default-allow"])


def fates(way, *objects, port, protocol=6):
    """The decisions that packets to a port of w1 may end with."""
    where = world(*objects, profile=PROFILE)
    [entry] = entries(where, "w1", Family.V4)
    fields = {
        Field.PROTOCOL: IntervalSet.single(protocol),
        Field.DST_PORT: IntervalSet.single(port),
    }
    live = Bounds.exact(HeaderSpace.box(Family.V4, fields))
    found = getattr(entry.gate, way)(where, live)
    return {one for one in Decision if found.may(one)}, found.unknown()


def test_a_node_port_of_the_range_is_left_to_pre_dnat_policy():
    assert ({Decision.UNDECIDED}, ()) == fates("guard", w1_hep(), port=30080)
    assert ({Decision.DENY}, ()) == fates("guard", w1_hep(), DENY, port=30080)


@pytest.mark.parametrize(("port", "protocol"), [(25000, 6), (30080, 132)])
def test_other_node_ports_are_judged_by_normal_policy_too(port, protocol):
    assert ({Decision.DENY}, ()) == fates("guard", w1_hep(), port=port, protocol=protocol)
    found, unknown = fates("guard", OPEN, port=port, protocol=protocol)
    assert {Decision.UNDECIDED, Decision.DENY} == found
    assert "once it has passed the host's policy" in unknown[0]


def test_a_process_is_protected_beyond_the_range_only():
    assert ({Decision.DENY}, ()) == fates("to_host", w1_hep(), port=9100)
    assert ({Decision.UNDECIDED}, ()) == fates("to_host", w1_hep(), port=30500)
    assert ({Decision.ALLOW}, ()) == fates("to_host", OPEN, port=9100)
