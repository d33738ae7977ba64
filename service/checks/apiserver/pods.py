"""The way of the system's pods to the API server: through their own policies, and out of their nodes.

A pod calls the Service ``kubernetes``; its policies see the API server's own address and port, because the
translation comes before them. Source: felix/rules/static.go, felix/rules/dispatch.go.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from service.checks.apiserver.access import Passage, arrival, worst
from service.model.kinds.ip_pool import IPPool
from service.model.kinds.k8s_service import Service
from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.cause import Decision, Direction, Hook
from service.policy.entries import entries, known_addresses
from service.policy.facts import Facts
from service.policy.gates import Gate
from service.policy.partition import Part
from service.policy.pools import Pools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.apiserver.access import ApiEndpoint
    from service.net.prefixes import Family
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World

_HOSTS_ARE_EXEMPT = "IPPoolsAndHostIPs"


@dataclass(frozen=True, slots=True)
class _Alike:
    """Pods with the same policies behind alike gates: one of them, and the addresses of all."""

    pod: WorkloadEndpoint
    gates: tuple[Gate, ...]
    sources: IntervalSet


def pods_passage(world: World, endpoint: ApiEndpoint, protected: frozenset[str]) -> Passage:
    """The fate of every first packet that pods of the namespaces *protected* send to *endpoint*."""
    key = ("passage of pods", endpoint, protected)
    known = world.facts(Facts.PATHS)
    if key not in known:
        nothing = Bounds.exact(HeaderSpace.nothing(endpoint.family))
        passages = [
            _of_alike(world, endpoint, one) for one in _kinds_of_pods(world, endpoint, protected)
        ]
        known[key] = Passage(
            Bounds.union_all(endpoint.family, (one.live for one in passages)) | nothing,
            Bounds.union_all(endpoint.family, (one.denied for one in passages)) | nothing,
            tuple(part for one in passages for part in one.parts),
        )
    return cast("Passage", known[key])


def pod_names(world: World, family: Family, sources: IntervalSet) -> list[str]:
    """The pods that have one of *sources*, by namespace and name."""
    return sorted(
        pod.name
        for pod in world.workloads.values()
        for one, value in pod.addresses
        if one is family and value in sources
    )


def _kinds_of_pods(
    world: World, endpoint: ApiEndpoint, protected: frozenset[str]
) -> tuple[_Alike, ...]:
    """The protected pods, in groups that only policy could tell apart; once for all policies."""
    known = world.facts(Facts.PODS)
    key = ("pods", endpoint, protected, world.labels_that_matter)
    if key not in known:
        known[key] = tuple(_grouped(world, endpoint, protected))
    return cast("tuple[_Alike, ...]", known[key])


def _grouped(world: World, endpoint: ApiEndpoint, protected: frozenset[str]) -> Iterator[_Alike]:
    gates: dict[str, tuple[Gate, ...]] = {}
    found: defaultdict[object, list[tuple[WorkloadEndpoint, int]]] = defaultdict(list)
    for pod in sorted(world.workloads.values(), key=lambda one: one.pod):
        address = pod.address(endpoint.family)
        if pod.pod.namespace not in protected or address is None:
            continue
        if pod.node not in gates:
            gates[pod.node] = _gates(world, pod.node, endpoint.family)
        alike = (
            frozenset(pod.labels.items()),
            pod.profiles,
            pod.open_prefixes,
            world.felix(pod.node),
            tuple(_likeness(world, gate) for gate in gates[pod.node]),
            pod.node == endpoint.node,
        )
        found[alike].append((pod, address[1]))
    for members in found.values():
        pod = members[0][0]
        own = () if pod.node == endpoint.node else gates[pod.node]
        yield _Alike(pod, own, IntervalSet.of(*((value, value) for _, value in members)))


def _gates(world: World, node: str, family: Family) -> tuple[Gate, ...]:
    """The gates by which a node sends, of which one is it."""
    own = [value for one, value in known_addresses(world, node) if one is family]
    ways = entries(world, node, family) if own else ()
    found = tuple(entry.gate for entry in ways if own[0] in entry.addresses)
    return found or (Gate(wildcard=world.endpoints(node).wildcard),)


def _likeness(world: World, gate: Gate) -> object:
    return tuple(world.likeness(hep) if hep else None for hep in (gate.named, gate.wildcard))


def _of_alike(world: World, endpoint: ApiEndpoint, alike: _Alike) -> Passage:
    """Every obstacle sees all of the packets, so that none hides another; those on one node only its own."""
    live = Bounds.exact(endpoint.packets(alike.sources))
    own = world.evaluate_workload(alike.pod, live, Direction.EGRESS)
    passages = [worst(live, [own])]
    if alike.gates:
        passages.append(_before_translation(world, endpoint, alike))
        out = (
            world.evaluate(
                gate.endpoint(world, Hook.FORWARD),
                live,
                hook=Hook.FORWARD,
                direction=Direction.EGRESS,
            )
            for gate in alike.gates
        )
        passages.append(worst(live, out))
        if _keeps_its_address(world, endpoint, alike):
            passages.append(arrival(world, endpoint, live))
    family = endpoint.family
    return Passage(
        live,
        Bounds.union_all(family, (one.denied for one in passages)),
        tuple(part for one in passages for part in one.parts),
    )


def _before_translation(world: World, endpoint: ApiEndpoint, alike: _Alike) -> Passage:
    """What a ``*`` endpoint makes of the packets as they leave the pod, still for the Service's address."""
    live = Bounds.exact(endpoint.packets(alike.sources))
    nothing = Bounds.exact(HeaderSpace.nothing(endpoint.family))
    gate = Gate(wildcard=alike.gates[0].wildcard)
    hep = gate.endpoint(world, Hook.PRE_DNAT)
    called = called_by_pods(world, endpoint, alike.sources)
    if hep is None or called is None:
        return Passage(live, nothing)
    fate = world.evaluate(
        hep, Bounds.exact(called), hook=Hook.PRE_DNAT, direction=Direction.INGRESS
    )
    parts = tuple(
        Part(part.decision, part.cause, _of_sources(live, part.space), part.unknown)
        for part in fate.of(Decision.DENY)
    )
    denied = _of_sources(live, fate.bounds(Decision.DENY))
    # A preDNAT Allow skips the look at what is forwarded in.
    looked_at = live - _of_sources(live, fate.bounds(Decision.ALLOW))
    forward = world.evaluate(hep, looked_at, hook=Hook.FORWARD, direction=Direction.INGRESS)
    return Passage(
        live,
        denied | forward.bounds(Decision.DENY),
        (*parts, *forward.of(Decision.DENY)),
    )


