"""The question that reach answers: which flows, of the ones it leaves open, get through.

The fields are those of the trace format, and each of them may have several values, or none for any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from service.net.flow import PORT_PROTOCOLS, PROTOCOL_NUMBERS
from service.net.headerspace import Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, Prefix, PrefixError, parse_network
from service.policy.flow_fields import BYTE, PORT, Fields, Need, protocol_number, word
from service.policy.flow_query import CLIENT_PORTS, Access, ServicePeer, Via

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ANY = "*"
_ICMP_OF = {Family.V4: PROTOCOL_NUMBERS["ICMP"], Family.V6: PROTOCOL_NUMBERS["ICMPv6"]}
_FOREIGN_ICMP = {Family.V4: PROTOCOL_NUMBERS["ICMPv6"], Family.V6: PROTOCOL_NUMBERS["ICMP"]}
_DIGITS = 5
_ANY_PROTOCOL = IntervalSet.of((1, BYTE))
_ANY_PORT = IntervalSet.of((1, PORT))
_ANY_BYTE = IntervalSet.of((0, BYTE))
_FIELDS = frozenset(
    {"from", "to", "protocol", "port", "src_port", "icmp", "family", "via", "established"}
)
_PEERS = ("ip", "node", "pod", "outside")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Whatever has an address of a network."""

    net: Prefix


@dataclass(frozen=True, slots=True)
class Nodes:
    """The processes of a node, or of every node."""

    name: str = ANY

    def means(self, name: str) -> bool:
        """Whether the node of that name is one of them."""
        return self.name in {ANY, name}


@dataclass(frozen=True, slots=True)
class PodsNamed:
    """A pod, the pods of a namespace, or every pod."""

    namespace: str = ANY
    name: str = ANY

    def means(self, namespace: str, name: str) -> bool:
        """Whether the pod of that name is one of them."""
        return self.namespace in {ANY, namespace} and self.name in {ANY, name}


@dataclass(frozen=True, slots=True)
class Outside:
    """Every address that is no node's and no pod's."""


