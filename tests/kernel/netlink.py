"""The two things that are asked of netfilter itself: forget all connections, and tell of drops."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_NETFILTER = 12
_REQUEST_ACK = 0x5
_HEADER = struct.Struct("=IHHII")
_GENERIC = struct.Struct("!BBH")
_ATTRIBUTE = struct.Struct("=HH")
_CONNTRACK_DELETE = (1 << 8) | 2
_LOG_PACKET = (4 << 8) | 0
_LOG_CONFIG = (4 << 8) | 1
_COMMAND, _MODE, _THRESHOLD = 1, 2, 5
_BIND = 1
_COPY_PACKET = 2
_PAYLOAD, _PREFIX = 9, 10


class Drop(NamedTuple):
    """A packet that a rule has logged, and the rule's prefix."""

    prefix: str
    octets: bytes


def forget_connections() -> None:
    """Empty the connection tracking table of the namespace that is entered."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as channel:
        _ask(channel, _CONNTRACK_DELETE, 0, b"")


def log_reader(group: int) -> socket.socket:
    """A socket that gets whatever rules log to *group* in the namespace that is entered."""
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    _ask(channel, _LOG_CONFIG, group, _attribute(_COMMAND, struct.pack("!B", _BIND)))
    mode = struct.pack("!IBx", 0xFFFF, _COPY_PACKET)
    threshold = _attribute(_THRESHOLD, struct.pack("!I", 1))
    _ask(channel, _LOG_CONFIG, group, _attribute(_MODE, mode) + threshold)
    channel.settimeout(0)
    return channel


def drops(octets: bytes) -> Iterator[Drop]:
    """The packets that a datagram of the kernel tells of."""
    at = 0
    while at + _HEADER.size <= len(octets):
        length, kind, *_ = _HEADER.unpack_from(octets, at)
        if kind == _LOG_PACKET:
            found = dict(_attributes(octets[at + _HEADER.size + _GENERIC.size : at + length]))
            prefix = found.get(_PREFIX, b"").rstrip(b"\0").decode()
            yield Drop(prefix, found.get(_PAYLOAD, b""))
        at += (length + 3) & ~3


def _attributes(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(octets):
        length, kind = _ATTRIBUTE.unpack_from(octets, at)
        yield kind & 0x3FFF, octets[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (-length % 4)


def _ask(channel: socket.socket, kind: int, resource: int, body: bytes) -> None:
    """Send a request and wait until the kernel has confirmed it."""
    generic = _GENERIC.pack(0, 0, resource)
    length = _HEADER.size + len(generic) + len(body)
    channel.send(_HEADER.pack(length, kind, _REQUEST_ACK, 1, 0) + generic + body)
    answer = channel.recv(65536)
    (error,) = struct.unpack_from("=i", answer, _HEADER.size)
    if error:
        raise OSError(-error, f"netfilter refuses request {kind:#x}")
