"""The pods of one node, by what becomes of their packets: Felix's dispatch by address, for sets of packets.

Source: felix/rules/dispatch.go. Interfaces and addresses are one there: the reverse-path check lets a pod
send from no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.cause import Direction
from service.policy.partition import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.net.prefixes import Family
    from service.policy.partition import Part
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World

    FateAt = Callable[[WorkloadEndpoint, Bounds], Partition]


class Crowd(NamedTuple):
    """Pods of one node that are alike, one of them, and the packets that are theirs."""

    pod: WorkloadEndpoint
    packets: HeaderSpace


def crowds(world: World, node: str, family: Family, *, direction: Direction) -> tuple[Crowd, ...]:
    """The pods of *node* that have an address of *family*, those together that have equal chains."""
    key = (__name__, node, family, direction)
    if key not in world.memo:
        world.memo[key] = tuple(_crowds(world, node, family, direction=direction))
    return cast("tuple[Crowd, ...]", world.memo[key])


def fate_in_crowds(
    world: World, pod: WorkloadEndpoint, live: Bounds, *, direction: Direction, fate: FateAt
) -> Partition:
    """The *fate* of *live* packets, each at the pod that sends or gets it; at *pod* where none is known."""
    parts: list[Part] = []
    spared: list[Part] = []
    rest = live
    for crowd in crowds(world, pod.node, live.may.family, direction=direction):
        theirs = Bounds.exact(crowd.packets)
        own = rest & theirs
        if own.may:
            found = fate(crowd.pod, own)
            parts += found.parts
            spared += found.spared
            rest = rest - theirs
    if rest.may:
        found = fate(pod, rest)
        parts += found.parts
        spared += found.spared
    return Partition(live, tuple(parts), tuple(spared))


def _crowds(world: World, node: str, family: Family, *, direction: Direction) -> Iterable[Crowd]:
    field = Field.SRC if direction is Direction.EGRESS else Field.DST
    alike: dict[object, list[WorkloadEndpoint]] = {}
    for pod in _by_node(world).get(node, ()):
        key = (id(world.workload_chain(pod, direction)), pod.asks_for_sources)
        alike.setdefault(key, []).append(pod)
    for pods in alike.values():
        values = (value for pod in pods for own, value in pod.addresses if own is family)
        addresses = IntervalSet.of(*((value, value) for value in values))
        if addresses:
            yield Crowd(pods[0], HeaderSpace.box(family, {field: addresses}))


def _by_node(world: World) -> Mapping[str, list[WorkloadEndpoint]]:
    key = (__name__, "by node")
    if key not in world.memo:
        by_node: dict[str, list[WorkloadEndpoint]] = {}
        for pod in world.workloads.values():
            by_node.setdefault(pod.node, []).append(pod)
        world.memo[key] = by_node
    return cast("Mapping[str, list[WorkloadEndpoint]]", world.memo[key])
