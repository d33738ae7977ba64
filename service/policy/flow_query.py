"""The question that a trace answers: one new connection (or an established one), from where to where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from service.net.flow import PORT_PROTOCOLS, PROTOCOL_NUMBERS
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.flow_fields import (
    BYTE,
    PORT,
    Fields,
    FlowError,
    Need,
    address,
    namespaced,
    protocol_number,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.net.prefixes import Address

__all__ = ["FlowError", "FlowQuery", "parse_flow"]

CLIENT_PORTS = IntervalSet.of((1024, 65535))
"""The source ports of a client that names none: the answer then holds for all of them."""

_ICMP_ECHO_REQUEST = {Family.V4: (8, 0), Family.V6: (128, 0)}
_ICMP_OF = {PROTOCOL_NUMBERS["ICMP"]: Family.V4, PROTOCOL_NUMBERS["ICMPv6"]: Family.V6}


class Access(StrEnum):
    """By which of its addresses a Service is called (the words of the trace format)."""

    CLUSTER_IP = "clusterIP"
    NODE_PORT = "nodePort"
    LOAD_BALANCER = "loadBalancer"
    EXTERNAL_IP = "externalIP"


@dataclass(frozen=True, slots=True)
class IpPeer:
    """An address, be it of whatever has it."""

    address: Address


@dataclass(frozen=True, slots=True)
class NodePeer:
    """A process of a node."""

    name: str


@dataclass(frozen=True, slots=True)
class PodPeer:
    """A pod."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class ServicePeer:
    """A Service, called by one of its addresses."""

    namespace: str
    name: str
    access: Access = Access.CLUSTER_IP


Source: TypeAlias = IpPeer | NodePeer | PodPeer
Destination: TypeAlias = IpPeer | NodePeer | PodPeer | ServicePeer


@dataclass(frozen=True, slots=True)
class Via:
    """Where the packet enters the cluster; ``interface`` is "" where the flow does not say."""

    node: str
    interface: str = ""


@dataclass(frozen=True, slots=True)
class FlowQuery:
    """A flow as it was understood. ``port`` is None for a protocol without ports, ``icmp`` for all others.

    ``src_ports`` are those that the source may use. ``raw`` is the flow as it was given.
    """

    source: Source
    destination: Destination
    protocol: int
    family: Family
    raw: Mapping[str, object]
    port: int | None = None
    src_ports: IntervalSet = CLIENT_PORTS
    icmp: tuple[int, int] | None = None
    via: Via | None = None
    established: bool = False

    def to_json(self) -> dict[str, object]:
        """The flow as it was given, with the family and the state that were understood."""
        return {**self.raw, "family": int(self.family), "established": self.established}


_FIELDS = frozenset(
    {
        "from",
        "to",
        "protocol",
        "port",
        "src_port",
        "icmp",
        "family",
        "via",
        "established",
    }
)


def parse_flow(raw: object) -> FlowQuery:
    """The flow in a JSON value of the trace format.

    Raises: FlowError with the JSON pointer of what is wrong.
    """
    flow = Fields.of(raw, "", known=_FIELDS)
    source = _source(flow)
    destination = _destination(flow)
    protocol = protocol_number(flow, flow.raw.get("protocol"))
    family = _family(flow, (source, destination), protocol)
    return FlowQuery(
        source=source,
        destination=destination,
        protocol=protocol,
        family=family,
        raw=flow.raw,
        port=_port(flow, protocol),
        src_ports=_src_ports(flow, protocol),
        icmp=_icmp(flow, protocol, family),
        via=_via(flow),
        established=flow.value("established", bool, Need.OPTIONAL) or False,
    )


def _source(flow: Fields) -> Source:
    peer = flow.inner("from", ("ip", "node", "pod"))
    _only_one_of(peer, ("ip", "node", "pod"))
    return _peer(peer)


def _destination(flow: Fields) -> Destination:
    peer = flow.inner("to", ("ip", "node", "pod", "service", "as"))
    _only_one_of(peer, ("ip", "node", "pod", "service"))
    written = peer.value("as", str, Need.OPTIONAL)
    if peer.raw.get("service") is None:
        if written is not None:
            raise peer.error("as", "belongs to a service")
        return _peer(peer)
    if written is not None and written not in set(Access):
        raise peer.error("as", f"is {written!r}, none of {', '.join(Access)}")
    namespace, name = namespaced(peer, "service")
    return ServicePeer(namespace, name, Access(written or Access.CLUSTER_IP))


def _only_one_of(peer: Fields, names: tuple[str, ...]) -> None:
    if sum(peer.raw.get(name) is not None for name in names) != 1:
        raise peer.error("", f"exactly one of {', '.join(names)} is needed")


def _peer(peer: Fields) -> Source:
    if peer.raw.get("ip") is not None:
        return IpPeer(address(peer, "ip"))
    if peer.raw.get("node") is not None:
        return NodePeer(peer.text("node"))
    namespace, name = namespaced(peer, "pod")
    return PodPeer(namespace, name)


def _family(flow: Fields, peers: tuple[Source, Destination], protocol: int) -> Family:
    """The family of the addresses and of the protocol, which must agree; IPv4 where nothing tells."""
    named = flow.value("family", int, Need.OPTIONAL)
    if named is not None and named not in set(Family):
        raise flow.error("family", f"is {named}, neither 4 nor 6")
    told = [peer.address[0] for peer in peers if isinstance(peer, IpPeer)]
    if protocol in _ICMP_OF:
        told.append(_ICMP_OF[protocol])
    if named is not None:
        told.append(Family(named))
    if len(set(told)) > 1:
        raise flow.error("family", "is not one: the addresses and the protocol disagree")
    return told[0] if told else Family.V4


def _port(flow: Fields, protocol: int) -> int | None:
    need = Need.REQUIRED if protocol in PORT_PROTOCOLS else Need.OPTIONAL
    port = flow.number("port", (1, PORT), need)
    if port is not None and protocol not in PORT_PROTOCOLS:
        raise flow.error("port", "belongs to TCP, UDP and SCTP")
    return port


def _src_ports(flow: Fields, protocol: int) -> IntervalSet:
    port = flow.number("src_port", (1, PORT), Need.OPTIONAL)
    if port is not None and protocol not in PORT_PROTOCOLS:
        raise flow.error("src_port", "belongs to TCP, UDP and SCTP")
    return CLIENT_PORTS if port is None else IntervalSet.single(port)


def _icmp(flow: Fields, protocol: int, family: Family) -> tuple[int, int] | None:
    """The ICMP type and code: those of an echo request where the flow does not say."""
    if flow.raw.get("icmp") is None:
        return _ICMP_ECHO_REQUEST[family] if protocol in _ICMP_OF else None
    if protocol not in _ICMP_OF:
        raise flow.error("icmp", "belongs to ICMP and ICMPv6")
    icmp = flow.inner("icmp", ("type", "code"))
    kind = icmp.number("type", (0, BYTE), Need.REQUIRED) or 0
    return kind, icmp.number("code", (0, BYTE), Need.OPTIONAL) or 0


def _via(flow: Fields) -> Via | None:
    if flow.raw.get("via") is None:
        return None
    via = flow.inner("via", ("node", "interface"))
    interface = via.text("interface") if via.raw.get("interface") is not None else ""
    return Via(via.text("node"), interface)
