"""The primitive chains: each judges one packet at one hook for one endpoint.

Semantics: "Primitive chains", "Forward (AoF) specifics", "Failsafe ports". Source:
felix/rules/{static,endpoints}.go, felix/config/config_params.go. A chain returns the Stage that
it comes to, or None where the endpoint, and so the chain, does not exist.
"""

from dataclasses import dataclass
from ipaddress import ip_network

from tests.reference.endpoints import Endpoint
from tests.reference.hosts import Host
from tests.reference.matching import rule_matches
from tests.reference.overlay import VXLAN_PORT
from tests.reference.packet import (
    IPIP,
    UDP,
    Address,
    Packet,
    Stage,
    protocol_number,
)
from tests.reference.policies import Raw, Rule
from tests.reference.tiers import Ruling, Tier, judge, judge_profiles
from tests.reference.world import World

INBOUND, OUTBOUND = "failsafeInboundHostPorts", "failsafeOutboundHostPorts"


@dataclass(frozen=True, slots=True)
class Chain:
    """A hook in one direction on a host, for the endpoint whose policies it runs."""

    world: World
    host: Host
    hook: str
    direction: str
    endpoint: Endpoint

    def rules_on(self, tiers: tuple[Tier, ...], packet: Packet) -> Ruling | None:
        def matches(rule: Rule) -> bool:
            return rule_matches(rule, packet, self.world.sets)

        return judge(tiers, self.direction, matches)

    def profiles_on(self, packet: Packet) -> Ruling:
        def matches(rule: Rule) -> bool:
            return rule_matches(rule, packet, self.world.sets)

        names, known = self.endpoint.profiles, self.world.profiles
        return judge_profiles(names, known, self.direction, matches)

    def ends(self, verdict: str, reason: str) -> Stage:
        """The stage of a chain that no policy decides."""
        return Stage(
            self.host.name, self.hook, self.direction, verdict, self.endpoint.name, reason=reason
        )

    def ruled(self, ruling: Ruling) -> Stage:
        return Stage(
            self.host.name,
            self.hook,
            self.direction,
            ruling.action.lower(),
            self.endpoint.name,
            ruling.tier,
            ruling.policy,
            ruling.rule,
            ruling.reason,
        )


def ut_in(world: World, host: Host, interface: str, packet: Packet) -> Stage | None:
    """UT-in, raw PREROUTING: untracked policies of the named endpoint; "*" has none."""
    return _untracked(world, host, interface, packet, direction="ingress")


def ut_out(world: World, host: Host, interface: str, packet: Packet) -> Stage | None:
    """UT-out, raw OUTPUT."""
    return _untracked(world, host, interface, packet, direction="egress")


def _untracked(
    world: World, host: Host, interface: str, packet: Packet, *, direction: str
) -> Stage | None:
    endpoint = host.named(interface)
    if endpoint is None:
        return None
    chain = Chain(world, host, "untracked", direction, endpoint)
    inward = direction == "ingress"
    peer = packet.src if inward else packet.dst
    there, back = (INBOUND, OUTBOUND) if inward else (OUTBOUND, INBOUND)
    if is_failsafe(host, there, packet.protocol, packet.dst_port, peer) or is_failsafe(
        host, back, packet.protocol, packet.src_port, peer
    ):
        return chain.ends("undecided", "failsafe")
    ruling = chain.rules_on(host.attached[endpoint].untracked, packet)
    return chain.ruled(ruling) if ruling else chain.ends("undecided", "")


def pre(world: World, host: Host, interface: str, packet: Packet) -> Stage | None:
    """PRE, mangle PREROUTING: preDNAT policies, on the destination as dialled."""
    endpoint = host.governing_before_dnat(interface)
    if endpoint is None:
        return None
    chain = Chain(world, host, "preDNAT", "ingress", endpoint)
    if packet.established:
        return chain.ends("undecided", "established")
    if is_failsafe(host, INBOUND, packet.protocol, packet.dst_port, packet.src):
        return chain.ends("undecided", "failsafe")
    ruling = chain.rules_on(host.attached[endpoint].pre_dnat, packet)
    return chain.ruled(ruling) if ruling else chain.ends("undecided", "")


