"""One concrete packet, and the names of protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from service.net.headerspace import Field
from service.net.prefixes import Family, format_ip

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOL_NUMBERS: Mapping[str, int] = {
    "ICMP": 1,
    "TCP": 6,
    "UDP": 17,
    "ICMPv6": 58,
    "SCTP": 132,
    "UDPLite": 136,
}
"""The protocols that Calico knows by name."""

PORT_PROTOCOLS = frozenset({6, 17, 132})
"""The protocols whose ports a Calico rule can match: TCP, UDP and SCTP."""

_PROTOCOL_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}
_ICMP_OF = {Family.V4: PROTOCOL_NUMBERS["ICMP"], Family.V6: PROTOCOL_NUMBERS["ICMPv6"]}


def protocol_name(number: int) -> str:
    """Calico's name of a protocol, or its number as text."""
    return _PROTOCOL_NAMES.get(number, str(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One concrete packet, addresses as integers; a field that its protocol lacks is None."""

    family: Family
    protocol: int
    src: int
    dst: int
    src_port: int | None = None
    dst_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None

    @classmethod
    def from_sample(cls, family: Family, sample: Mapping[Field, int]) -> Self:
        """The packet of a `HeaderSpace.sample`, less the fields that its protocol lacks."""
        protocol = sample[Field.PROTOCOL]
        ports = protocol in PORT_PROTOCOLS
        icmp = protocol == _ICMP_OF[family]
        return cls(
            family=family,
            protocol=protocol,
            src=sample[Field.SRC],
            dst=sample[Field.DST],
            src_port=sample[Field.SRC_PORT] if ports else None,
            dst_port=sample[Field.DST_PORT] if ports else None,
            icmp_type=sample[Field.ICMP_TYPE] if icmp else None,
            icmp_code=sample[Field.ICMP_CODE] if icmp else None,
        )

    def fields(self) -> dict[Field, int]:
        """The value of each field that the packet has."""
        values = {
            Field.PROTOCOL: self.protocol,
            Field.DST_PORT: self.dst_port,
            Field.SRC_PORT: self.src_port,
            Field.ICMP_TYPE: self.icmp_type,
            Field.ICMP_CODE: self.icmp_code,
            Field.DST: self.dst,
            Field.SRC: self.src,
        }
        return {field: value for field, value in values.items() if value is not None}

    def __str__(self) -> str:
        """As in `TCP 203.0.113.9:40000 -> 10.0.0.11:30080`; IPv6 with a port stands in brackets."""
        src = self._socket(self.src, self.src_port)
        dst = self._socket(self.dst, self.dst_port)
        name = protocol_name(self.protocol)
        head = name if self.protocol in _PROTOCOL_NAMES else f"protocol {name}"
        return f"{head} {src} -> {dst}{self._icmp()}"

    def _socket(self, address: int, port: int | None) -> str:
        ip = format_ip(self.family, address)
        if port is None:
            return ip
        return f"{ip}:{port}" if self.family is Family.V4 else f"[{ip}]:{port}"

    def _icmp(self) -> str:
        if self.icmp_type is None:
            return ""
        code = "" if self.icmp_code is None else f" code {self.icmp_code}"
        return f" type {self.icmp_type}{code}"
