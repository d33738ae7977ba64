"""What changes where kube-proxy runs in IPVS mode: packets for Services pass INPUT and OUTPUT.

Felix takes for forwarded what comes to a host's own address at a port of ``kubeNodePortRanges``, by TCP or
UDP, and whatever is for an address that is not the host's own. Source: felix/rules/static.go (ForwardCheck).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.cause import Direction, Hook
from service.policy.flow_query import Access
from service.policy.stages import Connection, Stage, Verdict

if TYPE_CHECKING:
    from service.net.prefixes import Family
    from service.policy.felix import FelixView
    from service.policy.kube_proxy import Socket
    from service.policy.paths import Paths
    from service.policy.topology import Link
    from service.policy.translation import Translation
    from service.policy.walk import Walk
    from service.policy.world import World

IPVS = "kube-proxy runs in IPVS mode"
BEYOND_HOST_POLICY = f"{IPVS}: who judges the packet once it has passed the host's policy"
_TRANSPORT = (PROTOCOL_NUMBERS["TCP"], PROTOCOL_NUMBERS["UDP"])


def taken_for_forwarded(felix: FelixView, family: Family) -> HeaderSpace:
    """The packets to a host's own address that Felix takes for those of IPVS."""
    return HeaderSpace.box(
        family,
        {
            Field.PROTOCOL: IntervalSet.of(*((one, one) for one in _TRANSPORT)),
            Field.DST_PORT: IntervalSet.of(*felix.node_port_ranges),
        },
    )


class Ipvs:
    """The ways of *paths* through nodes with IPVS."""

    def __init__(self, paths: Paths, world: World, family: Family) -> None:
        """The ways of packets of *family* through such nodes of *world*."""
        self._paths = paths
        self._world = world
        self._family = family

    def takes(self, walk: Walk, link: Link, socket: Socket) -> bool:
        """Whether Felix takes a packet for a process of the host for one of IPVS.

        Raises: DividedError.
        """
        is_new = walk.connection is Connection.NEW and not walk.ended
        is_local = self._paths.topology.is_local(link.node, socket.address)
        return is_new and is_local and self._is_forwarded(walk, link)

    def _is_forwarded(self, walk: Walk, link: Link) -> bool:
        return walk.within(taken_for_forwarded(self._world.felix(link.node), self._family))

    def delivered(self, walk: Walk, link: Link) -> Walk:
        """To a process of the host at a port of the range: no normal policy looks at the packet."""
        if link.pod is not None:
            return walk.stopped(f"{IPVS}: who judges a pod's packets to a host's port of the range")
        note = f"{IPVS}, for whose traffic Felix takes this port: normal policy is passed by"
        hook, verdict = Hook.NORMAL, Verdict.UNDECIDED
        return walk.told(Stage(link.node, hook, Direction.INGRESS, verdict, note=note))

    def translated(self, walk: Walk, link: Link, translation: Translation) -> Walk:
        """To a Service: as forwarded packets are, but for those that Felix takes for the host's."""
        if translation.refusal or walk.ended or walk.connection is Connection.ESTABLISHED:
            return self._paths.translated(walk, link, translation)
        is_own = translation.access is Access.NODE_PORT
        if is_own and not self._is_forwarded(walk, link):
            return self._to_the_host_first(walk, link)
        hosts = [
            one
            for one in translation.backends or ()
            if self._paths.topology.is_local(link.node, one.socket.address)
        ]
        if hosts:
            return walk.stopped(f"{IPVS}: who judges what comes to a backend on the host itself")
        return self._paths.translated(walk, link, translation)

    def _to_the_host_first(self, walk: Walk, link: Link) -> Walk:
        """A node port beyond the range, or of SCTP: judged as a packet for the host before IPVS has it."""
        walk = self._paths.local.receive(walk, link)
        return walk.stopped(BEYOND_HOST_POLICY)