Peer: TypeAlias = Addresses | Nodes | PodsNamed | Outside
Target: TypeAlias = Peer | ServicePeer


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was understood; () is anybody and anything.

    ``ports`` are those of protocols that have some, and None where the question names none; ``icmp`` are
    the types and codes. ``raw`` is the question as it was given.
    """

    raw: Mapping[str, object]
    sources: tuple[Peer, ...] = ()
    destinations: tuple[Target, ...] = ()
    families: tuple[Family, ...] = tuple(Family)
    protocols: IntervalSet = _ANY_PROTOCOL
    ports: IntervalSet | None = None
    src_ports: IntervalSet | None = None
    icmp: tuple[IntervalSet, IntervalSet] | None = None
    via: Via | None = None
    established: bool = False

    def packets(self, family: Family) -> HeaderSpace:
        """The packets of *family* that the question means, of any source and destination.

        ICMP of the other family is in no network, and in no question.
        """
        with_ports = IntervalSet.of(*((one, one) for one in PORT_PROTOCOLS))
        icmp = IntervalSet.single(_ICMP_OF[family])
        bare = _ANY_PROTOCOL - with_ports - icmp - IntervalSet.single(_FOREIGN_ICMP[family])
        spaces = [self._ports_of(family, with_ports & self.protocols)]
        if self.ports is None:
            kind, code = self.icmp or (_ANY_BYTE, _ANY_BYTE)
            fields = {
                Field.PROTOCOL: icmp & self.protocols,
                Field.ICMP_TYPE: kind,
                Field.ICMP_CODE: code,
            }
            spaces.append(HeaderSpace.box(family, fields))
        if self.ports is None and self.icmp is None:
            spaces.append(HeaderSpace.box(family, {Field.PROTOCOL: bare & self.protocols}))
        return HeaderSpace.union_all(family, spaces)

    def _ports_of(self, family: Family, protocols: IntervalSet) -> HeaderSpace:
        if self.icmp is not None:
            return HeaderSpace.nothing(family)
        fields = {
            Field.PROTOCOL: protocols,
            Field.DST_PORT: _ANY_PORT if self.ports is None else self.ports,
            Field.SRC_PORT: CLIENT_PORTS if self.src_ports is None else self.src_ports,
        }
        return HeaderSpace.box(family, fields)


def parse_question(raw: object) -> Question:
    """The question in a JSON value.

    Raises: FlowError with the JSON pointer of what is wrong.
    """
    fields = Fields.of(raw, "", known=_FIELDS)
    question = Question(
        raw=fields.raw,
        sources=tuple(_sources(fields)),
        destinations=tuple(_destinations(fields)),
        families=_families(fields),
        protocols=_protocols(fields),
        ports=_numbers(fields, "port", _ANY_PORT),
        src_ports=_numbers(fields, "src_port", _ANY_PORT),
        icmp=_icmp(fields),
        via=_via(fields),
        established=fields.value("established", bool, Need.OPTIONAL) or False,
    )
    if not any(question.packets(family) for family in question.families):
        raise fields.error("", "no packet has such a protocol, port or ICMP type")
    return question


def _sources(fields: Fields) -> Iterator[Peer]:
    for peer in _objects(fields, "from", _PEERS):
        yield from _peer(peer, _PEERS)


def _destinations(fields: Fields) -> Iterator[Target]:
    for peer in _objects(fields, "to", (*_PEERS, "service", "as")):
        if peer.raw.get("service") is None:
            if peer.raw.get("as") is not None:
                raise peer.error("as", "belongs to a service")
            yield from _peer(peer, (*_PEERS, "service"))
        else:
            yield from _services(peer)


def _objects(fields: Fields, name: str, known: Collection[str]) -> Iterator[Fields]:
    """The object in a field, or each of the list there."""
    written = fields.raw.get(name)
    if isinstance(written, list):
        for index, one in enumerate(written):
            yield Fields.of(one, f"{fields.pointer}/{name}/{index}", known=known)
    elif written is not None:
        yield fields.inner(name, known)


def _texts(fields: Fields, name: str) -> Iterator[str]:
    """The text in a field, or each of the list there."""
    for one in _values(fields, name):
        if not isinstance(one, str) or not one:
            raise fields.error(name, f"is {word(one)}, not text, or a list of texts")
        yield one


def _values(fields: Fields, name: str) -> tuple[object, ...]:
    written = fields.raw.get(name)
    if isinstance(written, list):
        return tuple(written)
    return () if written is None else (written,)


def _peer(peer: Fields, kinds: Collection[str]) -> Iterator[Peer]:
    if sum(peer.raw.get(name) is not None for name in kinds) != 1:
        raise peer.error("", f"exactly one of {', '.join(kinds)} is needed")
    if peer.value("outside", bool, Need.OPTIONAL) is not None:
        yield Outside()
    for text in _texts(peer, "ip"):
        yield Addresses(_network(peer, text))
    for text in _texts(peer, "node"):
        yield Nodes(text)
    for text in _texts(peer, "pod"):
        yield PodsNamed(*_namespaced(peer, "pod", text))


def _services(peer: Fields) -> Iterator[ServicePeer]:
    if any(peer.raw.get(name) is not None for name in _PEERS):
        raise peer.error("", f"exactly one of {', '.join((*_PEERS, 'service'))} is needed")
    written = peer.value("as", str, Need.OPTIONAL)
    if written is not None and written not in set(Access):
        raise peer.error("as", f"is {written!r}, none of {', '.join(Access)}")
    for text in _texts(peer, "service"):
        namespace, name = _namespaced(peer, "service", text)
        yield ServicePeer(namespace, name, Access(written or Access.CLUSTER_IP))


def _network(peer: Fields, text: str) -> Prefix:
    try:
        return parse_network(text)
    except PrefixError as error:
        raise peer.error("ip", f"is no address and no CIDR: {error}") from error


def _namespaced(peer: Fields, name: str, text: str) -> tuple[str, str]:
    if text == ANY and name == "pod":
        return ANY, ANY
    namespace, slash, own = text.partition("/")
    if not (namespace and slash and own) or "/" in own:
        raise peer.error(name, "is written namespace/name")
    return namespace, own


def _families(fields: Fields) -> tuple[Family, ...]:
    named = fields.value("family", int, Need.OPTIONAL)
    if named is None:
        return tuple(Family)
    if named not in set(Family):
        raise fields.error("family", f"is {named}, neither 4 nor 6")
    return (Family(named),)


def _protocols(fields: Fields) -> IntervalSet:
    numbers = [protocol_number(fields, one) for one in _values(fields, "protocol")]
    if not numbers:
        return _ANY_PROTOCOL
    return IntervalSet.of(*((number, number) for number in numbers))


def _numbers(fields: Fields, name: str, ends: IntervalSet) -> IntervalSet | None:
    """The numbers in a field: each a number, or the text of a range such as ``80-90``; None for none."""
    written = _values(fields, name)
    if not written:
        return None
    found = IntervalSet.of(*(_range(fields, name, one) for one in written))
    if not found <= ends:
        lo, hi = ends.ranges[0]
        raise fields.error(name, f"is {found}, beyond {lo} to {hi}")
    return found


def _range(fields: Fields, name: str, written: object) -> tuple[int, int]:
    if isinstance(written, int) and not isinstance(written, bool):
        return written, written
    if isinstance(written, str):
        lo, dash, hi = written.partition("-")
        if _is_number(lo) and (_is_number(hi) if dash else not hi) and int(lo) <= int(hi or lo):
            return int(lo), int(hi or lo)
    raise fields.error(name, f"is {word(written)}: a number or the text of a range, as in 80-90")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _icmp(fields: Fields) -> tuple[IntervalSet, IntervalSet] | None:
    if fields.raw.get("icmp") is None:
        return None
    icmp = fields.inner("icmp", ("type", "code"))
    kind, code = (_numbers(icmp, name, _ANY_BYTE) for name in ("type", "code"))
    return (
        _ANY_BYTE if kind is None else kind,
        _ANY_BYTE if code is None else code,
    )


def _via(fields: Fields) -> Via | None:
    if fields.raw.get("via") is None:
        return None
    via = fields.inner("via", ("node", "interface"))
    interface = via.text("interface") if via.raw.get("interface") is not None else ""
    return Via(via.text("node"), interface)
