"""One packet's way through the cluster, hook by hook.

Semantics: "Packet path (iptables / nftables dataplanes)". Source: felix/rules/static.go,
felix/rules/dispatch.go, felix/rules/nat.go.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tests.reference import chains, ipvs, programs
from tests.reference.choices import Choices
from tests.reference.endpoints import Endpoint
from tests.reference.hosts import LOOPBACK, Host, require_first, require_modelled
from tests.reference.overlay import is_in, is_tunnel, outer
from tests.reference.packet import (
    DroppedError,
    Packet,
    Stage,
    UndecidedError,
    is_neighbour_discovery,
)
from tests.reference.routes import Routes
from tests.reference.world import World

On = TypeVar("On", str, Endpoint, Endpoint | None)
ChainOf = Callable[[World, Host, On, Packet], Stage | None]


@dataclass(frozen=True, slots=True)
class Tracking:
    """What the kernel remembers of the packet on one host.

    `marked`: an untracked or preDNAT Allow. `untracked`: no connection tracking, so no NAT.
    `translated`: its destination has been decided. `masquerades`: kube-proxy wants it masqueraded.
    """

    marked: bool = False
    untracked: bool = False
    translated: bool = False
    masquerades: bool = False
    by_kube_proxy: bool = False


@dataclass(slots=True)
class Walk:
    """A walk in one world, with one set of answers to what is left to chance.

    `routes` tells which node the routers outside send a Service's address to.
    """

    world: World
    choices: Choices
    routes: Routes
    stages: list[Stage] = field(default_factory=list)

    def through(self, chain: ChainOf[On], host: Host, on: On, packet: Packet) -> bool:
        """Run one chain for what it is `on`, an interface or endpoint; whether it allows."""
        if not host.is_programmed(packet.family):
            return False
        stage = chain(self.world, host, on, packet)
        if stage and stage.verdict == "deny":
            require_first(host)
        return self.note(stage)

    def note(self, stage: Stage | None) -> bool:
        """Write the stage down; whether it allows. A denial ends the walk."""
        if stage is None:
            return False
        self.stages.append(stage)
        if stage.verdict == "deny":
            raise DroppedError
        return stage.verdict == "allow"

    def enter(
        self, host: Host, interface: str, packet: Packet, known: Tracking = Tracking()
    ) -> None:
        """Packet entering the node on an interface. `known` is what loopback kept."""
        require_modelled(host)
        if host.dataplane == "bpf":
            programs.enter(self, host, interface, packet)
            return
        is_pod = host.pod_behind(interface) is not None
        untracked = not is_pod and self.through(chains.ut_in, host, interface, packet)
        marked = untracked or self.through(chains.pre, host, interface, packet)
        tracking = replace(known, marked=marked, untracked=known.untracked or untracked)
        dialled = packet
        packet, tracking = self.dnat(host, packet, tracking)
        if host.dataplane == "ipvs" and tracking.by_kube_proxy:
            self.through_ipvs(host, interface, dialled, packet, tracking)
        if host.owns(packet.dst):
            self.input(host, interface, packet, tracking)
        else:
            self.forward(host, interface, packet, tracking)

    def through_ipvs(
        self, host: Host, interface: str, dialled: Packet, packet: Packet, tracking: Tracking
    ) -> None:
        """A packet for a Service in INPUT, before IPVS translates it."""
        if packet.established:
            return
        if not ipvs.is_taken_for_forwarded(host, dialled):
            self.input(host, interface, dialled, replace(tracking, untracked=False))
            ipvs.refuse_to_tell("what is behind the host's own policy")
        if host.owns(packet.dst):
            ipvs.refuse_to_tell("a backend on the host itself")

    def input(self, host: Host, interface: str, packet: Packet, tracking: Tracking) -> None:
        """To a process of the host."""
        pod = host.pod_behind(interface)
        is_plain = host.dataplane == "ipvs" and not tracking.by_kube_proxy
        is_taken = is_plain and ipvs.is_taken_for_forwarded(host, packet)
        if is_taken and pod:
            ipvs.refuse_to_tell("a pod's packets to a host's port of the range")
        if host.is_programmed(packet.family) and self.world.overlay.carries(packet):
            known = "allow" if self.world.is_node(packet.src) else "deny"
            self.note(Stage(host.name, "encapsulation", "ingress", known))
        elif pod:
            if not is_neighbour_discovery(packet):
                self.through(chains.wegr, host, pod, packet)
                self.endpoint_to_host(host, pod, packet)
        elif not tracking.marked and not (is_plain and is_taken):
            self.through(chains.hin, host, interface, packet)
        if tracking.untracked and self.world.services.translate(packet, host):
            self.lose(host)

    def endpoint_to_host(self, host: Host, pod: Endpoint, packet: Packet) -> None:
        """DefaultEndpointToHostAction; Return leaves it to the host's own rules, which accept.

        WEGR has accepted established packets for the whole table before.
        """
        if not host.is_programmed(packet.family):
            return
        if packet.established and host.dataplane != "bpf":
            return
        action = host.felix.get("defaultEndpointToHostAction") or "Drop"
        verdict = {"Drop": "deny", "Accept": "allow", "Return": "undecided"}[action]
        if verdict == "deny":
            require_first(host)
        self.note(
            Stage(host.name, "workload", "egress", verdict, pod.name, reason="default-action")
        )

    def forward(self, host: Host, interface: str, packet: Packet, tracking: Tracking) -> None:
        """Through the host; policy sees the destination after DNAT, the source before SNAT."""
        out = host.route(packet.dst)
        if not tracking.marked:
            self.through(chains.hfwd_in, host, interface, packet)
        sender, receiver = host.pod_behind(interface), host.pod_behind(out)
        if sender:
            self.through(chains.wegr, host, sender, packet)
        if receiver:
            self.through(chains.wing, host, receiver, packet)
        self.through(chains.hfwd_out, host, out, packet)
        self.leave(host, out, self.snat(host, out, packet, tracking))

    def output(self, host: Host, packet: Packet) -> None:
        """Packet generated by a host process."""
        require_modelled(host)
        if host.dataplane == "bpf":
            programs.output(self, host, packet)
            return
        out = host.route(packet.dst)
        is_pod = host.pod_behind(out) is not None
        untracked = not is_pod and self.through(chains.ut_out, host, out, packet)
        dialled = packet.dst
        packet, tracking = self.dnat(host, packet, Tracking(marked=untracked, untracked=untracked))
        if host.dataplane == "ipvs" and tracking.by_kube_proxy:
            ipvs.refuse_to_tell("a host's own call of a Service")
        out_after = host.route(packet.dst)
        if not untracked:
            is_early = packet.dst == dialled or self.judges_translated_too(host)
            accepted = is_early and self.filter_output(host, out, packet)
            if packet.dst != dialled and not accepted:
                self.filter_output(host, out_after, packet)
        packet = self.snat(host, out_after, packet, tracking)
        if out_after == LOOPBACK:
            kept = Tracking(translated=True, untracked=untracked)
            self.enter(host, LOOPBACK, packet, kept)
        else:
            self.leave(host, out_after, packet)

    def judges_translated_too(self, host: Host) -> bool:
        """The nftables quirk: `ct status != dnat` holds for translated packets too."""
        if host.dataplane == "auto":
            return self.choices.of([True, False])
        return host.dataplane == "nftables"

    def filter_output(self, host: Host, out: str, packet: Packet) -> bool:
        """Whether a policy accepts; there is none at all towards the host's own pods."""
        if host.pod_behind(out):
            return False
        wrapped = host.is_programmed(packet.family) and self.world.overlay.carries(packet)
        if wrapped and self.world.is_node(packet.dst):
            return self.note(Stage(host.name, "encapsulation", "egress", "allow"))
        return self.through(chains.hout, host, host.governing(out), packet)

    def dnat(self, host: Host, packet: Packet, tracking: Tracking) -> tuple[Packet, Tracking]:
        """kube-proxy and the CNI's host ports, in nat PREROUTING and OUTPUT."""
        if tracking.untracked or tracking.translated:
            return packet, tracking
        translation = self.world.services.translate(packet, host)
        if translation is None:
            return packet, tracking
        if not translation.backends:
            self.note(Stage(host.name, "dnat", "ingress", "deny", reason="no-endpoint"))
        tracking = replace(tracking, by_kube_proxy=bool(translation.access))
        chosen = self.choices.of(translation.backends)
        self.note(Stage(host.name, "dnat", "ingress", "translated"))
        hairpin = packet.src == chosen.address
        return (
            replace(packet, dst=chosen.address, dst_port=chosen.port),
            replace(tracking, masquerades=translation.masquerades or hairpin),
        )

    def snat(self, host: Host, out: str, packet: Packet, tracking: Tracking) -> Packet:
        """kube-proxy's masquerade and natOutgoing, in nat POSTROUTING."""
        if tracking.untracked or not (tracking.masquerades or self.leaves_pools(host, packet)):
            return packet
        return self.masqueraded(host, out, packet)

    def masqueraded(self, host: Host, out: str, packet: Packet) -> Packet:
        source = host.address_on(out, packet.family)
        if not packet.src_port:
            return replace(packet, src=source)
        return replace(packet, src=source, src_port=self.choices.of(self.world.source_ports()))

    def leaves_pools(self, host: Host, packet: Packet) -> bool:
        """natOutgoing: from a pool that has it to no pool at all, nor, if so set, to a node."""
        pools = self.world.overlay.pools
        outgoing = [pool for pool in pools if pool.get("natOutgoing")]
        if not is_in(packet.src, outgoing) or is_in(packet.dst, pools):
            return False
        spares_hosts = host.felix.get("natOutgoingExclusions") == "IPPoolsAndHostIPs"
        return not (spares_hosts and self.world.is_node(packet.dst))

    def leave(self, host: Host, out: str, packet: Packet) -> None:
        """Onto the wire, or into the pod behind `out`."""
        if host.pod_behind(out):
            return
        receiver = self.world.host_with(packet.dst)
        if receiver and is_tunnel(out):
            self.encapsulate(host, receiver, out, packet.family)
            self.enter(receiver, out, packet)
        elif receiver:
            self.enter(receiver, receiver.interface_of(packet.dst), packet)
        elif self.world.services.is_address(packet.dst):
            self.leave_untranslated(host, packet)

    def encapsulate(self, host: Host, receiver: Host, device: str, family: int) -> None:
        """The outer packet goes ahead: it is one from node to node, judged like any other."""
        destination = next(one for one in receiver.addresses if one.version == family)
        source = host.source_towards(destination)
        port = self.choices.of(self.world.source_ports())
        self.output(host, outer(source, destination, device=device, source_port=port))

    def leave_untranslated(self, host: Host, packet: Packet) -> None:
        """An untracked packet to a Service: as far as the routers send it."""
        receiver = self.routes.get(packet.dst)
        if receiver is None:
            raise UndecidedError(f"where routers send packets for {packet.dst} is not said")
        if receiver is host:
            self.lose(host)
        self.enter(receiver, receiver.interface_of(packet.dst), packet)

    def lose(self, host: Host) -> None:
        """Untracked packets are not translated, and nobody listens on a Service's own port."""
        self.note(Stage(host.name, "dnat", "ingress", "deny", reason="untracked"))
