"""The ports of the rules of cluster-wide policies, in the words of either version of their API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.meta import Layer
from service.model.protocols import MAX_PORT, SCTP, TCP, UDP, is_port_name, read_transport

if TYPE_CHECKING:
    from service.model.document import Document, Reader


@dataclass(frozen=True, slots=True)
class ClusterPort:
    """The destination ports ``[lo, hi]`` of a protocol, or a named one: of any protocol, and both ends 0."""

    protocol: int | None = None
    lo: int = 0
    hi: int = 0
    name: str = ""


_PROTOCOLS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}
_NAMED = "destinationNamedPort"


def read_protocols(document: Document, rule: Reader) -> tuple[ClusterPort, ...]:
    """The ``protocols`` of a ClusterNetworkPolicy's rule."""
    readers = rule.children("protocols")
    if rule.has("protocols") and not readers:
        message = "protocols must list one, or be left out"
        document.problem(Layer.SCHEMA, message, at=rule.at("protocols"))
    return tuple(port for one in readers if (port := _read_protocol(document, one)) is not None)


def _read_protocol(document: Document, reader: Reader) -> ClusterPort | None:
    forms = [key for key in (*_PROTOCOLS, _NAMED) if reader.has(key)]
    if len(forms) != 1:
        message = f"a protocol is one of {', '.join((*_PROTOCOLS, _NAMED))}"
        document.problem(Layer.SCHEMA, message, at=reader.pointer)
        return None
    [form] = forms
    if form == _NAMED:
        return _read_named(document, reader, _NAMED)
    protocol = reader.child(form)
    port = protocol.child("destinationPort") if protocol else None
    if port is None:
        message = f"{form} needs a destinationPort"
        document.problem(Layer.SCHEMA, message, at=reader.at(form))
        return None
    return _read_destination(document, port, _PROTOCOLS[form])


def _read_destination(document: Document, reader: Reader, protocol: int) -> ClusterPort | None:
    number, range_ = reader.integer("number"), reader.child("range")
    if (number is None) is (range_ is None):
        message = "a destinationPort is either a number or a range"
        document.problem(Layer.SCHEMA, message, at=reader.pointer)
        return None
    if range_ is not None:
        return _read_range(document, range_, protocol)
    return _checked(document, ClusterPort(protocol, number or 0, number or 0), reader.at("number"))


def read_ports(document: Document, rule: Reader) -> tuple[ClusterPort, ...]:
    """The ``ports`` of the rule of an AdminNetworkPolicy or a BaselineAdminNetworkPolicy."""
    ports = (_read_port(document, one) for one in rule.children("ports"))
    return tuple(port for port in ports if port is not None)


def _read_port(document: Document, reader: Reader) -> ClusterPort | None:
    number, range_ = reader.child("portNumber"), reader.child("portRange")
    named = reader.has("namedPort")
    if sum((number is not None, range_ is not None, named)) != 1:
        message = "a port is one of portNumber, portRange, namedPort"
        document.problem(Layer.SCHEMA, message, at=reader.pointer)
        return None
    if named:
        return _read_named(document, reader, "namedPort")
    if range_ is not None:
        return _read_range(document, range_, read_transport(document, range_, "protocol"))
    return _read_number(document, number) if number is not None else None


def _read_number(document: Document, reader: Reader) -> ClusterPort:
    port = reader.integer("port") or 0
    protocol = read_transport(document, reader, "protocol")
    return _checked(document, ClusterPort(protocol, port, port), reader.at("port"))


def _read_named(document: Document, reader: Reader, key: str) -> ClusterPort:
    name = reader.string(key)
    if not is_port_name(name):
        message = f"{name[:64]!r} is no name of a port: Calico cannot convert the rule"
        document.problem(Layer.RUNTIME, message, at=reader.at(key))
    return ClusterPort(name=name)


def _read_range(document: Document, reader: Reader, protocol: int) -> ClusterPort:
    port = ClusterPort(protocol, reader.integer("start") or 0, reader.integer("end") or 0)
    if port.lo > port.hi:
        message = f"the range {port.lo}-{port.hi} ends before it starts"
        document.problem(Layer.SCHEMA, message, at=reader.pointer)
    return _checked(document, port, reader.pointer)


def _checked(document: Document, port: ClusterPort, at: str) -> ClusterPort:
    for number in {port.lo, port.hi}:
        if not 1 <= number <= MAX_PORT:
            document.problem(Layer.SCHEMA, f"{number} is no port: 1 to {MAX_PORT}", at=at)
    return port
