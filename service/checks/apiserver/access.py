"""How nodes, operators and outsiders reach the API server: its endpoints, and the way of a set of packets.

Source: semantics of class (b) and (c): felix/rules/static.go, felix/rules/endpoints.go.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, cast

from service.model.kinds.endpoint_slice import EndpointSlice
from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, addresses_in, format_ip
from service.policy.cause import Decision, Direction, Hook
from service.policy.entries import entries, known_addresses
from service.policy.facts import Facts
from service.policy.gates import Gate
from service.policy.profile import Dataplane

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.settings import CheckSettings
    from service.net.prefixes import Address
    from service.policy.hooks import Chain
    from service.policy.partition import Part, Partition
    from service.policy.world import World

_TCP = PROTOCOL_NUMBERS["TCP"]
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


class Who(Enum):
    """Whose way to the API server is asked for."""

    NODES = "nodes"
    OPERATORS = "operators"
    OUTSIDE = "outside sources"
    PODS = "pods of the system"


@dataclass(frozen=True, slots=True, order=True)
class ApiEndpoint:
    """An address and port at which the API server is dialled; ``node`` is "" where it is no node's."""

    address: Address
    port: int
    node: str

    @property
    def family(self) -> Family:
        """The family of the address."""
        return self.address[0]

    def __str__(self) -> str:
        text = format_ip(*self.address)
        return f"{text}:{self.port}" if self.family is Family.V4 else f"[{text}]:{self.port}"

    def packets(self, sources: IntervalSet) -> HeaderSpace:
        """The first packets of connections to the endpoint from *sources*."""
        return HeaderSpace.box(
            self.family,
            {
                Field.PROTOCOL: IntervalSet.single(_TCP),
                Field.DST_PORT: IntervalSet.single(self.port),
                Field.DST: IntervalSet.single(self.address[1]),
                Field.SRC: sources,
            },
        )


@dataclass(frozen=True, slots=True)
class Passage:
    """The fate of some packets on their whole way to an endpoint.

    ``live`` are all of them, ``denied`` those that some stage drops, ``parts`` the parts that drop them:
    where they leave and where they arrive each of all packets, so that no obstacle hides another.
    """

    live: Bounds
    denied: Bounds
    parts: tuple[Part, ...] = ()

    @property
    def possible(self) -> Bounds:
        """The packets that arrive."""
        return self.live - self.denied


def api_endpoints(world: World, settings: CheckSettings) -> tuple[ApiEndpoint, ...]:
    """Where the API server is dialled: its EndpointSlice and the setting, else the control-plane nodes.

    Empty where nothing is known. Once for all policies.
    """
    known = world.facts(Facts.BACKENDS)
    key = ("api endpoints", settings.apiserver_endpoints, settings.apiserver_port)
    if key not in known:
        known[key] = _api_endpoints(world, settings)
    return cast("tuple[ApiEndpoint, ...]", known[key])


def _api_endpoints(world: World, settings: CheckSettings) -> tuple[ApiEndpoint, ...]:
    owners = address_owners(world)
    found = set(settings.apiserver_endpoints)
    for one in world.snapshot.all(EndpointSlice).values():
        # The API server names its slice as its Service, and labels it so; either tells.
        names = {one.service, one.meta.ref.name}
        if one.meta.ref.namespace == "default" and "kubernetes" in names:
            found |= {
                (address, port.port)
                for port in one.ports
                if port.port is not None and port.protocol == _TCP
                for endpoint in one.endpoints
                for address in endpoint.addresses
            }
    if not found:
        found = {
            (address, settings.apiserver_port)
            for node in world.nodes.values()
            if _CONTROL_PLANE in node.meta.labels
            for address in node.internal_ips
        }
    return tuple(
        sorted(ApiEndpoint(address, port, owners.get(address, "")) for address, port in found)
    )