def called_by_pods(world: World, endpoint: ApiEndpoint, sources: IntervalSet) -> HeaderSpace | None:
    """The packets as pods send them, to the Service ``kubernetes``; None where its address is not known."""
    service = world.snapshot.get(Service, "kubernetes", "default")
    addresses = (
        [value for one, value in service.cluster_ips if one is endpoint.family] if service else []
    )
    ports = [port.port for port in service.ports] if service else []
    if not addresses or not ports:
        return None
    fields = {
        Field.PROTOCOL: IntervalSet.single(PROTOCOL_NUMBERS["TCP"]),
        Field.DST: IntervalSet.of(*((value, value) for value in addresses)),
        Field.DST_PORT: IntervalSet.of(*((port, port) for port in ports)),
        Field.SRC: sources,
    }
    return HeaderSpace.box(endpoint.family, fields)


def _of_sources(live: Bounds, packets: Bounds) -> Bounds:
    """The packets of *live* from the sources of *packets*."""
    must = (
        live.must.restrict(Field.SRC, packets.must.project(Field.SRC))
        if packets.must
        else packets.must
    )
    may = (
        live.may.restrict(Field.SRC, packets.may.project(Field.SRC)) if packets.may else packets.may
    )
    return Bounds(must, may)


def _keeps_its_address(world: World, endpoint: ApiEndpoint, alike: _Alike) -> bool:
    """Whether the API server's node surely sees the pods' own addresses, and not their nodes'.

    A pool with natOutgoing hides them, unless hosts are exempt. Without any pool it is not known.
    """
    if not world.snapshot.all(IPPool):
        return False
    if world.felix(alike.pod.node).nat_outgoing_exclusions == _HOSTS_ARE_EXEMPT:
        return True
    pools = Pools(world)
    hidden = alike.sources & pools.natted(endpoint.family)
    return not hidden or endpoint.address[1] in pools.addresses(endpoint.family)
