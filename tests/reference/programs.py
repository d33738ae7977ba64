"""The eBPF dataplane: programs at interfaces instead of chains.

Semantics: "Other dataplanes", eBPF, its eleven differences by number. Source:
felix/bpf/polprog/pol_prog_builder.go, felix/dataplane/linux/bpf_ep_mgr.go.
"""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.reference import chains
from tests.reference.endpoints import Endpoint
from tests.reference.hosts import LOOPBACK, Host, require_modelled
from tests.reference.packet import (
    TCP,
    UDP,
    Packet,
    Stage,
    UndecidedError,
    is_neighbour_discovery,
)
from tests.reference.services import Backend, Translation

if TYPE_CHECKING:
    from tests.reference.walk import Walk

_DATA_INTERFACES = r"^((en|wl|ww|sl|ib)[Popsx].*|(eth|wlan|wwan|bond).*)"


@dataclass(frozen=True, slots=True)
class Passage:
    """A packet at the program of an interface: as dialled, and as translated."""

    host: Host
    interface: str
    dialled: Packet
    packet: Packet
    access: str = ""
    marked: bool = False

    @property
    def pod(self) -> Endpoint | None:
        return self.host.pod_behind(self.interface)


def governing(host: Host, interface: str, packet: Packet) -> Endpoint | None:
    """The host endpoint of a program (2 and 3): never "*" in the place of a named one."""
    if not host.is_programmed(packet.family):
        return None
    if host.pod_behind(interface):
        return host.wildcard()
    patterns = (
        host.felix.get("bpfDataIfacePattern") or _DATA_INTERFACES,
        host.felix.get("bpfL3IfacePattern"),
    )
    if not any(pattern and re.search(pattern, interface) for pattern in patterns):
        return None
    return host.named(interface) or host.wildcard()


def enter(walk: "Walk", host: Host, interface: str, packet: Packet) -> None:
    """Packet entering the node on an interface."""
    endpoint = governing(host, interface, packet)
    is_pod = host.pod_behind(interface) is not None
    untracked = bool(
        endpoint and not is_pod and walk.through(chains.ut_in, host, interface, packet)
    )
    translation = walk.world.services.translate(packet, host) if interface != LOOPBACK else None
    if translation and untracked:
        raise UndecidedError("eBPF: whether untracked packets are translated")
    passage = Passage(host, interface, packet, packet, marked=untracked)
    if translation:
        passage = _translated(walk, passage, translation)
    if not translation and _is_carrier(walk, packet):
        _unwrap(walk, host, packet)
        return
    passage = _judge_before_translation(walk, passage, endpoint)
    if host.owns(passage.packet.dst):
        _to_host(walk, passage, endpoint)
    else:
        _forward(walk, passage, endpoint)


def _translated(walk: "Walk", passage: Passage, translation: Translation) -> Passage:
    backend = _draw(walk, passage.host, translation)
    before = _asked_before_translation(passage)
    balancing = passage.host.felix.get("bpfConnectTimeLoadBalancing") or "TCP"
    if passage.pod and before and translation.access and balancing != "Disabled":
        raise UndecidedError("eBPF: which destination preDNAT policy sees")  # 9
    packet = replace(passage.packet, dst=backend.address, dst_port=backend.port)
    return replace(passage, packet=packet, access=translation.access)


def _draw(walk: "Walk", host: Host, translation: Translation) -> Backend:
    if not translation.backends:
        walk.note(Stage(host.name, "dnat", "ingress", "deny", reason="no-endpoint"))
    return walk.choices.of(translation.backends)


def _asked_before_translation(passage: Passage) -> bool:
    endpoint = governing(passage.host, passage.interface, passage.packet)
    return endpoint is not None and _has_pre_dnat(passage.host, endpoint)


def _has_pre_dnat(host: Host, endpoint: Endpoint) -> bool:
    tiers = host.attached[endpoint].pre_dnat
    return any(not policy.staged for tier in tiers for policy in tier.policies)


def _is_carrier(walk: "Walk", packet: Packet) -> bool:
    return packet.protocol == UDP and walk.world.overlay.carries(packet)


def _unwrap(walk: "Walk", host: Host, packet: Packet) -> None:
    """VXLAN between known hosts passes before any policy (6)."""
    if not walk.world.is_node(packet.src):
        raise UndecidedError("eBPF: VXLAN from others than nodes")
    walk.note(Stage(host.name, "encapsulation", "ingress", "allow"))


