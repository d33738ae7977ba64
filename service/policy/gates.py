"""What stands between the wire and a node: the endpoints of an interface, and a packet's way past them.

Source: felix/dataplane/linux/endpoint_mgr.go (resolveHostEndpoints, updateHostEndpoints),
felix/rules/dispatch.go, felix/rules/static.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.net.headerspace import Bounds, HeaderSpace
from service.policy.cause import Cause, Decision, Direction, Hook, Reason
from service.policy.felix import DEFAULT_VIEW
from service.policy.hooks import failsafe_space
from service.policy.ipvs import BEYOND_HOST_POLICY, taken_for_forwarded
from service.policy.partition import Part, Partition
from service.policy.profile import Dataplane

if TYPE_CHECKING:
    from service.model.kinds.host_endpoint import HostEndpoint
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class Gate:
    """The endpoints that may judge one interface: its own and the node's ``*``."""

    named: HostEndpoint | None = None
    wildcard: HostEndpoint | None = None

    def endpoint(self, world: World, hook: Hook) -> HostEndpoint | None:
        """The endpoint whose policies count at *hook* on the way in; None where nobody looks.

        The filter table takes the interface's own endpoint if there is one, untracked policy knows no
        other, and preDNAT falls back to ``*`` where no preDNAT policy selects the interface's own; in eBPF never.
        """
        if hook is Hook.UNTRACKED:
            return self.named
        if hook is Hook.PRE_DNAT and self.named is not None and not self._has(world, Dataplane.BPF):
            return self.named if world.has_prednat(self.named) else self.wildcard
        return self.named or self.wildcard

    def guard(self, world: World, live: Bounds) -> Partition:
        """What becomes of packets that arrive for a node port: untracked and preDNAT policy judge them.

        Under IPVS normal policy does, too, where Felix does not take the port for one of kube-proxy's.
        """
        before = self._before_routing(world, live)
        if not self._has(world, Dataplane.IPVS):
            return before
        return before.then(lambda rest: self._in_ipvs(world, rest, known_beyond=False))

    def to_host(self, world: World, live: Bounds) -> Partition:
        """What becomes of packets that arrive for a process of the host itself."""
        before = self._before_routing(world, live, to_host=True)
        if self._has(world, Dataplane.IPVS):
            return before.then(lambda rest: self._in_ipvs(world, rest, known_beyond=True))
        return before.then(lambda rest: self._ingress(world, rest, Hook.NORMAL))

    def _before_routing(self, world: World, live: Bounds, *, to_host: bool = False) -> Partition:
        before = self._ingress(world, live, Hook.UNTRACKED)
        if to_host and self._has(world, Dataplane.BPF):
            before = before.then(lambda rest: self._failsafes(world, rest, Direction.INGRESS))
        return before.then(lambda rest: self._ingress(world, rest, Hook.PRE_DNAT))

    def _failsafes(self, world: World, live: Bounds, direction: Direction) -> Partition:
        """What eBPF programs let by before any policy, of the host's own packets.

        Source: felix/bpf/polprog/pol_prog_builder.go.
        """
        endpoint = self.named or self.wildcard
        felix = world.felix(endpoint.node) if endpoint else DEFAULT_VIEW
        hook, family = Hook.NORMAL, live.may.family
        ports = Bounds.exact(failsafe_space(felix, family, hook=hook, direction=direction))
        parts = (
            Part(Decision.ALLOW, Cause(Reason.FAILSAFE, hook, direction), live & ports),
            Part(Decision.UNDECIDED, Cause(Reason.DEFAULT_ACTION, hook, direction), live - ports),
        )
        return Partition(live, tuple(one for one in parts if one.space.may))

    def _has(self, world: World, dataplane: Dataplane) -> bool:
        endpoint = self.named or self.wildcard
        return endpoint is not None and world.felix(endpoint.node).dataplane is dataplane

    def _in_ipvs(self, world: World, live: Bounds, *, known_beyond: bool) -> Partition:
        """Normal policy, past which go the ports that Felix takes for kube-proxy's.

        What becomes of a node port's packet that it allows is not known.
        """
        endpoint = self.named or self.wildcard
        felix = world.felix(endpoint.node) if endpoint else DEFAULT_VIEW
        family = live.may.family
        taken = Bounds.exact(taken_for_forwarded(felix, family))
        hook, direction = Hook.NORMAL, Direction.INGRESS
        note = "IPVS: Felix takes the port for one of kube-proxy's"
        cause = Cause(Reason.DEFAULT_ACTION, hook, direction, note=note)
        judged = self._ingress(world, live - taken, hook)
        parts = [Part(Decision.UNDECIDED, cause, live & taken)]
        nothing = HeaderSpace.nothing(family)
        for part in judged.parts:
            if known_beyond or part.decision is Decision.DENY:
                parts.append(part)
            else:
                space = Bounds(nothing, part.space.may)
                parts += [
                    Part(one, part.cause, space, (BEYOND_HOST_POLICY,))
                    for one in (Decision.UNDECIDED, Decision.DENY)
                ]
        return Partition(live, tuple(one for one in parts if one.space.may), judged.spared)

    def from_host(self, world: World, live: Bounds) -> Partition:
        """What becomes of packets that a process of the host sends out through the interface."""
        untracked = world.evaluate(
            self.named, live, hook=Hook.UNTRACKED, direction=Direction.EGRESS
        )
        endpoint = self.endpoint(world, Hook.NORMAL)
        if self._has(world, Dataplane.BPF):
            untracked = untracked.then(lambda rest: self._failsafes(world, rest, Direction.EGRESS))
        return untracked.then(
            lambda rest: world.evaluate(
                endpoint, rest, hook=Hook.NORMAL, direction=Direction.EGRESS
            )
        )

    def _ingress(self, world: World, live: Bounds, hook: Hook) -> Partition:
        endpoint = self.endpoint(world, hook)
        return world.evaluate(endpoint, live, hook=hook, direction=Direction.INGRESS)