def address_owners(world: World) -> dict[Address, str]:
    """The node of every address that is known to be a node's, its ExternalIPs included."""
    known = world.facts(Facts.PLACES)
    if "address owners" not in known:
        owners = {
            address: node.meta.ref.name
            for node in world.nodes.values()
            for address in (*node.external_ips, *node.internal_ips)
        }
        for node in world.node_names:
            owners |= dict.fromkeys(known_addresses(world, node), node)
        known["address owners"] = owners
    return cast("dict[Address, str]", known["address owners"])


def outside(world: World, family: Family) -> IntervalSet:
    """The addresses that are no node's and in no pod CIDR that a Node names."""
    known = world.facts(Facts.PLACES)
    key = ("outside", family)
    if key not in known:
        hosts = [value for one, value in address_owners(world) if one is family]
        pods = (cidr for node in world.nodes.values() for cidr in node.pod_cidrs)
        inside = IntervalSet.of(*((one, one) for one in hosts)) | addresses_in(pods, family)
        known[key] = inside.complement(0, family.max_address)
    return cast("IntervalSet", known[key])


def passage(
    world: World, endpoint: ApiEndpoint, who: Who, *, operators: IntervalSet | None = None
) -> Passage:
    """The fate of every first packet that *who*, but pods, sends to *endpoint*; kept with the world."""
    key = ("passage", endpoint, who, operators)
    known = world.facts(Facts.POLICY)
    if key not in known:
        if who is Who.NODES:
            known[key] = _from_nodes(world, endpoint)
        else:
            sources = outside(world, endpoint.family) if operators is None else operators
            live = Bounds.exact(endpoint.packets(sources))
            known[key] = arrival(world, endpoint, live)
    return cast("Passage", known[key])


def _from_nodes(world: World, endpoint: ApiEndpoint) -> Passage:
    """All nodes' ways, those of nodes with the same way out in one; they arrive all alike."""
    family = endpoint.family
    passages = []
    for gates, sources in _departures(world, endpoint):
        live = Bounds.exact(endpoint.packets(sources))
        passages.append(worst(live, [gate.from_host(world, live) for gate in gates]))
    everybody = Bounds.union_all(family, (one.live for one in passages))
    passages.append(arrival(world, endpoint, everybody))
    if endpoint.node:
        passages.append(_over_loopback(world, endpoint))
    return Passage(
        Bounds.union_all(family, (one.live for one in passages)),
        Bounds.union_all(family, (one.denied for one in passages)),
        tuple(part for one in passages for part in one.parts),
    )


def _over_loopback(world: World, endpoint: ApiEndpoint) -> Passage:
    """The API server's own node: both ways through ``lo``, which only a ``*`` endpoint judges."""
    gate = Gate(wildcard=world.endpoints(endpoint.node).wildcard)
    live = Bounds.exact(endpoint.packets(IntervalSet.single(endpoint.address[1])))
    if world.felix(endpoint.node).dataplane is Dataplane.BPF:  # no program stands at lo
        return worst(live, ())
    left = worst(live, [gate.from_host(world, live)])
    came = worst(live, [gate.to_host(world, live)])
    return Passage(live, left.denied | came.denied, (*left.parts, *came.parts))


@dataclass(frozen=True, slots=True)
class _WayOut:
    """The gates by which some nodes leave for an address, of which one is it, and their addresses."""

    gates: tuple[Gate, ...]
    sources: IntervalSet


def _departures(
    world: World, endpoint: ApiEndpoint
) -> Iterator[tuple[tuple[Gate, ...], IntervalSet]]:
    """The gates by which nodes leave for *endpoint*, each with the source addresses behind it."""
    groups: defaultdict[object, list[_WayOut]] = defaultdict(list)
    for one in _ways_out(world, endpoint):
        likeness = frozenset(_egress_chains(world, gate) for gate in one.gates)
        groups[likeness].append(one)
    for alike in groups.values():
        yield alike[0].gates, _sources(world, alike)