def hin(world: World, host: Host, interface: str, packet: Packet) -> Stage | None:
    """HIN, filter INPUT: normal ingress of the host endpoint, for packets to the host itself."""
    endpoint = host.governing(interface)
    if endpoint is None:
        return None
    chain = Chain(world, host, "normal", "ingress", endpoint)
    spared = is_failsafe(host, INBOUND, packet.protocol, packet.dst_port, packet.src)
    return _normal(chain, packet, is_spared=spared)


def hout(world: World, host: Host, endpoint: Endpoint | None, packet: Packet) -> Stage | None:
    """HOUT, filter OUTPUT or mangle POSTROUTING: normal egress, for the host's own packets."""
    if endpoint is None:
        return None
    chain = Chain(world, host, "normal", "egress", endpoint)
    spared = is_failsafe(host, OUTBOUND, packet.protocol, packet.dst_port, packet.dst)
    return _normal(chain, packet, is_spared=spared)


def hfwd_in(world: World, host: Host, interface: str, packet: Packet) -> Stage | None:
    """HFWD-in, filter FORWARD: apply-on-forward ingress of the interface it came by."""
    return _forward(world, host, interface, packet, direction="ingress")


def hfwd_out(world: World, host: Host, interface: str, packet: Packet) -> Stage | None:
    """HFWD-out, filter FORWARD: apply-on-forward egress of the interface it leaves by."""
    return _forward(world, host, interface, packet, direction="egress")


def _forward(
    world: World, host: Host, interface: str, packet: Packet, *, direction: str
) -> Stage | None:
    """No failsafes, no profiles: what no tier decides is not denied."""
    endpoint = host.governing(interface)
    if endpoint is None:
        return None
    chain = Chain(world, host, "forward", direction, endpoint)
    if packet.established:
        return chain.ends("allow", "established")
    ruling = chain.rules_on(host.attached[endpoint].forward, packet)
    return chain.ruled(ruling) if ruling else chain.ends("undecided", "")


def wegr(world: World, host: Host, pod: Endpoint, packet: Packet) -> Stage:
    """WEGR, from a pod: its normal egress; it may not send encapsulation."""
    chain = Chain(world, host, "workload", "egress", pod)
    if not packet.established and _is_forbidden_encapsulation(host, packet):
        return chain.ends("deny", "encapsulation")
    return _normal(chain, packet, is_spared=False)


def wing(world: World, host: Host, pod: Endpoint, packet: Packet) -> Stage:
    """WING, to a pod: its normal ingress."""
    return _normal(Chain(world, host, "workload", "ingress", pod), packet, is_spared=False)


def _normal(chain: Chain, packet: Packet, *, is_spared: bool) -> Stage:
    """Normal tiers, then profiles, then drop."""
    if packet.established:
        return chain.ends("allow", "established")
    if is_spared:
        return chain.ends("allow", "failsafe")
    ruling = chain.rules_on(chain.host.attached[chain.endpoint].normal, packet)
    return chain.ruled(ruling or chain.profiles_on(packet))


def bare(
    world: World, host: Host, endpoint: Endpoint, hook: str, direction: str, packet: Packet
) -> Stage:
    """A host endpoint's chain without failsafe ports, as eBPF programs have it."""
    chain = Chain(world, host, hook, direction, endpoint)
    if packet.established:
        return chain.ends("undecided" if hook == "preDNAT" else "allow", "established")
    if hook == "normal":
        return _normal(chain, packet, is_spared=False)
    lists = host.attached[endpoint]
    ruling = chain.rules_on(lists.forward if hook == "forward" else lists.pre_dnat, packet)
    return chain.ruled(ruling) if ruling else chain.ends("undecided", "")


def _is_forbidden_encapsulation(host: Host, packet: Packet) -> bool:
    if packet.protocol == UDP and packet.dst_port == VXLAN_PORT:
        return not host.felix.get("allowVXLANPacketsFromWorkloads")
    return packet.protocol == IPIP and not host.felix.get("allowIPIPPacketsFromWorkloads")


def is_failsafe(host: Host, listing: str, protocol: int, port: int, peer: Address) -> bool:
    """Is the port in the node's inbound or outbound list, for this peer?"""
    return any(_is_entry(entry, protocol, port, peer) for entry in host.felix[listing])


def _is_entry(entry: Raw, protocol: int, port: int, peer: Address) -> bool:
    net = entry.get("net")
    return (
        protocol == protocol_number(entry["protocol"])
        and port == entry["port"]
        and (not net or peer in ip_network(net, strict=False))
    )
