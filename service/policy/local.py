"""What a node does with packets for its own processes, and with those that they send.

Source: felix/rules/static.go (filter INPUT and OUTPUT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, addresses_in, format_ip
from service.policy.cause import Direction, Hook, Reason
from service.policy.hooks import BYPASSED
from service.policy.profile import Dataplane
from service.policy.stages import Connection, Stage, Verdict

if TYPE_CHECKING:
    from service.net.prefixes import Address
    from service.policy.topology import Link, Topology
    from service.policy.walk import Walk
    from service.policy.world import World

_NEIGHBOURS = IntervalSet.of((130, 133), (135, 136))
"""The ICMPv6 types without which a pod finds no neighbour: Felix lets them through to the host."""
_TO_HOST = {"Accept": Verdict.ALLOW, "Return": Verdict.UNDECIDED}


class Local:
    """The local ends of ways for packets of one family."""

    def __init__(self, world: World, topology: Topology, family: Family) -> None:
        """The ends of such ways."""
        self._world = world
        self._topology = topology
        self._family = family

    def receive(self, walk: Walk, link: Link) -> Walk:
        """To a process of the host: pods by a hook of their own, and never past a host endpoint."""
        if not walk.ended and self._is_wrapped(walk, link):
            return self.unwrapped(walk, link)
        if link.pod is None:
            return walk.judge(link, Hook.NORMAL, Direction.INGRESS)
        if walk.within(self.neighbour_discovery()):
            return walk
        walk = walk.judge_workload(link.pod, Direction.EGRESS)
        return self.endpoint_to_host(walk, link)

    def _is_wrapped(self, walk: Walk, link: Link) -> bool:
        """Whether Felix takes the packets on *link* for such as carry others."""
        is_programmed = self._world.felix(link.node).programs(self._family)
        return is_programmed and walk.within(self._topology.pools.wrapped(self._family))

    def unwrapped(self, walk: Walk, link: Link) -> Walk:
        """An outer packet: Felix takes it from other nodes, whatever policy says, and from nobody else."""
        external = addresses_in(self._world.felix(link.node).external_nodes, self._family)
        known = self._topology.calico_addresses(self._family) | external
        is_known = walk.comes_from(known)
        note = "" if is_known else "encapsulated packets come from nodes only"
        verdict = Verdict.ALLOW if is_known else Verdict.DENY
        reason = Reason.ENCAPSULATION.value
        stage = Stage(link.node, Hook.NORMAL, Direction.INGRESS, verdict, reason=reason, note=note)
        return walk.told(stage) if is_known else walk.refused(stage)

    def endpoint_to_host(self, walk: Walk, link: Link) -> Walk:
        """Felix's ``defaultEndpointToHostAction``; after Return the host's own rules are taken to accept.

        What conntrack knows the pod's own chain has accepted before, for the whole table.
        """
        felix = self._world.felix(link.node)
        if link.pod is None or not felix.programs(self._family):
            return walk
        if walk.connection is Connection.ESTABLISHED and felix.dataplane is not Dataplane.BPF:
            return walk
        action = felix.endpoint_to_host_action
        verdict = _TO_HOST.get(action, Verdict.DENY)
        if verdict is Verdict.DENY and felix.may_be_bypassed:
            return walk.stopped(BYPASSED)
        stage = Stage(
            link.node,
            Hook.WORKLOAD,
            Direction.EGRESS,
            verdict,
            endpoint=link.pod.name,
            reason=Reason.DEFAULT_ACTION.value,
            note=f"defaultEndpointToHostAction {action}",
        )
        return walk.refused(stage) if verdict is Verdict.DENY else walk.told(stage)

    def neighbour_discovery(self) -> HeaderSpace:
        """The packets by which a pod finds its neighbours; there are some in IPv6 only."""
        if self._family is Family.V4:
            return HeaderSpace.nothing(self._family)
        return self._box({Field.PROTOCOL: IntervalSet.single(58), Field.ICMP_TYPE: _NEIGHBOURS})

    def send(self, walk: Walk, out: Link) -> Walk:
        """Normal egress policy on what a host sends; wrapped packets to other nodes are exempt."""
        if not walk.ended and self._is_wrapped(walk, out):
            nodes = self._box({Field.DST: self._topology.calico_addresses(self._family)})
            if walk.within(nodes):
                reason = Reason.ENCAPSULATION.value
                return walk.told(
                    Stage(out.node, Hook.NORMAL, Direction.EGRESS, Verdict.ALLOW, reason=reason)
                )
        return walk.judge(out, Hook.NORMAL, Direction.EGRESS)

    def _box(self, fields: dict[Field, IntervalSet]) -> HeaderSpace:
        return HeaderSpace.box(self._family, fields)


def into_own_pod(node: str, pod: str = "") -> Stage:
    """The stage of a packet of a host to its own pod."""
    note = "no policy is between a host and its own pods"
    return Stage(node, Hook.WORKLOAD, Direction.INGRESS, Verdict.SKIPPED, pod, note=note)


def unknown_pod(address: Address) -> str:
    """Why a way ends at an address of which only that much is known."""
    return f"what pod has {format_ip(*address)} is not known"
