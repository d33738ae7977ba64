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
from service.policy.reached import box_text, boxes
from service.policy.stages import Disposition
from service.policy.targets import targets

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from service.net.prefixes import Family
    from service.policy.reached import Reach
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World

_SIDES = (Field.SRC, Field.DST)
_PASSING = (Disposition.ALLOWED, Disposition.UNKNOWN)
_PODS_SHOWN = 3


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
class Connection:
    """The packets of one disposition from any pod of one class to any other of another, by their places in
    `Connectivity.classes`; to itself, where a class of one is both. ``asked`` are all packets between them.
    """

    source: int
    target: int
    disposition: Disposition
    space: HeaderSpace
    asked: HeaderSpace

    def to_json(self) -> dict[str, object]:
        """The connection as JSON."""
        return {
            "from": self.source,
            "to": self.target,
            "disposition": self.disposition.value,
            "flows": list(boxes(self.space, self.asked)),
        }

    def to_text(self) -> str:
        """Its packets on a line; what may be denied is told as "perhaps"."""
        flows = "; ".join(box_text(one) for one in boxes(self.space, self.asked))
        return flows if self.disposition is Disposition.ALLOWED else f"perhaps {flows}"


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
        return _received(_sent(self._space(dispositions), source), source, target)

    def connections(self) -> Iterator[Connection]:
        """What is allowed, or not known to be denied, from each class to each; O(classes²)."""
        asked, told = self._space(tuple(Disposition)), {one: self._space([one]) for one in _PASSING}
        for at, source in enumerate(self.classes):
            every = _sent(asked, source)
            sent = {one: _sent(space, source) for one, space in told.items()}
            for to, target in enumerate(self.classes):
                for one, space in sent.items():
                    found = _received(space, source, target)
                    if found:
                        yield Connection(at, to, one, found, _received(every, source, target))

    def _space(self, dispositions: Container[Disposition]) -> HeaderSpace:
        """The packets that have one of *dispositions*; what pods without a known address send is none."""
        spaces = (
            part.space
            for part in self.answer.parts
            if part.disposition in dispositions and not part.origin.doubt
        )
        return HeaderSpace.union_all(self.family, spaces)

    def to_json(self) -> dict[str, object]:
        """The classes, and the connections between them, as JSON."""
        return {
            "family": int(self.family),
            "classes": [{"pods": list(one.pods)} for one in self.classes],
            "connections": [one.to_json() for one in self.connections()],
            "unresolved": list(self.answer.unresolved),
        }

    def to_text(self) -> str:
        """The same for people: targets together that one class may call alike."""
        count = len(self.classes)
        lines = [f"IPv{self.family}: {count} class{'' if count == 1 else 'es'} of pods"]
        lines += (f"  {at}: {_some(one.pods)}" for at, one in enumerate(self.classes))
        alike: dict[tuple[int, str], list[int]] = {}
        for one in self.connections():
            alike.setdefault((one.source, one.to_text()), []).append(one.target)
        for (source, flows), to in alike.items():
            lines.append(f"{source} -> {', '.join(map(str, to))}: {flows}")
        lines += (f"unknown: {why}" for why in self.answer.unresolved)
        return "\n".join(lines)


def connectivity(world: World, family: Family, *, limit: int | None = None) -> Connectivity:
    """The connections that the pods of *world* may make to each other in *family*.

    Raises: TooOpenError where more than *limit* pairs of senders and targets are meant.
    """
    classes = tuple(_classes(world, family))
    stands = IntervalSet.of(*((one.stands, one.stands) for one in classes))
    others = IntervalSet.of(*((one.other, one.other) for one in classes))
    among = HeaderSpace.box(family, {Field.SRC: stands, Field.DST: stands | others})
    pods = (PodsNamed(),)
    question = Question({}, sources=pods, destinations=pods, families=(family,))
    return Connectivity(family, classes, reach(world, question, {family: among}, limit=limit))


def _sent(space: HeaderSpace, source: PodClass) -> HeaderSpace:
    return space.restrict(Field.SRC, IntervalSet.single(source.stands))


def _received(sent: HeaderSpace, source: PodClass, target: PodClass) -> HeaderSpace:
    """The packets of *sent*, which are those of *source*, to *target*, of any addresses."""
    value = target.other if source is target else target.stands
    return sent.restrict(Field.DST, IntervalSet.single(value)).forget(*_SIDES)


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _PODS_SHOWN
    return ", ".join(names[:_PODS_SHOWN]) + (f" and {more} more" if more > 0 else "")


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