def _judge_before_translation(walk: "Walk", passage: Passage, endpoint: Endpoint | None) -> Passage:
    """Failsafe ports by the translated destination (1), then preDNAT policy by the dialled one."""
    host, packet = passage.host, passage.packet
    is_failsafe = host.owns(packet.dst) and chains.is_failsafe(
        host, chains.INBOUND, packet.protocol, packet.dst_port, packet.src
    )
    if endpoint is None or passage.marked:
        return passage
    if is_failsafe and passage.pod is None:
        walk.note(Stage(host.name, "preDNAT", "ingress", "allow", endpoint.name, reason="failsafe"))
        return replace(passage, marked=True)
    if is_failsafe and _has_pre_dnat(host, endpoint):
        raise UndecidedError("eBPF: failsafe ports and pods")
    stage = chains.bare(walk.world, host, endpoint, "preDNAT", "ingress", passage.dialled)
    return replace(passage, marked=walk.note(stage))


def _to_host(walk: "Walk", passage: Passage, endpoint: Endpoint | None) -> None:
    host, packet, pod = passage.host, passage.packet, passage.pod
    if walk.world.overlay.carries(packet):
        raise UndecidedError("eBPF: IPIP")
    if pod:
        if not is_neighbour_discovery(packet):
            walk.through(chains.wegr, host, pod, packet)
            walk.endpoint_to_host(host, pod, packet)
    elif endpoint and not passage.marked:
        walk.note(chains.bare(walk.world, host, endpoint, "normal", "ingress", packet))


def _forward(walk: "Walk", passage: Passage, endpoint: Endpoint | None) -> None:
    host, packet = passage.host, passage.packet
    if endpoint and not passage.marked:
        walk.note(chains.bare(walk.world, host, endpoint, "forward", "ingress", packet))
    if passage.pod:
        walk.through(chains.wegr, host, passage.pod, packet)
    out = host.route(packet.dst)
    receiver = host.pod_behind(out)
    if receiver:
        walk.through(chains.wing, host, receiver, packet)
    elif passage.access == "nodePort":
        _tunnel(walk, packet)
        return
    elif passage.access and not passage.pod:
        raise UndecidedError("eBPF: calls of Services from outside that leave the node")
    leaving = governing(host, out, packet)
    if leaving:
        walk.note(chains.bare(walk.world, host, leaving, "forward", "egress", packet))
    if walk.leaves_pools(host, packet):
        packet = walk.masqueraded(host, out, packet)
    walk.leave(host, out, packet)


def _tunnel(walk: "Walk", packet: Packet) -> None:
    """To the backend of a node port on another node: only its own policy looks, at the client (5)."""
    host = walk.world.host_with(packet.dst)
    pod = host.pod_with(packet.dst) if host else None
    if host is None or pod is None:
        raise UndecidedError("eBPF: a node port's backend on another host")
    require_modelled(host)
    if host.dataplane != "bpf":
        raise UndecidedError("eBPF on some nodes only")
    walk.through(chains.wing, host, pod, packet)


def output(walk: "Walk", host: Host, packet: Packet) -> None:
    """Packet of a host process; policy sees where it leads (9)."""
    translation = walk.world.services.translate(packet, host)
    if translation:
        backend = _draw(walk, host, translation)
        _require_translation(host, packet)
        packet = replace(packet, dst=backend.address, dst_port=backend.port)
    out = host.route(packet.dst)
    if host.pod_behind(out) or out == LOOPBACK:
        return  # 2 and 11
    endpoint = governing(host, out, packet)
    if endpoint and _is_carrier(walk, packet) and walk.world.is_node(packet.dst):
        walk.note(Stage(host.name, "encapsulation", "egress", "allow"))
    elif endpoint and not walk.through(chains.ut_out, host, out, packet):
        is_failsafe = chains.is_failsafe(
            host, chains.OUTBOUND, packet.protocol, packet.dst_port, packet.dst
        )
        if not is_failsafe:
            walk.note(chains.bare(walk.world, host, endpoint, "normal", "egress", packet))
    walk.leave(host, out, packet)


def _require_translation(host: Host, packet: Packet) -> None:
    balancing = host.felix.get("bpfConnectTimeLoadBalancing") or "TCP"
    by_socket = balancing == "Enabled" or (balancing == "TCP" and packet.protocol == TCP)
    if not by_socket and host.felix.get("bpfHostNetworkedNATWithoutCTLB") == "Disabled":
        raise UndecidedError("eBPF: hosts' calls of Services are not translated")
