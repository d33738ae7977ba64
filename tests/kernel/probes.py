"""Packets made by hand, each with a mark by which its first arrival is known."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address
ICMP, IPIP, TCP, UDP, ICMP6, SCTP = 1, 4, 6, 17, 58, 132
_MAGIC = b"Nodeward"
_MARK = struct.Struct("!8sII")
_BEFORE = {ICMP: 8, TCP: 20, UDP: 8, ICMP6: 8, SCTP: 36}
"""Octets of the transport's header; for SCTP also those of an INIT and of its parameter."""
_HOPS = 61
_VXLAN = struct.pack("!H", 4789)
_IN_VXLAN = 8 + 8 + 14
"""Headers of UDP, VXLAN and Ethernet before the packet inside."""
_SYN = 0x02


@dataclass(frozen=True, slots=True)
class Probe:
    """The first packet of a connection, known by `number`."""

    number: int
    source: Address
    destination: Address
    protocol: int
    source_port: int = 0
    port: int = 0
    icmp: tuple[int, int] = (8, 0)

    def octets(self) -> bytes:
        """The whole packet with its IP header, checksums in place."""
        mark = _MARK.pack(_MAGIC, self.number, self.icmp[0])
        body = self._transport(mark)
        if self.source.version == 4:
            # The kernel fills in length, identification and checksum.
            head = struct.pack(
                "!BBHHHBBH4s4s",
                0x45,
                0,
                0,
                0,
                0,
                _HOPS,
                self.protocol,
                0,
                self.source.packed,
                self.destination.packed,
            )
        else:
            head = struct.pack("!IHBB", 6 << 28, len(body), self.protocol, _HOPS)
            head += self.source.packed + self.destination.packed
        return head + body

    def _transport(self, mark: bytes) -> bytes:
        ports = struct.pack("!HH", self.source_port, self.port)
        if self.protocol == TCP:
            body = ports + struct.pack("!IIBBHHH", self.number, 0, 0x50, _SYN, 64000, 0, 0) + mark
            return self._summed(body, at=16)
        if self.protocol == UDP:
            body = ports + struct.pack("!HH", 8 + len(mark), 0) + mark
            return self._summed(body, at=6)
        if self.protocol in {ICMP, ICMP6}:
            body = struct.pack("!BBHHH", *self.icmp, 0, self.number & 0xFFFF, 1) + mark
            return self._summed(body, at=2, pseudo=self.protocol == ICMP6)
        if self.protocol == SCTP:
            return self._sctp(ports, mark)
        return mark

    def _summed(self, body: bytes, *, at: int, pseudo: bool = True) -> bytes:
        head = b""
        if pseudo:
            addresses = self.source.packed + self.destination.packed
            head = addresses + struct.pack("!II", len(body), self.protocol)
        total = checksum(head + body) or 0xFFFF
        return body[:at] + struct.pack("!H", total) + body[at + 2 :]

    def _sctp(self, ports: bytes, mark: bytes) -> bytes:
        """An INIT; the mark is a parameter that receivers skip."""
        parameter = struct.pack("!HH", 0x8123, 4 + len(mark)) + mark
        values = struct.pack("!IIHHI", self.number + 1, 65536, 1, 1, self.number)
        chunk = struct.pack("!BBH", 1, 0, 4 + len(values) + len(parameter)) + values + parameter
        total = struct.pack("<I", crc32c(ports + bytes(8) + chunk))
        return ports + bytes(4) + total + chunk


def arrived(octets: bytes, protocol: int) -> int | None:
    """The number of the probe that a transport's packet is; None if it is another, or speaks of one."""
    start = _BEFORE.get(protocol, 0)
    if len(octets) < start + _MARK.size:
        return None
    magic, number, kind = _MARK.unpack_from(octets, start)
    if magic != _MAGIC or (protocol in {ICMP, ICMP6} and octets[0] != kind):
        return None
    return int(number)


def mark_in(octets: bytes) -> int | None:
    """The number of the probe that an IP packet is or, in VXLAN, carries; None if there is none."""
    if octets[0] >> 4 == 4:
        protocol, start = octets[9], (octets[0] & 15) * 4
    else:
        protocol, start = octets[6], 40
    body = octets[start:]
    number = arrived(body, protocol)
    if number is None and protocol == UDP and body[2:4] == _VXLAN and len(body) > _IN_VXLAN:
        return mark_in(body[_IN_VXLAN:])
    return number


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = octets + b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc32c(octets: bytes) -> int:
    """The checksum of SCTP (RFC 9260, appendix A)."""
    value = 0xFFFFFFFF
    for octet in octets:
        value ^= octet
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
