"""Packets onto the bed, and what was seen of them: by whom received, by which rule dropped."""

from __future__ import annotations

import select
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from tests.kernel.chains import LOG_GROUP
from tests.kernel.netlink import drops, forget_connections, log_reader
from tests.kernel.probes import (
    ICMP,
    ICMP6,
    IPIP,
    SCTP,
    TCP,
    UDP,
    Address,
    Probe,
    arrived,
    mark_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.kernel.bed import Bed
    from tests.kernel.namespaces import Namespace

OTHER = 253
_PROTOCOLS = {4: (ICMP, TCP, UDP, SCTP, IPIP, OTHER), 6: (ICMP6, TCP, UDP, SCTP, OTHER)}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_BUFFER = 1 << 21
_ANCILLARY = 64
"""Octets enough to tell the destination of an IPv6 packet, which comes without its header."""
_Message = tuple[bytes, list[tuple[int, int, bytes]], int, tuple[str, int]]
_QUIET_S = 0.06
_LONGEST_S = 3.0


class Arrival(NamedTuple):
    """A packet as its receiver has it; ports are 0 but for UDP."""

    place: str
    source: Address
    destination: Address
    source_port: int = 0
    port: int = 0


@dataclass(slots=True)
class Seen:
    """What became of the probes, by number."""

    received: dict[int, Arrival] = field(default_factory=dict)
    dropped: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sender:
    """Where a probe starts: in a namespace, from outside by the way in that a mark tells."""

    namespace: Namespace
    mark: int = 0


class Wire:
    """The sockets of a bed."""

    def __init__(self, bed: Bed) -> None:
        """Receivers everywhere; senders are opened when they are first needed."""
        self._bed = bed
        self._poll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, str, int]] = {}
        self._senders: dict[tuple[str, int, int], socket.socket] = {}
        for space in bed.namespaces():
            with space.entered():
                for family, protocols in _PROTOCOLS.items():
                    for protocol in protocols:
                        self._listen(space.name, family, protocol)
        for space in bed.nodes.values():
            with space.entered():
                self._register(log_reader(LOG_GROUP), space.name, 0)

    def _listen(self, place: str, family: int, protocol: int) -> None:
        one = socket.socket(_FAMILIES[family], socket.SOCK_RAW, protocol)
        one.settimeout(0)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        if family == 6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self._register(one, place, protocol)

    def _register(self, one: socket.socket, place: str, protocol: int) -> None:
        self._sockets[one.fileno()] = (one, place, protocol)
        self._poll.register(one, select.EPOLLIN)

    def close(self) -> None:
        """Close every socket."""
        for one, *_ in self._sockets.values():
            one.close()
        for sender in self._senders.values():
            sender.close()
        self._poll.close()

    def forget(self) -> None:
        """Let every node forget the connections of earlier worlds."""
        for space in self._bed.nodes.values():
            with space.entered():
                forget_connections()

    def send(self, probes: Iterable[tuple[Sender, Probe]]) -> Seen:
        """Send all, and watch until nothing more comes."""
        seen = Seen()
        for number, (sender, probe) in enumerate(probes):
            family = probe.source.version
            target = (str(probe.destination), 0)
            with suppress(PermissionError):  # a drop in OUTPUT: the log tells by which rule
                self._from(sender, family).sendto(probe.octets(), target)
            if number % 16 == 0:
                self._take(seen)
        self._watch(seen)
        return seen

    def _from(self, sender: Sender, family: int) -> socket.socket:
        key = (sender.namespace.name, sender.mark, family)
        if key not in self._senders:
            with sender.namespace.entered():
                one = socket.socket(_FAMILIES[family], socket.SOCK_RAW, socket.IPPROTO_RAW)
            if sender.mark:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, sender.mark)
            self._senders[key] = one
        return self._senders[key]

    def _watch(self, seen: Seen) -> None:
        end = time.monotonic() + _LONGEST_S
        while self._take(seen, wait_s=_QUIET_S) and time.monotonic() < end:
            pass

    def _take(self, seen: Seen, *, wait_s: float = 0) -> bool:
        """Read what is there; whether there was anything."""
        events = self._poll.poll(wait_s)
        for number, _ in events:
            one, place, protocol = self._sockets[number]
            while True:
                try:
                    message = one.recvmsg(65536, _ANCILLARY)
                except BlockingIOError:
                    break
                if protocol:
                    self._received(seen, place, protocol, message=message)
                else:
                    self._dropped(seen, place, message[0])
        return bool(events)

    def _received(self, seen: Seen, place: str, protocol: int, *, message: _Message) -> None:
        octets, ancillary, _, sender = message
        start = 0 if ancillary else (octets[0] & 15) * 4
        body = octets[start:]
        number = arrived(body, protocol)
        if number is None:
            return
        addresses = (
            (ip_address(sender[0]), ip_address(ancillary[0][2][:16]))
            if ancillary
            else (ip_address(octets[12:16]), ip_address(octets[16:20]))
        )
        ports = struct.unpack_from("!HH", body) if protocol == UDP else ()
        seen.received.setdefault(number, Arrival(place, *addresses, *ports))

    def _dropped(self, seen: Seen, place: str, octets: bytes) -> None:
        for drop in drops(octets):
            number = mark_in(drop.octets)
            if number is not None:
                seen.dropped.setdefault(number, f"{place} {drop.prefix}")
