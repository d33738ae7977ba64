"""Which nodes, or interfaces of nodes, have no host endpoint, in a cluster that guards its nodes?

docs/checks/node-without-host-endpoint.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.hosts.proof import some
from service.checks.mending.hosts import with_endpoint
from service.checks.nodeport.guard import policeable
from service.checks.nodeport.judge import Judge
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import outside_packet
from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import cidrs
from service.policy.entries import entries, families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.policy.entries import Entry
    from service.policy.world import World

_ID = "node-without-host-endpoint"
_KUBELET = 10250


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each exposed node that is not governed whole; none where no node is at all.

    A cluster without any host endpoint guards its nodes elsewhere, or not at all: what stands open there,
    the checks of ports tell.
    """
    if not world.has_endpoints:
        return
    for node in Judge(world, settings).nodes():
        if policeable(world, node) and node in world.nodes:
            open_ways = [
                entry
                for family in families(world, node)
                for entry in entries(world, node, family)
                if entry.gate.named is None and entry.gate.wildcard is None
            ]
            if open_ways:
                yield _verdict(world, node, open_ways)


def _verdict(world: World, node: str, open_ways: list[Entry]) -> Verdict:
    names = [hep.meta.ref.name for hep in world.endpoints(node).active]
    places = list(dict.fromkeys(map(_place, open_ways)))
    what = (
        f"{some(places)} of the node is governed by none of its host endpoints ({some(names)})"
        if names
        else "the node has no host endpoint, and others have"
    )
    space = HeaderSpace.box(
        open_ways[0].family,
        {
            Field.PROTOCOL: IntervalSet.single(PROTOCOL_NUMBERS["TCP"]),
            Field.DST: open_ways[0].addresses,
        },
    )
    kubelet = space.restrict(Field.DST_PORT, IntervalSet.single(_KUBELET))
    return Verdict(
        check=_ID,
        subject=world.nodes[node].meta.ref,
        result=Result.FAIL,
        severity=Severity.MEDIUM,
        reason="interface" if names else "node",
        message=f"{what}: whatever arrives there meets no policy",
        advice="Create a host endpoint for it, or turn on automatic ones; if the node cannot be reached "
        "from outside, leave it out of nodes.exposed.",
        location=world.nodes[node].meta.location,
        witness=outside_packet(kubelet, open_ways[0]),
        space=Bounds.exact(space),
        details={"nodes": [node], "places": [*places]},
    )


def _place(entry: Entry) -> str:
    if entry.interface:
        return f"interface {entry.interface} (IPv{entry.family})"
    return f"address {some([one.split('/')[0] for one in cidrs(entry.family, entry.addresses)])}"


CHECK = Check(
    id=_ID,
    title="Nodes and interfaces that no host endpoint governs",
    severity=Severity.MEDIUM,
    subjects=frozenset({"Node"}),
    reasons={
        "node": "The node has no host endpoint, and others have.",
        "interface": "An interface or address of the node is governed by none of its host endpoints.",
    },
    audit=audit,
    remedies=with_endpoint,
)
