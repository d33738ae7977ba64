"""Which outsiders reach a port of a host, and by whose decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from service.checks.hosts.proof import some
from service.checks.hosts.ways import doorways, fate, host_values, nodes_at, outsiders
from service.checks.nodeport.judge import Judge
from service.checks.verdict import Result, Severity, Verdict, Witness
from service.net.flow import Flow
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, parse_ip
from service.policy.cause import Decision

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from service.checks.hosts.ways import Doorway
    from service.checks.settings import CheckSettings
    from service.policy.gates import Gate
    from service.policy.partition import Part, Partition
    from service.policy.world import World

UNKNOWN = "unknown"
"""The reason of a verdict for which the facts do not suffice."""

DOUBT = "Whether outsiders get through rests on facts that are not known."
"""What that reason says."""

_STRANGERS = ("203.0.113.9", "2001:db8:203::9")
_EPHEMERAL_PORT = 40_000
_WHICH_ENDPOINT = ("which host endpoint stands before the address",)


@dataclass(frozen=True, slots=True)
class Listener:
    """Ports of one protocol that something answers, on *nodes* (None: on all).

    ``translated`` says that it is behind DNAT, so that untracked and preDNAT policy alone see the packet.
    ``addresses`` are those dialled, where these are not the nodes' own; ``sources`` narrow who is answered.
    """

    protocol: int
    ports: IntervalSet
    nodes: Collection[str] | None = None
    translated: bool = False
    addresses: IntervalSet | None = None
    sources: IntervalSet | None = None

    def is_on(self, node: str) -> bool:
        """Whether *node* answers."""
        return self.nodes is None or node in self.nodes


@dataclass(frozen=True, slots=True)
class Passage:
    """Outsiders' packets that one cause lets pass to a listener, at alike nodes.

    ``unknown`` is what would have to be known to be sure that they pass; () where that is sure.
    """

    listener: Listener
    doorway: Doorway
    gate: Gate
    part: Part
    space: HeaderSpace
    unknown: tuple[str, ...] = ()

    def nodes(self, world: World) -> tuple[str, ...]:
        """The nodes that the packets reach, and that answer."""
        reached = nodes_at(world, self.doorway, self.space.project(Field.DST))
        return tuple(node for node in reached if self.listener.is_on(node)) or reached

    def witness(self, world: World) -> Witness:
        """One of the packets."""
        family = self.doorway.family
        strangers = tuple(value for one, value in map(parse_ip, _STRANGERS) if one is family)
        prefer = {Field.SRC_PORT: (_EPHEMERAL_PORT,), Field.SRC: strangers}
        flow = Flow.from_sample(family, self.space.sample(prefer))
        nodes = self.nodes(world)
        node = next((one for one in nodes if flow.dst in host_values(world, one, family)), nodes[0])
        return Witness(flow, node, dst_known=self.doorway.is_known)


def merged(found: Sequence[Passage]) -> Passage:
    """One passage of all packets in *found* to the first one's listener, however the nodes were parted."""
    family, listener = found[0].doorway.family, found[0].listener
    spaces = (
        one.space for one in found if one.doorway.family is family and one.listener == listener
    )
    return replace(found[0], space=HeaderSpace.union_all(family, spaces))


def sure(found: Iterable[Passage]) -> list[Passage]:
    """Those of *found* whose packets surely pass."""
    return [one for one in found if not one.unknown]


def opened(world: World, blank: Verdict, found: Sequence[Passage], *, why: str = "") -> Verdict:
    """That what *blank* says is so, proved by *found*; *why* in place of the cause that lets packets pass."""
    told = _traced(world, blank, found)
    cause = told.causes[0]
    whole = merged(found)
    return replace(
        told,
        message=f"{blank.message} on {_places(told)}{why or f': {cause.note or cause}'}",
        witness=whole.witness(world),
        space=Bounds.exact(whole.space),
    )


