"""The ways of packets where Felix runs eBPF programs instead of chains.

A program at an interface judges in its own order: failsafe ports first, by the destination after
translation; then preDNAT policy, by the one before; then normal or forward policy, and the pods'. Programs
are at the interfaces that a pattern names, and at pods'. Source: felix/bpf/polprog/pol_prog_builder.go,
felix/dataplane/linux/bpf_ep_mgr.go, felix/bpf-gpl/tc.c, felix/design/bpf-services.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.net.flow import PROTOCOL_NUMBERS
from service.policy.cause import Direction, Hook, Reason
from service.policy.entries import LOOPBACK
from service.policy.extent import Extent
from service.policy.felix import BPF_DOUBT, FelixView
from service.policy.flow_query import Access
from service.policy.hooks import evaluate, failsafe_space, vxlan_packets
from service.policy.local import into_own_pod, unknown_pod
from service.policy.rewrites import refusal_at, translation_at
from service.policy.stages import PodPolicy, Stage, Verdict

if TYPE_CHECKING:
    from service.model.kinds.host_endpoint import HostEndpoint
    from service.net.headerspace import Bounds
    from service.net.prefixes import Family
    from service.policy.hooks import Chain
    from service.policy.kube_proxy import Backend, Socket
    from service.policy.partition import Partition
    from service.policy.paths import Paths
    from service.policy.topology import Link
    from service.policy.translation import Translation
    from service.policy.walk import Walk
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World

_EBPF = "Felix runs eBPF programs"


@dataclass(frozen=True, slots=True)
class _Way:
    """A packet at a program: where, for which endpoint, and to which socket it goes after translation.

    ``access`` is how a Service was called, None where nothing is translated.
    """

    link: Link
    hep: HostEndpoint | None
    socket: Socket
    access: Access | None = None


class Programs:
    """The ways of *paths* through nodes with eBPF programs."""

    def __init__(self, paths: Paths, world: World, family: Family) -> None:
        """The ways of packets of *family* through such nodes of *world*."""
        self._paths = paths
        self._world = world
        self._family = family

    def arrive(self, walk: Walk, link: Link, socket: Socket) -> Walk:
        """The way of what comes in by *link* for *socket*."""
        walk = walk.reopened()
        doubt = self._doubt(link)
        if doubt:
            return walk.stopped(doubt)
        hep = self._endpoint(link)
        if hep and link.pod is None:
            walk = self._judged(walk, link, hep, hook=Hook.UNTRACKED, direction=Direction.INGRESS)
        untracked = walk.may_be_accepted
        translation = None
        if link.interface != LOOPBACK:
            translation = self._paths.translation(walk, link.node, socket)
        if translation is None:
            return self._through(walk, _Way(link, hep, socket))
        if untracked:
            return walk.stopped(f"{_EBPF}: whether untracked packets are translated")
        return self._translated(walk, _Way(link, hep, socket), translation)

    def _translated(self, walk: Walk, way: _Way, translation: Translation) -> Walk:
        node, direction = way.link.node, Direction.INGRESS
        if translation.refusal:
            return walk.refused(refusal_at(node, direction, translation.refusal))
        if translation.backends is None:
            return walk.stopped(f"the backends of {translation.call} are not known")
        stage = translation_at(node, direction)
        doubt = self._socket_doubt(way, translation)
        if doubt:
            return walk.stopped(doubt)

        def onward(group: tuple[Backend, ...]) -> Walk:
            rewrites, call = self._paths.rewrites, translation.call
            after = replace(way, socket=group[0].socket, access=translation.access)
            target = rewrites.redirected(walk, group, stage, call=call)
            if self._passes_by_failsafe(target, after):
                return self._onward(self._failsafe(target, after), after)
            before = self._before_translation(walk, after)
            return self._onward(rewrites.redirected(before, group, stage, call=call), after)

        return self._paths.forked(walk, translation.backends, onward)

    def _socket_doubt(self, way: _Way, translation: Translation) -> str:
        """Whether a pod's call was translated by its socket already, where preDNAT policy would see that."""
        if way.link.pod is None or way.hep is None or not translation.by_kube_proxy:
            return ""
        felix = self._felix(way.link.node)
        is_asked = self._world.resolve(way.hep, Hook.PRE_DNAT, Direction.INGRESS)
        if felix.connect_balancing == "Disabled" or not (felix.programs(self._family) and is_asked):
            return ""
        return f"{_EBPF}: which destination preDNAT policy sees in a call of {translation.call}"

    def _through(self, walk: Walk, way: _Way) -> Walk:
        """A packet that nobody translates."""
        if self._carries(walk):
            return self._unwrapped(walk, way)
        if self._passes_by_failsafe(walk, way):
            return self._onward(self._failsafe(walk, way), way)
        return self._onward(self._before_translation(walk, way), way)

    def _carries(self, walk: Walk) -> bool:
        vxlan = vxlan_packets(self._family) & self._paths.topology.pools.wrapped(self._family)
        return not walk.ended and bool(vxlan) and walk.within(vxlan)

    def _unwrapped(self, walk: Walk, way: _Way) -> Walk:
        """VXLAN between hosts passes before any policy, preDNAT's too."""
        if not walk.comes_from(self._paths.topology.calico_addresses(self._family)):
            return walk.stopped(f"{_EBPF}: what becomes of VXLAN from others than nodes")
        return walk.told(
            _stage(way.link, Hook.NORMAL, Direction.INGRESS, reason=Reason.ENCAPSULATION)
        )

    def _passes_by_failsafe(self, walk: Walk, way: _Way) -> bool:
        """Whether the packet is for the host itself, at a failsafe port after translation."""
        link = way.link
        return way.hep is not None and link.pod is None and self._is_for_failsafe(walk, way)

    def _is_for_failsafe(self, walk: Walk, way: _Way) -> bool:
        link = way.link
        is_local = self._paths.topology.is_local(link.node, way.socket.address)
        if walk.ended or not is_local:
            return False
        ports = failsafe_space(
            self._felix(link.node), self._family, hook=Hook.NORMAL, direction=Direction.INGRESS
        )
        return bool(ports) and walk.within(ports)

    def _failsafe(self, walk: Walk, way: _Way) -> Walk:
        stage = _stage(way.link, Hook.PRE_DNAT, Direction.INGRESS, reason=Reason.FAILSAFE)
        return walk.accepted_by(replace(stage, endpoint=way.hep.meta.ref.name if way.hep else ""))

    def _before_translation(self, walk: Walk, way: _Way) -> Walk:
        """PreDNAT policy, of the interface's own endpoint; that of ``*`` never stands in for it."""
        hook, direction = Hook.PRE_DNAT, Direction.INGRESS
        if way.hep is None or not self._world.resolve(way.hep, hook, direction):
            return walk
        if way.link.pod is not None and self._is_for_failsafe(walk, way):
            return walk.stopped(f"{_EBPF}: whether failsafe ports are open to pods before policy")
        return self._judged(walk, way.link, way.hep, hook=hook, direction=direction)

    def _onward(self, walk: Walk, way: _Way) -> Walk:
        link, socket = way.link, way.socket
        if self._paths.topology.is_local(link.node, socket.address):
            return self._to_host(walk, way)
        if way.hep is not None:
            hook, direction = Hook.FORWARD, Direction.INGRESS
            walk = self._judged(walk, link, way.hep, hook=hook, direction=direction)
        if link.pod is not None:
            walk = self._at_pod(walk, link.pod, Direction.EGRESS)
        if self._paths.topology.is_unknown_pod(socket.address):
            return walk.left(unknown_pod(socket.address))
        out = self._paths.topology.way_out(link.node, socket.address)
        doubt = self._doubt(out)
        if doubt:
            return walk.stopped(doubt)
        return self._forwarded(walk, way, out)

    def _forwarded(self, walk: Walk, way: _Way, out: Link) -> Walk:
        link, socket = way.link, way.socket
        if out.pod is not None:
            walk = self._at_pod(walk, out.pod, Direction.INGRESS)
        elif way.access is Access.NODE_PORT:
            return self._tunnelled(walk, socket)
        elif way.access is not None and link.pod is None:
            return walk.stopped(f"{_EBPF}: how calls of Services from outside leave a node")
        hep = self._endpoint(out)
        walk = walk.reopened()
        if hep is not None:
            walk = self._judged(walk, out, hep, hook=Hook.FORWARD, direction=Direction.EGRESS)
        if self._paths.rewrites.leaves_pools(walk, link.node, socket):
            walk = self._paths.rewrites.masqueraded(walk, out)
        return self._paths.onto_wire(walk, out, socket)

    def _tunnelled(self, walk: Walk, socket: Socket) -> Walk:
        """A node port's packet to another node: wrapped, with its client's address, past hosts' policy."""
        pod = self._paths.topology.pod(socket.address)
        if pod is None:
            return walk.stopped(f"{_EBPF}: how packets of a node port reach a host on another node")
        if not self._is_ebpf(pod.node):
            return walk.stopped(f"{_EBPF}, but not on {pod.node}, where the backend is")
        note = "wrapped in VXLAN with its client's address"
        walk = walk.told(
            Stage(pod.node, Hook.NORMAL, Direction.INGRESS, Verdict.UNDECIDED, note=note)
        )
        return self._at_pod(walk, pod, Direction.INGRESS)

    def _to_host(self, walk: Walk, way: _Way) -> Walk:
        link, local = way.link, self._paths.local
        wrapped = self._paths.topology.pools.wrapped(self._family)
        if not walk.ended and walk.within(wrapped):
            return walk.stopped(f"{_EBPF}: what becomes of packets that carry others by IPIP")
        if link.pod is None:
            if way.hep is None:
                return walk
            hook, direction = Hook.NORMAL, Direction.INGRESS
            return self._judged(walk, link, way.hep, hook=hook, direction=direction)
        if walk.within(local.neighbour_discovery()):
            return walk
        return local.endpoint_to_host(self._at_pod(walk, link.pod, Direction.EGRESS), link)

    def from_node(self, walk: Walk, out: Link, socket: Socket) -> Walk:
        """The way of what a process of the node of *out* sends to *socket*, first routed by *out*."""
        translation = self._paths.translation(walk, out.node, socket)
        if translation is None:
            return self._sent(walk, out, socket)
        direction = Direction.EGRESS
        if translation.refusal:
            return walk.refused(refusal_at(out.node, direction, translation.refusal))
        if translation.backends is None:
            return walk.stopped(f"the backends of {translation.call} are not known")
        if not self._translates_for_hosts(out.node):
            return walk.stopped(f"{_EBPF}: hosts' own calls of Services are not translated")
        stage = translation_at(out.node, direction)

        def onward(group: tuple[Backend, ...]) -> Walk:
            way = self._paths.rewrites.redirected(walk, group, stage, call=translation.call)
            target = group[0].socket
            if self._paths.topology.is_unknown_pod(target.address):
                return way.left(unknown_pod(target.address))
            return self._sent(way, self._paths.topology.way_out(out.node, target.address), target)

        return self._paths.forked(walk, translation.backends, onward)

    def _translates_for_hosts(self, node: str) -> bool:
        felix = self._felix(node)
        is_tcp = self._paths.protocol == PROTOCOL_NUMBERS["TCP"]
        by_socket = felix.connect_balancing == "Enabled" or (
            felix.connect_balancing == "TCP" and is_tcp
        )
        return by_socket or felix.translates_for_hosts

    def _sent(self, walk: Walk, out: Link, socket: Socket) -> Walk:
        """Out by *out*, after translation: to a pod of the node, to itself, or past normal policy."""
        doubt = self._doubt(out)
        if doubt:
            return walk.stopped(doubt)
        topology = self._paths.topology
        if out.pod is not None:
            return walk.told(into_own_pod(out.node, out.pod.name))
        if topology.is_local(out.node, socket.address):
            note = f"{_EBPF}, and none at {LOOPBACK}"
            hook, verdict = Hook.NORMAL, Verdict.UNDECIDED
            return walk.told(Stage(out.node, hook, Direction.EGRESS, verdict, note=note))
        if topology.is_unknown_pod(socket.address):
            return walk.left(unknown_pod(socket.address))
        return self._paths.onto_wire(self._out_of_host(walk, out), out, socket)

    def _out_of_host(self, walk: Walk, out: Link) -> Walk:
        hep = self._endpoint(out)
        if hep is None:
            return walk
        if self._carries(walk):
            return walk.told(
                _stage(out, Hook.NORMAL, Direction.EGRESS, reason=Reason.ENCAPSULATION)
            )
        direction = Direction.EGRESS
        walk = self._judged(walk, out, hep, hook=Hook.UNTRACKED, direction=direction)
        ports = failsafe_space(
            self._felix(out.node), self._family, hook=Hook.NORMAL, direction=direction
        )
        if ports and not walk.ended and walk.within(ports):
            stage = _stage(out, Hook.NORMAL, direction, reason=Reason.FAILSAFE)
            return walk.told(replace(stage, endpoint=hep.meta.ref.name))
        return self._judged(walk, out, hep, hook=Hook.NORMAL, direction=direction)

    def _judged(
        self, walk: Walk, link: Link, hep: HostEndpoint, *, hook: Hook, direction: Direction
    ) -> Walk:
        chain = self._world.chain(hep, hook, direction)
        felix = self._felix(link.node)
        if hook is not Hook.UNTRACKED:
            felix = felix.without_failsafes()
        blank = Stage(link.node, hook, direction, Verdict.SKIPPED, endpoint=hep.meta.ref.name)
        return walk.judge_chain(blank, replace(chain, felix=felix), self._world.namespaces)

    def _at_pod(self, walk: Walk, pod: WorkloadEndpoint, direction: Direction) -> Walk:
        if walk.ended or walk.pod_policy is PodPolicy.IGNORED:
            return walk
        felix = self._felix(pod.node)
        blank = Stage(pod.node, Hook.WORKLOAD, direction, Verdict.SKIPPED, endpoint=pod.name)

        def fate(one: WorkloadEndpoint, live: Bounds) -> Partition:
            own = replace(self._world.workload_chain(one, direction), felix=felix)
            return evaluate(own, live, matcher=self._world.matcher, namespaces=(one.pod.namespace,))

        if walk.extent is Extent.MANY:
            return walk.reopened().judge_crowd(blank, pod, fate)
        chain: Chain = replace(self._world.workload_chain(pod, direction), felix=felix)
        return walk.reopened().judge_chain(blank, chain, (pod.pod.namespace,))

    def _endpoint(self, link: Link) -> HostEndpoint | None:
        """The endpoint whose policies the program at *link* has; None where there is no program."""
        if link.pod is None and not self._has_program(link):
            return None
        return link.gate.named or link.gate.wildcard

    def _has_program(self, link: Link) -> bool:
        patterns = self._felix(link.node).program_interfaces
        return any(re.search(pattern, link.interface) for pattern in patterns)

    def _doubt(self, link: Link) -> str:
        """Why it is not known which program *link* has; "" where it is."""
        if link.doubts:
            return "; ".join(link.doubts)
        if link.pod is None and not link.interface and (link.gate.named or link.gate.wildcard):
            return f"{_EBPF} at interfaces of some names, and that of {link.node} is not known"
        try:
            self._has_program(link)
        except re.error:
            return f"{_EBPF}: at which interfaces of {link.node}, the configuration tells in no way known"
        return ""

    def _felix(self, node: str) -> FelixView:
        """The configuration of *node*, for whoever knows the order of programs."""
        return self._world.felix(node).settled

    def _is_ebpf(self, node: str) -> bool:
        return BPF_DOUBT in self._world.felix(node).doubts


def _stage(link: Link, hook: Hook, direction: Direction, *, reason: Reason) -> Stage:
    return Stage(link.node, hook, direction, Verdict.ALLOW, reason=reason.value)
