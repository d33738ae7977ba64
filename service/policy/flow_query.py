"""The question that a trace answers: one new connection (or an established one), from where to where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from service.errors import InputError, SourceLocation
from service.net.flow import PORT_PROTOCOLS, PROTOCOL_NUMBERS
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, PrefixError, parse_ip

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from service.net.prefixes import Address

T = TypeVar("T")

CLIENT_PORTS = IntervalSet.of((1024, 65535))
"""The source ports of a client that names none: the answer then holds for all of them."""

_ICMP_ECHO_REQUEST = {Family.V4: (8, 0), Family.V6: (128, 0)}
_ICMP_OF = {PROTOCOL_NUMBERS["ICMP"]: Family.V4, PROTOCOL_NUMBERS["ICMPv6"]: Family.V6}
_PROTOCOLS = {name.lower(): number for name, number in PROTOCOL_NUMBERS.items()}
_BYTE = 255
_PORT = 65535


class FlowError(InputError):
    """A flow that is not in the trace format."""

    code = "bad-flow"
    title = "The flow cannot be used"


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


class _Need(Enum):
    REQUIRED = "required"
    OPTIONAL = "optional"


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
    flow = _Fields.of(raw, "", known=_FIELDS)
    source = _source(flow)
    destination = _destination(flow)
    protocol = _protocol(flow)
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
        established=flow.value("established", bool, _Need.OPTIONAL) or False,
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """Typed access to a mapping; JSON null reads as absent, what is not known is refused."""

    raw: Mapping[str, object]
    pointer: str

    @classmethod
    def of(cls, raw: object, pointer: str, *, known: Collection[str]) -> _Fields:
        if not isinstance(raw, dict):
            place = SourceLocation(pointer=pointer)
            raise FlowError(f"an object is needed, not {_word(raw)}", location=place)
        fields = cls(raw, pointer)
        for name in raw:
            if name not in known:
                raise fields.error(str(name), f"is no field here: {', '.join(sorted(known))}")
        return fields

    def error(self, name: str, detail: str) -> FlowError:
        pointer = f"{self.pointer}/{name}" if name else self.pointer
        place = SourceLocation(pointer=pointer)
        return FlowError(f"{name} {detail}" if name else detail, location=place)

    def value(self, name: str, kind: type[T], need: _Need = _Need.REQUIRED) -> T | None:
        found = self.raw.get(name)
        if found is None:
            if need is _Need.REQUIRED:
                raise self.error(name, "is missing")
            return None
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise self.error(name, f"is {_word(found)}, not {_KIND_WORDS[kind]}")
        return found

    def text(self, name: str) -> str:
        found = self.value(name, str) or ""
        if not found:
            raise self.error(name, "is empty")
        return found

    def number(self, name: str, ends: tuple[int, int], need: _Need) -> int | None:
        found = self.value(name, int, need)
        if found is not None and not ends[0] <= found <= ends[1]:
            raise self.error(name, f"is {found}, beyond {ends[0]} to {ends[1]}")
        return found

    def inner(self, name: str, known: Collection[str]) -> _Fields:
        if self.raw.get(name) is None:
            raise self.error(name, "is missing")
        return _Fields.of(self.raw[name], f"{self.pointer}/{name}", known=known)


_KIND_WORDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a fraction",
}


def _word(value: object) -> str:
    return "null" if value is None else _KIND_WORDS.get(type(value), type(value).__name__)


def _source(flow: _Fields) -> Source:
    peer = flow.inner("from", ("ip", "node", "pod"))
    _only_one_of(peer, ("ip", "node", "pod"))
    return _peer(peer)


def _destination(flow: _Fields) -> Destination:
    peer = flow.inner("to", ("ip", "node", "pod", "service", "as"))
    _only_one_of(peer, ("ip", "node", "pod", "service"))
    written = peer.value("as", str, _Need.OPTIONAL)
    if peer.raw.get("service") is None:
        if written is not None:
            raise peer.error("as", "belongs to a service")
        return _peer(peer)
    if written is not None and written not in set(Access):
        raise peer.error("as", f"is {written!r}, none of {', '.join(Access)}")
    namespace, name = _namespaced(peer, "service")
    return ServicePeer(namespace, name, Access(written or Access.CLUSTER_IP))


def _only_one_of(peer: _Fields, names: tuple[str, ...]) -> None:
    if sum(peer.raw.get(name) is not None for name in names) != 1:
        raise peer.error("", f"exactly one of {', '.join(names)} is needed")


def _peer(peer: _Fields) -> Source:
    if peer.raw.get("ip") is not None:
        return IpPeer(_address(peer, "ip"))
    if peer.raw.get("node") is not None:
        return NodePeer(peer.text("node"))
    namespace, name = _namespaced(peer, "pod")
    return PodPeer(namespace, name)


def _address(fields: _Fields, name: str) -> Address:
    try:
        return parse_ip(fields.text(name))
    except PrefixError as error:
        raise fields.error(name, f"is no address: {error}") from error


def _namespaced(fields: _Fields, name: str) -> tuple[str, str]:
    namespace, slash, own = fields.text(name).partition("/")
    if not (namespace and slash and own) or "/" in own:
        raise fields.error(name, "is written namespace/name")
    return namespace, own


def _protocol(flow: _Fields) -> int:
    written = flow.raw.get("protocol")
    if isinstance(written, str):
        if written.lower() in _PROTOCOLS:
            return _PROTOCOLS[written.lower()]
        if not (written.isascii() and written.isdigit()) or len(written) > len(str(_BYTE)):
            raise flow.error("protocol", f"is {written!r}: a number or {_known_protocols()}")
        written = int(written)
    if written is None or isinstance(written, bool) or not isinstance(written, int):
        raise flow.error("protocol", f"is {_word(written)}: a number or {_known_protocols()}")
    if not 1 <= written <= _BYTE:
        raise flow.error("protocol", f"is {written}, beyond 1 to {_BYTE}")
    return written


def _known_protocols() -> str:
    return ", ".join(PROTOCOL_NUMBERS)


def _family(flow: _Fields, peers: tuple[Source, Destination], protocol: int) -> Family:
    """The family of the addresses and of the protocol, which must agree; IPv4 where nothing tells."""
    named = flow.value("family", int, _Need.OPTIONAL)
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


def _port(flow: _Fields, protocol: int) -> int | None:
    need = _Need.REQUIRED if protocol in PORT_PROTOCOLS else _Need.OPTIONAL
    port = flow.number("port", (1, _PORT), need)
    if port is not None and protocol not in PORT_PROTOCOLS:
        raise flow.error("port", "belongs to TCP, UDP and SCTP")
    return port


def _src_ports(flow: _Fields, protocol: int) -> IntervalSet:
    port = flow.number("src_port", (1, _PORT), _Need.OPTIONAL)
    if port is not None and protocol not in PORT_PROTOCOLS:
        raise flow.error("src_port", "belongs to TCP, UDP and SCTP")
    return CLIENT_PORTS if port is None else IntervalSet.single(port)


def _icmp(flow: _Fields, protocol: int, family: Family) -> tuple[int, int] | None:
    """The ICMP type and code: those of an echo request where the flow does not say."""
    if flow.raw.get("icmp") is None:
        return _ICMP_ECHO_REQUEST[family] if protocol in _ICMP_OF else None
    if protocol not in _ICMP_OF:
        raise flow.error("icmp", "belongs to ICMP and ICMPv6")
    icmp = flow.inner("icmp", ("type", "code"))
    kind = icmp.number("type", (0, _BYTE), _Need.REQUIRED) or 0
    return kind, icmp.number("code", (0, _BYTE), _Need.OPTIONAL) or 0


def _via(flow: _Fields) -> Via | None:
    if flow.raw.get("via") is None:
        return None
    via = flow.inner("via", ("node", "interface"))
    interface = via.text("interface") if via.raw.get("interface") is not None else ""
    return Via(via.text("node"), interface)