def doubtful(world: World, blank: Verdict, found: Sequence[Passage]) -> Verdict:
    """That it is not known whether what *blank* says is so, since none of *found* is sure."""
    told = _traced(world, blank, found)
    unknown = tuple(dict.fromkeys(why for one in found for why in one.unknown))
    return replace(
        told,
        result=Result.WARN,
        severity=Severity.LOW,
        reason=UNKNOWN,
        message=f"whether {blank.message} on {_places(told)} is not known: {unknown[0]}",
        advice="Audit with the objects that the selectors of the rules mean, or name networks in the rules.",
        unknown=unknown,
        space=Bounds(HeaderSpace.nothing(found[0].doorway.family), merged(found).space),
    )


def _traced(world: World, blank: Verdict, found: Sequence[Passage]) -> Verdict:
    """*blank* with the nodes that *found* reaches, and what lets it pass."""
    nodes = sorted({node for one in found for node in one.nodes(world)})
    causes = tuple(dict.fromkeys(one.part.cause for one in found))
    return replace(blank, causes=causes, details={"nodes": [*nodes], **blank.details})


def _places(told: Verdict) -> str:
    return some(cast("list[str]", told.details["nodes"]))


def passages(
    world: World, settings: CheckSettings, listener: Listener, *, family: Family
) -> Iterator[Passage]:
    """What reaches *listener* from outside, at exposed nodes before which an endpoint stands.

    At nodes where nothing surely does, what may.
    """
    sources = outsiders(world, settings, family)
    if listener.sources is not None:
        sources = sources & listener.sources
    exposed = exposed_values(world, settings, family)
    for doorway in doorways(world, family):
        here = _here(world, doorway, listener)
        if doorway.is_known:
            here = here & exposed
        if not doorway.is_policed or not here:
            continue
        live = Bounds.exact(
            HeaderSpace.box(
                family,
                {
                    Field.PROTOCOL: IntervalSet.single(listener.protocol),
                    Field.DST_PORT: listener.ports,
                    Field.DST: here if listener.addresses is None else listener.addresses,
                    Field.SRC: sources,
                },
            )
        )
        yield from _passing(world, doorway, live, listener=listener)


def _passing(
    world: World, doorway: Doorway, live: Bounds, *, listener: Listener
) -> Iterator[Passage]:
    def judge(gate: Gate, packets: Bounds) -> Partition:
        return gate.guard(world, packets) if listener.translated else gate.to_host(world, packets)

    denied = fate(doorway, live, judge).denied
    surely = live.must - denied.may
    passing = surely or live.may - denied.must
    for gate in doorway.gates if passing else ():
        for part in judge(gate, live).of(Decision.ALLOW, Decision.UNDECIDED):
            space = (part.space.must if surely else part.space.may) & passing
            if space:
                unknown = () if surely else part.unknown or _WHICH_ENDPOINT
                yield Passage(listener, doorway, gate, part, space, unknown)


def _here(world: World, doorway: Doorway, listener: Listener) -> IntervalSet:
    """The addresses of the doorway at nodes where the listener is."""
    if listener.nodes is None or not doorway.is_known:
        is_there = listener.nodes is None or any(map(listener.is_on, doorway.nodes))
        return doorway.addresses if is_there else IntervalSet.EMPTY
    values = (
        value for node in listener.nodes for value in host_values(world, node, doorway.family)
    )
    return doorway.addresses & IntervalSet.of(*((value, value) for value in values))


def exposed_values(world: World, settings: CheckSettings, family: Family) -> IntervalSet:
    """The addresses of the nodes that outsiders can reach, by the setting; once a world."""
    key = ("exposed addresses", family, settings.nodes_exposed)
    if key not in world.memo:
        values = (
            value
            for node in Judge(world, settings).nodes()
            for value in host_values(world, node, family)
        )
        world.memo[key] = IntervalSet.of(*((value, value) for value in values))
    return cast("IntervalSet", world.memo[key])
