"""The trace says what real packets through the real dataplane showed, wherever no pod has a say.

What pods would add is not modelled yet: then the trace must say so, and for no other reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.meta import Decoded
from service.model.snapshot import Snapshot
from service.policy.flow_query import parse_flow
from service.policy.trace import Trace, trace
from service.policy.world import World
from tests.reference.measured import worlds

ARCHIVE = Path(__file__).parent / "felix.tar.xz"
BETWEEN_NODES = {"node-node-icmp", "node-node-tcp", "node-node-tcp6", "node-node-udp", "node-self"}
HOST_ONLY = BETWEEN_NODES | {
    "node-loopback",
    "node-out-icmp",
    "node-out-tcp",
    "node-out-tcp6",
    "node-out-udp",
    "out-hcnp",
    "out-node-icmp",
    "out-node-raw",
    "out-node-sctp",
    "out-node-tcp",
    "out-node-tcp6",
    "out-node-udp",
    "out-node-udp6",
}
TO_SERVICES = {
    "node-clusterip",
    "node-kubernetes",
    "node-othernode-nodeport",
    "node-own-nodeport",
    "out-clusterip",
    "out-extip",
    "out-lb",
    "out-node-eth1",
    "out-nodeport-tcp",
    "out-nodeport-udp",
    "out-nodeport6-tcp",
    "out-nodeport6-udp",
    "recipe",
}
COUNTS = {"iptables": (857, 576), "random": (5428, 3584), "recipes": (3989, 2946)}
PODS = ("pods are not modelled yet", "the addresses of pods that match", "pods that have a port")
# The route by which an untranslated packet to a Service leaves is in no object, and masquerade draws
# a source port at random, which untracked policy takes for a reply's if it is a failsafe port.
SERVICES = ("where an untracked packet for", "the verdict depends on the source that masquerade")


class Told(NamedTuple):
    """A measured flow and its trace."""

    world: str
    kind: str
    flow: str
    measured: str
    trace: Trace


def told(folder, kinds):
    """Every flow of *kinds* in the worlds of *folder*."""
    return [
        Told(one.name, row["kind"], json.dumps(row["flow"]), row["disposition"], answer)
        for one in worlds(ARCHIVE)
        if one.folder == folder
        for where in (world(one.cluster),)
        for row in map(json.loads, one.flows.splitlines())
        if row["kind"] in kinds
        for answer in (trace(where, parse_flow(row["flow"])),)
    ]


def world(cluster):
    decoded = (
        decode_object(one, SourceLocation("cluster.yaml"))
        for one in yaml.load_all(cluster, Loader=yaml.CSafeLoader)
    )
    return World.of(Snapshot.of(one for one in decoded if isinstance(one, Decoded)))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("folder", COUNTS)
def test_every_trace_agrees_with_what_was_measured(folder):
    found = told(folder, HOST_ONLY | TO_SERVICES)
    hosts = [one for one in found if one.kind in HOST_ONLY]
    assert COUNTS[folder] == (len(hosts), len(found) - len(hosts))

    known = [one for one in found if one.trace.disposition != "unknown"]
    assert [] == [one[:4] for one in known if one.trace.disposition != one.measured]

    assert [] == unknown(found, PODS + SERVICES)
    assert [] == unknown(hosts, PODS)
    assert [] == unknown([one for one in found if one.kind in BETWEEN_NODES], ())


def unknown(found, reasons):
    """The traces whose disposition is not known for another reason than *reasons*."""
    return [
        (one.world, one.flow, one.trace.unknown)
        for one in found
        if one.trace.disposition == "unknown"
        if not reasons or not any(why.startswith(reasons) for why in one.trace.unknown)
    ]
