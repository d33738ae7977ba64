"""kube-proxy in IPVS mode: packets for Services go through INPUT and OUTPUT.

Semantics: "Other dataplanes", kube-proxy IPVS. Source: felix/rules/static.go (ForwardCheck).
"""

from tests.reference.hosts import Host
from tests.reference.packet import TCP, UDP, Packet, UndecidedError

_DEFAULT_RANGES = ["30000:32767"]


def is_taken_for_forwarded(host: Host, packet: Packet) -> bool:
    """Does Felix classify what has come to INPUT as forwarded?"""
    if packet.established:
        return False
    if not host.owns(packet.dst):
        return True
    ranges = host.felix.get("kubeNodePortRanges") or _DEFAULT_RANGES
    return packet.protocol in {TCP, UDP} and any(
        _holds(str(one), packet.dst_port) for one in ranges
    )


def _holds(text: str, port: int) -> bool:
    lo, _, hi = text.partition(":")
    return int(lo) <= port <= int(hi or lo)


def refuse_to_tell(why: str) -> None:
    """What the semantics leaves out of IPVS."""
    raise UndecidedError(f"IPVS: {why}")
