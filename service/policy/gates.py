"""What stands between the wire and a node: the endpoints of an interface, and a packet's way past them.

Source: felix/dataplane/linux/endpoint_mgr.go (resolveHostEndpoints, updateHostEndpoints),
felix/rules/dispatch.go, felix/rules/static.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.policy.cause import Direction, Hook

if TYPE_CHECKING:
    from service.model.kinds.host_endpoint import HostEndpoint
    from service.net.headerspace import Bounds
    from service.policy.partition import Partition
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class Gate:
    """The endpoints that may judge one interface: its own and the node's ``*``."""

    named: HostEndpoint | None = None
    wildcard: HostEndpoint | None = None

    def endpoint(self, world: World, hook: Hook) -> HostEndpoint | None:
        """The endpoint whose policies count at *hook* on the way in; None where nobody looks.

        The filter table takes the interface's own endpoint if there is one, untracked policy knows no
        other, and preDNAT falls back to ``*`` where no preDNAT policy selects the interface's own.
        """
        if hook is Hook.UNTRACKED:
            return self.named
        if hook is Hook.PRE_DNAT and self.named is not None:
            return self.named if world.has_prednat(self.named) else self.wildcard
        return self.named or self.wildcard

    def guard(self, world: World, live: Bounds) -> Partition:
        """What untracked and preDNAT policy make of packets that arrive: all that sees a node port."""
        return self._ingress(world, live, Hook.UNTRACKED).then(
            lambda rest: self._ingress(world, rest, Hook.PRE_DNAT)
        )

    def to_host(self, world: World, live: Bounds) -> Partition:
        """What becomes of packets that arrive for a process of the host itself."""
        return self.guard(world, live).then(lambda rest: self._ingress(world, rest, Hook.NORMAL))

    def from_host(self, world: World, live: Bounds) -> Partition:
        """What becomes of packets that a process of the host sends out through the interface."""
        untracked = world.evaluate(
            self.named, live, hook=Hook.UNTRACKED, direction=Direction.EGRESS
        )
        endpoint = self.endpoint(world, Hook.NORMAL)
        return untracked.then(
            lambda rest: world.evaluate(
                endpoint, rest, hook=Hook.NORMAL, direction=Direction.EGRESS
            )
        )

    def _ingress(self, world: World, live: Bounds, hook: Hook) -> Partition:
        endpoint = self.endpoint(world, hook)
        return world.evaluate(endpoint, live, hook=hook, direction=Direction.INGRESS)
