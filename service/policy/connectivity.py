"""The connections that pods may make to pods, by classes of pods that nothing tells apart.

Two pods of a node are alike if they have equal chains and if no rule's packets distinguish their addresses.
One of each class is asked for, and what holds for it holds for all: the work grows with the classes, and the
answer is exact all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.cause import Direction
from service.policy.paths import Paths
from service.policy.profiles import ProfileRules
from service.policy.question import PodsNamed, Question
from service.policy.reach import reach
from service.policy.targets import targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.net.prefixes import Family
    from service.policy.reached import Reach
    from service.policy.stages import Disposition
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World

_SIDES = (Field.SRC, Field.DST)


@dataclass(frozen=True, slots=True)
class PodClass:
    """Pods that nothing tells apart. ``stands`` is the address of one, ``other`` that of another, if there
    is one: flows between the two stand for those within the class.
    """

    pods: tuple[str, ...]
    addresses: IntervalSet
    stands: int
    other: int


@dataclass(frozen=True, slots=True)
class Connectivity:
    """The connections among the pods of one world in one family, as those among one of each class."""

    family: Family
    classes: tuple[PodClass, ...]
    answer: Reach

    def between(
        self, source: PodClass, target: PodClass, *dispositions: Disposition
    ) -> HeaderSpace:
        """The packets of any addresses that have one of *dispositions* from a pod of *source* to another
        of *target*; to itself, where a class of one is both.
        """
        values = {
            Field.SRC: source.stands,
            Field.DST: target.other if source is target else target.stands,
        }
        pair = {field: IntervalSet.single(value) for field, value in values.items()}
        told = self.answer.space(self.family, *dispositions)
        return (told & HeaderSpace.box(self.family, pair)).forget(*_SIDES)


def connectivity(world: World, family: Family) -> Connectivity:
    """The connections that the pods of *world* may make to each other in *family*."""
    classes = tuple(_classes(world, family))
    stands = IntervalSet.of(*((one.stands, one.stands) for one in classes))
    others = IntervalSet.of(*((one.other, one.other) for one in classes))
    among = HeaderSpace.box(family, {Field.SRC: stands, Field.DST: stands | others})
    pods = (PodsNamed(),)
    question = Question({}, sources=pods, destinations=pods, families=(family,))
    return Connectivity(family, classes, reach(world, question, {family: among}))


def _classes(world: World, family: Family) -> Iterator[PodClass]:
    """By node, by the networks and chains of the pods, and then by every rule that tells addresses apart."""
    paths = Paths(world, family, 0)
    ways = targets(world, paths.topology, paths.translator, family=family)
    pods: dict[int, WorkloadEndpoint] = {}
    for pod in world.workloads.values():
        address = pod.address(family)
        if address is not None and paths.topology.pod(address) is pod:
            pods[address[1]] = pod
    numbers: dict[object, int] = {}
    groups = {
        value: numbers.setdefault(
            (ways.likeness((family, value)), *_chains(world, pod)), len(numbers)
        )
        for value, pod in pods.items()
    }
    for space in _spaces(world, pods.values(), family):
        for field in _SIDES:
            groups = space.told_apart(field, groups)
    members: dict[int, list[int]] = {}
    for value, group in groups.items():
        members.setdefault(group, []).append(value)
    for values in members.values():
        addresses = IntervalSet.of(*((value, value) for value in values))
        yield PodClass(
            tuple(pods[value].name for value in values), addresses, values[0], values[-1]
        )


def _chains(world: World, pod: WorkloadEndpoint) -> tuple[object, ...]:
    """All that a pod's own hooks depend on."""
    chains = (id(world.workload_chain(pod, direction)) for direction in Direction)
    return (*chains, pod.asks_for_sources)


def _spaces(
    world: World, pods: Iterable[WorkloadEndpoint], family: Family
) -> Iterator[HeaderSpace]:
    """The packets of every rule of policies and of the pods' profiles, and of what Felix always lets pass."""
    rules = {rule: None for policy in world.policies for rule in (*policy.ingress, *policy.egress)}
    for chain in {world.workload_chain(pod, one): None for pod in pods for one in Direction}:
        for profile in chain.profiles:
            if isinstance(profile, ProfileRules):
                rules |= dict.fromkeys((*profile.ingress, *profile.egress))
    for rule in rules:
        space = world.matcher.match(rule, family).space
        yield space.may
        if not space.is_exact:
            yield space.must
    for felix in dict.fromkeys(map(world.felix, world.node_names)):
        for one in (*felix.failsafe_inbound, *felix.failsafe_outbound):
            if one.net is not None and one.net.family is family:
                net = IntervalSet.of((one.net.lo, one.net.hi))
                yield from (HeaderSpace.box(family, {field: net}) for field in _SIDES)
