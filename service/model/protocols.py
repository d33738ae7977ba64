"""Protocols and ports in the "number or string" form of Calico's API.

Source: Calico api/pkg/lib/numorstring (what decodes), validator/v3 and typha validator/v1 (what is refused).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from service.model.blanks import invisible
from service.model.document import API_SERVER
from service.model.meta import Layer
from service.model.rule import Port

if TYPE_CHECKING:
    from service.model.document import Document, Reader

TCP, UDP, SCTP = 6, 17, 132
ICMP, ICMPV6 = 1, 58
PORTED = frozenset({TCP, UDP, SCTP})
"""The protocols for which Calico takes ports; UDPLite has ports too, and is not among them."""
NAMES = {"ICMP": ICMP, "TCP": TCP, "UDP": UDP, "ICMPv6": ICMPV6, "SCTP": SCTP, "UDPLite": 136}
MAX_PORT = 0xFFFF

_ANY_CASE = {name.lower(): name for name in NAMES}
_MAX_PROTOCOL = 0xFF
_MAX_PORTS = 50
_RANGE = re.compile(r"([0-9]+):([0-9]+)")
_DECODABLE_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")


def read_protocol(document: Document, reader: Reader, key: str) -> int | None:
    """The number of the protocol in *key*; None where absent, or where nothing can be made of it."""
    value = reader.value(key)
    at = reader.at(key)
    match value:
        case None:
            return None
        case bool():
            document.wrong_type(value, "a protocol's name or number", at=at)
            return None
        case int():
            return _numbered(document, value, at)
        case str():
            return _named(document, value, at)
        case _:
            document.wrong_type(value, "a protocol's name or number", at=at)
            return None


def read_ports(document: Document, reader: Reader, key: str) -> tuple[Port, ...]:
    """The ports of the list *key*; empty where absent. What does not decode is left out."""
    entries = reader.entries(key)
    if len(entries) > _MAX_PORTS:
        message = f"{len(entries)} ports, at most {_MAX_PORTS} are allowed"
        document.problem(Layer.SCHEMA, message, at=reader.at(key))
    ports = (
        read_port(document, entry, at=f"{reader.at(key)}/{index}")
        for index, entry in enumerate(entries)
    )
    return tuple(port for port in ports if port is not None)


def read_port(document: Document, value: object, *, at: str) -> Port | None:
    """The port, range or named port that *value* stands for; None where it does not decode."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        document.wrong_type(value, "a port number, a range or a name", at=at)
        return None
    if isinstance(value, int):
        return _range(document, (value, value), at)
    if value.isascii() and value.isdigit():
        return _range(document, (_bounded(value), _bounded(value)), at)
    ends = _RANGE.fullmatch(value)
    if ends is not None:
        return _range(document, (_bounded(ends[1]), _bounded(ends[2])), at)
    if not _DECODABLE_NAME.fullmatch(value):
        document.undecodable(
            f"{value!r} is no port, range or port name", at=at, hint=invisible(value)
        )
        return None
    if not is_port_name(value):
        hint = f'a range is written "{value.replace("-", ":")}"' if _is_dashed(value) else ""
        document.discarded(f"{value!r} is no valid port name", at=at, hint=hint)
    return Port(name=value)


def is_port_name(text: str) -> bool:
    """Whether *text* is a name that Kubernetes takes for a port."""
    return _PORT_NAME.fullmatch(text) is not None


def _numbered(document: Document, number: int, at: str) -> int | None:
    if not 0 <= number <= _MAX_PROTOCOL:
        document.undecodable(f"{number} is no protocol number (1 to 255)", at=at)
        return None
    if number == 0:
        document.discarded("0 is no protocol number (1 to 255)", at=at)
    return number


def _named(document: Document, name: str, at: str) -> int | None:
    if name.isascii() and name.isdigit() and _bounded(name) <= _MAX_PROTOCOL:
        return _numbered(document, int(name), at)
    if name in NAMES:
        return NAMES[name]
    proper = _ANY_CASE.get(name.lower())
    if proper is None:
        known = ", ".join(NAMES)
        document.discarded(f"{name!r} is no protocol: {known} or 1 to 255", at=at)
        return None
    message = f"the protocol {name!r} is not in its exact case (Felix itself takes it)"
    document.problem(Layer.VALIDATOR, message, at=at, hint=f'write "{proper}"')
    return NAMES[proper]


def _range(document: Document, ends: tuple[int, int], at: str) -> Port | None:
    lo, hi = ends
    if not 0 <= lo <= MAX_PORT or not 0 <= hi <= MAX_PORT:
        document.undecodable(f"{_shown(lo, hi)} is beyond the ports 1 to 65535", at=at)
        return None
    if lo > hi:
        document.undecodable(f"the port range {lo}:{hi} ends before it starts", at=at)
        return None
    if lo == 0:
        document.discarded("port 0 does not exist: ports are 1 to 65535", at=at)
    return Port(lo, hi)


def _bounded(digits: str) -> int:
    """The number, or one that is surely too large: int() refuses thousands of digits."""
    return int(digits) if len(digits) < 20 else MAX_PORT + 1  # noqa: PLR2004 - enough for leading zeros


def _shown(lo: int, hi: int) -> str:
    return str(lo) if lo == hi else f"{lo}:{hi}"


def _is_dashed(text: str) -> bool:
    first, dash, last = text.partition("-")
    return bool(dash) and first.isdigit() and last.isdigit()


def read_transport(document: Document, reader: Reader, key: str) -> int:
    """The number of a Kubernetes port's protocol; TCP where absent, which is a default on record."""
    name = reader.string(key)
    if not name:
        document.default(reader.at(key), "TCP", API_SERVER)
        return TCP
    if NAMES.get(name) not in PORTED:
        message = f"{name!r} is no protocol of a port: TCP, UDP or SCTP"
        document.problem(Layer.SCHEMA, message, at=reader.at(key))
        return TCP
    return NAMES[name]
