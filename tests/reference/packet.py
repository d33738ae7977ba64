"""What walks the path (a packet), what is noted on the way (stages), and how a walk ends."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

ICMP, IPIP, TCP, UDP, ICMP6, SCTP, UDPLITE = 1, 4, 6, 17, 58, 132, 136
PROTOCOLS = {
    "icmp": ICMP,
    "tcp": TCP,
    "udp": UDP,
    "icmpv6": ICMP6,
    "sctp": SCTP,
    "udplite": UDPLITE,
}
WITH_PORTS = {TCP, UDP, SCTP}
_NEIGHBOUR_DISCOVERY = {130, 131, 132, 133, 135, 136}


def protocol_number(value: str | int) -> int:
    """The number of a protocol name of any case, or of a number in either spelling."""
    text = str(value).lower()
    return PROTOCOLS[text] if text in PROTOCOLS else int(text)


@dataclass(frozen=True, slots=True)
class Packet:
    """A connection's first packet, or with `established` a later one; ports 0 where none."""

    src: Address
    dst: Address
    protocol: int
    src_port: int = 0
    dst_port: int = 0
    icmp: tuple[int, int] | None = None
    established: bool = False

    @property
    def family(self) -> int:
        return self.src.version


def is_neighbour_discovery(packet: Packet) -> bool:
    """Is it ICMPv6 that a pod needs to find its neighbours?"""
    return (
        packet.protocol == ICMP6
        and packet.icmp is not None
        and packet.icmp[0] in _NEIGHBOUR_DISCOVERY
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """One station of the walk, in the words of the trace format."""

    node: str
    hook: str
    direction: str
    verdict: str
    endpoint: str = ""
    tier: str = ""
    policy: str = ""
    rule: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: disposition, every station in order, and why it is unknown where it is."""

    disposition: str
    stages: tuple[Stage, ...] = ()
    unknown: str = ""

    @property
    def decided_by(self) -> Stage | None:
        """The last station that allowed or denied; None where nothing polices the path."""
        deciding = [stage for stage in self.stages if stage.verdict in {"allow", "deny"}]
        return deciding[-1] if deciding else None


class DroppedError(Exception):
    """The packet ends here; the last noted stage says why."""


class UndecidedError(Exception):
    """The semantics do not decide this flow, or the objects do not tell enough."""