def _sources(world: World, alike: list[_WayOut]) -> IntervalSet:
    """The addresses behind some of the ways out; once for all policies that leave these in one."""
    known = world.facts(Facts.LIKENESS)
    key = ("sources", *map(id, alike))
    if key not in known:
        # What the key names by identity is kept beside the addresses.
        known[key] = (IntervalSet.union_all(one.sources for one in alike), alike)
    return cast("tuple[IntervalSet, object]", known[key])[0]


def _ways_out(world: World, endpoint: ApiEndpoint) -> tuple[_WayOut, ...]:
    """The ways out of all nodes, those in one that only policy could tell apart; once for all policies."""
    known = world.facts(Facts.LIKENESS)
    key = ("ways out", endpoint, world.labels_that_matter)
    if key not in known:
        gates_of: dict[object, tuple[Gate, ...]] = {}
        sources: defaultdict[object, list[int]] = defaultdict(list)
        for node in world.node_names:
            source, gates = _way_out(world, node, endpoint.address)
            if source is not None and node != endpoint.node:
                alike = frozenset(_gate_likeness(world, gate) for gate in gates)
                sources[alike].append(source)
                gates_of.setdefault(alike, gates)
        known[key] = tuple(
            _WayOut(gates_of[alike], IntervalSet.of(*((one, one) for one in values)))
            for alike, values in sources.items()
        )
    return cast("tuple[_WayOut, ...]", known[key])


def _gate_likeness(world: World, gate: Gate) -> object:
    return tuple(world.likeness(hep) if hep else None for hep in (gate.named, gate.wildcard))


def _way_out(world: World, node: str, to: Address) -> tuple[int | None, tuple[Gate, ...]]:
    """The source address and the gates of a node's packets to *to*; no address where none is known.

    Where interfaces are known it is the one whose prefix holds the destination, else the first.
    """
    family = to[0]
    known = world.nodes.get(node)
    addresses = [value for one, value in known_addresses(world, node) if one is family]
    if known is not None and known.interfaces is not None:
        on_link = (
            one.address[1]
            for interface in known.interfaces
            for one in interface.addresses
            if one.address[0] is family and _same_prefix(one.address[1], to, one.length)
        )
        source = next(on_link, addresses[0] if addresses else None)
    else:
        source = addresses[0] if addresses else None
    if source is None:
        return None, ()
    gates = tuple(entry.gate for entry in entries(world, node, family) if source in entry.addresses)
    return source, gates or (Gate(),)


def _same_prefix(value: int, to: Address, length: int) -> bool:
    shift = to[0].bits - length
    return value >> shift == to[1] >> shift


def _egress_chains(world: World, gate: Gate) -> tuple[Chain | None, ...]:
    """What ways out must agree in to be judged alike."""
    endpoints = (gate.endpoint(world, Hook.UNTRACKED), gate.endpoint(world, Hook.NORMAL))
    return tuple(
        world.chain(endpoint, hook, Direction.EGRESS) if endpoint else None
        for endpoint, hook in zip(endpoints, (Hook.UNTRACKED, Hook.NORMAL), strict=True)
    )


def arrival(world: World, endpoint: ApiEndpoint, live: Bounds) -> Passage:
    """What the endpoint's node makes of *live*; an endpoint that is no node's has no stages."""
    gates: tuple[Gate, ...] = ()
    if endpoint.node:
        family, value = endpoint.address
        ways = entries(world, endpoint.node, family)
        gates = tuple(entry.gate for entry in ways if value in entry.addresses)
    return worst(live, [gate.to_host(world, live) for gate in gates])


def worst(live: Bounds, partitions: Iterable[Partition]) -> Passage:
    """One of *partitions* holds, and it is not known which: surely denied is what all of them deny."""
    every = tuple(partitions)
    nothing = HeaderSpace.nothing(live.may.family)
    if not every:
        return Passage(live, Bounds(nothing, nothing))
    must = reduce(and_, (one.must(Decision.DENY) for one in every))
    may = reduce(or_, (one.may(Decision.DENY) for one in every))
    parts = tuple(part for one in every for part in one.of(Decision.DENY))
    return Passage(live, Bounds(must, may), parts)
