"""Who may send the packets of a question: the outside, the processes of nodes, and pods."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from service.model.kinds.pod import Pod
from service.net.intervals import IntervalSet
from service.policy.question import Addresses, Nodes, Outside, PodsNamed
from service.policy.topology import loopback_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.net.prefixes import Family
    from service.policy.question import Peer, Question
    from service.policy.topology import Topology
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World

_FINISHED = frozenset({"Succeeded", "Failed"})


class SenderKind(StrEnum):
    """What sends."""

    OUTSIDE = "outside"
    NODE = "node"
    POD = "pod"


@dataclass(frozen=True, slots=True)
class Sender:
    """Senders whose packets start alike. ``node`` is theirs, "" for the outside; ``pod`` is one of the pods.

    ``sources`` are their addresses; None for a node's process, which has what the route gives it.
    ``doubt`` says why nobody can tell what their packets meet; "" where that is known.
    """

    kind: SenderKind
    node: str = ""
    sources: IntervalSet | None = None
    pod: WorkloadEndpoint | None = None
    doubt: str = ""


class Senders:
    """The senders of one world, in one family."""

    def __init__(self, world: World, topology: Topology, family: Family) -> None:
        """The senders of *world*, whose addresses *topology* has."""
        self._world = world
        self._topology = topology
        self._family = family

    def of(self, question: Question) -> Iterator[Sender]:
        """Those that *question* means: anybody, where it names none."""
        everything = IntervalSet.of((0, self._family.max_address))
        if question.via is not None:
            own = [one for one in question.sources if isinstance(one, Nodes | PodsNamed)]
            yield from self._named(own)
            nets = list(self._nets(question.sources))
            if nets or not question.sources:
                sources = IntervalSet.union_all(nets) if nets else everything
                yield Sender(SenderKind.OUTSIDE, sources=sources)
            return
        peers = question.sources or (Outside(), Nodes(), PodsNamed())
        yield from self._named(one for one in peers if isinstance(one, Nodes | PodsNamed))
        yield from self._at(IntervalSet.union_all(self._nets(peers)))

    def outside(self) -> IntervalSet:
        """Every address that is no node's, no pod's and no loopback's."""
        known = (
            self._topology.node_addresses(self._family),
            self._topology.pod_addresses(self._family),
            self._topology.unknown_pods(self._family),
            loopback_addresses(self._family),
        )
        return IntervalSet.union_all(known).complement(0, self._family.max_address)

    def _nets(self, peers: Iterable[Peer]) -> Iterator[IntervalSet]:
        for peer in peers:
            if isinstance(peer, Outside):
                yield self.outside()
            elif isinstance(peer, Addresses) and peer.net.family is self._family:
                yield IntervalSet.of((peer.net.lo, peer.net.hi))

    def _at(self, addresses: IntervalSet) -> Iterator[Sender]:
        """Whoever has *addresses*: its node's process, its pod, or the outside."""
        rest = addresses
        if addresses & self._topology.node_addresses(self._family):
            for node in self._world.node_names:
                own = addresses & self._topology.owned(node, self._family)
                if own:
                    yield Sender(SenderKind.NODE, node, own)
            rest = rest - self._topology.node_addresses(self._family)
        if rest & self._topology.pod_addresses(self._family):
            yield from self._pods(self._world.workloads.values(), rest)
            rest = rest - self._topology.pod_addresses(self._family)
        nameless = rest & self._topology.unknown_pods(self._family)
        if nameless:
            doubt = "what pods have these addresses is not known"
            yield Sender(SenderKind.POD, sources=nameless, doubt=doubt)
        if rest - nameless:
            yield Sender(SenderKind.OUTSIDE, sources=rest - nameless)

    def _named(self, peers: Iterable[Nodes | PodsNamed]) -> Iterator[Sender]:
        nodes: dict[str, None] = {}
        chosen: dict[WorkloadEndpoint, None] = {}
        for peer in peers:
            if isinstance(peer, Nodes):
                found = [name for name in self._world.node_names if peer.means(name)]
                nodes |= dict.fromkeys(found)
                if not found:
                    yield Sender(SenderKind.NODE, doubt=f"there is no node {peer.name}")
            else:
                pods = list(pods_named(self._world, peer))
                endpoints = [self._world.workloads.get(pod.meta.ref) for pod in pods]
                nodes |= dict.fromkeys(pod.node for pod in pods if pod.host_network and pod.node)
                chosen |= dict.fromkeys(one for one in endpoints if one is not None)
                yield from (Sender(SenderKind.POD, doubt=why) for why in strangers(pods, peer))
        yield from (Sender(SenderKind.NODE, node) for node in nodes)
        everything = IntervalSet.of((0, self._family.max_address))
        yield from self._pods(chosen, everything)

    def _pods(self, pods: Iterable[WorkloadEndpoint], among: IntervalSet) -> Iterator[Sender]:
        """Those of *pods* with an address *among* these, by node."""
        values: dict[str, list[int]] = {}
        first: dict[str, WorkloadEndpoint] = {}
        for pod in pods:
            address = pod.address(self._family)
            if address is not None and address[1] in among and self._topology.pod(address) is pod:
                values.setdefault(pod.node, []).append(address[1])
                first.setdefault(pod.node, pod)
        for node, own in values.items():
            sources = IntervalSet.of(*((value, value) for value in own))
            yield Sender(SenderKind.POD, node, sources, first[node])


def pods_named(world: World, peer: PodsNamed) -> Iterator[Pod]:
    """The pods that *peer* means."""
    for ref, pod in world.snapshot.all(Pod).items():
        if peer.means(ref.namespace, ref.name):
            yield pod


def strangers(pods: Iterable[Pod], peer: PodsNamed) -> Iterator[str]:
    """Why something that *peer* means is no address: pods without any, or none at all of that name."""
    found = list(pods)
    for pod in found:
        is_finished = pod.phase in _FINISHED
        if not (pod.node and pod.ips) and not is_finished:
            ref = pod.meta.ref
            yield f"pod {ref.namespace}/{ref.name} has no address that is known"
    if not found and (peer.namespace, peer.name) != ("*", "*"):
        yield f"there is no pod {peer.namespace}/{peer.name}"
