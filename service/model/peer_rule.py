"""The rules of Kubernetes network policies: who may talk to the pods, and at which ports.

Source: Kubernetes pkg/apis/networking/validation/validation.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.label_selector import read_label_selector
from service.model.protocols import MAX_PORT, is_port_name, read_transport
from service.net.prefixes import PrefixError, parse_cidr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.model.document import Document, Reader
    from service.model.label_selector import LabelSelector
    from service.model.meta import Layer
    from service.net.prefixes import Prefix


@dataclass(frozen=True, slots=True)
class IPBlock:
    """A CIDR without those in ``excepts``; all masked."""

    cidr: Prefix
    excepts: tuple[Prefix, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """One of a rule's peers: pods and namespaces by their labels, or addresses. None is absent."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


@dataclass(frozen=True, slots=True)
class PolicyPort:
    """A port of a rule; ``port`` is a number, a name, or None for all; ``end_port`` ends a range."""

    protocol: int
    port: int | str | None = None
    end_port: int | None = None


@dataclass(frozen=True, slots=True)
class PeerRule:
    """One rule, which allows; None for the peers or the ports stands for all of them.

    ``pointer`` ("/spec/ingress/0") and ``line`` (0 where unknown) say where it stands.
    """

    peers: tuple[Peer, ...] | None = None
    ports: tuple[PolicyPort, ...] | None = None
    pointer: str = ""
    line: int = 0


def read_peer_rules(
    document: Document, readers: Iterable[Reader], *, peers: str, layer: Layer
) -> tuple[PeerRule, ...]:
    """The rules of one direction, whose peers stand in the field *peers*; *layer* refuses the illegal."""
    return tuple(
        PeerRule(
            peers=tuple(_read_peer(document, one, layer) for one in reader.children(peers)) or None,
            ports=tuple(_read_port(document, one, layer) for one in reader.children("ports"))
            or None,
            pointer=reader.pointer,
            line=document.locate(reader.pointer).line,
        )
        for reader in readers
    )


def _read_peer(document: Document, reader: Reader, layer: Layer) -> Peer:
    pods, namespaces = reader.child("podSelector"), reader.child("namespaceSelector")
    block = reader.child("ipBlock")
    if block is not None and (pods or namespaces):
        message = "ipBlock stands alone, without selectors"
        document.problem(layer, message, at=reader.at("ipBlock"))
    if pods is namespaces is block is None:
        message = "a peer needs a podSelector, a namespaceSelector or an ipBlock"
        document.problem(layer, message, at=reader.pointer)
    return Peer(
        pod_selector=read_label_selector(document, pods, layer) if pods else None,
        namespace_selector=read_label_selector(document, namespaces, layer) if namespaces else None,
        ip_block=_read_block(document, block, layer) if block else None,
    )


def _read_block(document: Document, reader: Reader, layer: Layer) -> IPBlock | None:
    """The block; None where its CIDR cannot be read, for then it restricts nothing."""
    cidr = _read_cidr(document, reader.string("cidr"), at=reader.at("cidr"), layer=layer)
    excepts = []
    for at, text in reader.located_strings("except"):
        one = _read_cidr(document, text, at=at, layer=layer)
        if one is None:
            break  # Calico leaves off here.
        if cidr and not _is_strictly_within(one, cidr):
            document.problem(layer, f"{one} is no part of {cidr}", at=at)
        excepts.append(one)
    return IPBlock(cidr, tuple(excepts)) if cidr else None


def _is_strictly_within(inner: Prefix, outer: Prefix) -> bool:
    return (
        inner != outer
        and inner.family is outer.family
        and outer.lo <= inner.lo
        and inner.hi <= outer.hi
    )


def _read_cidr(document: Document, text: str, *, at: str, layer: Layer) -> Prefix | None:
    try:
        return parse_cidr(text)
    except PrefixError as error:
        document.problem(layer, str(error), at=at)
        return None


def _read_port(document: Document, reader: Reader, layer: Layer) -> PolicyPort:
    port = PolicyPort(
        protocol=read_transport(document, reader, "protocol"),
        port=_read_number_or_name(document, reader, layer),
        end_port=reader.integer("endPort"),
    )
    if port.end_port is not None:
        _check_range(document, reader, port, layer=layer)
    return port


def _read_number_or_name(document: Document, reader: Reader, layer: Layer) -> int | str | None:
    value = reader.value("port")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        document.wrong_type(value, "a port number or a name", at=reader.at("port"))
        return None
    if isinstance(value, int) and not 1 <= value <= MAX_PORT:
        document.problem(layer, f"{value} is no port: 1 to {MAX_PORT}", at=reader.at("port"))
    if isinstance(value, str) and not is_port_name(value):
        document.problem(layer, f"{value[:64]!r} is no name of a port", at=reader.at("port"))
    return value


def _check_range(document: Document, reader: Reader, port: PolicyPort, *, layer: Layer) -> None:
    if not isinstance(port.port, int):
        message = "endPort needs a port, and that a number"
    elif port.end_port is not None and not port.port <= port.end_port <= MAX_PORT:
        message = f"the range {port.port}-{port.end_port} is none within 1 to {MAX_PORT}"
    else:
        return
    document.problem(layer, message, at=reader.at("endPort"))
