"""Calico host endpoints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.addresses import read_addresses
from service.model.kind import Kind, calico_gvks
from service.model.meta import Layer
from service.model.protocols import MAX_PORT, PORTED, read_protocol

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.net.prefixes import Address


@dataclass(frozen=True, slots=True)
class EndpointPort:
    """A named port of a host endpoint."""

    name: str
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class HostEndpoint:
    """A HostEndpoint; ``interface_name`` is "*" for all interfaces of the node and "" where absent.

    ``automatic`` says that Calico's controller made it.
    """

    meta: Meta
    node: str = ""
    interface_name: str = ""
    expected_ips: tuple[Address, ...] = ()
    profiles: tuple[str, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
    automatic: bool = False


_NO_NODE = "spec.node is missing: the endpoint belongs to no node"
_CREATED_BY = "projectcalico.org/created-by"
_CONTROLLERS = "calico-kube-controllers"
_MAX_INTERFACE_BYTES = 15
_INTERFACE = re.compile(r"\*|[a-zA-Z0-9_.-]{1,15}")


def _decode(document: Document) -> HostEndpoint:
    spec = document.spec()
    hep = HostEndpoint(
        meta=document.meta,
        node=spec.string("node"),
        interface_name=spec.string("interfaceName"),
        expected_ips=read_addresses(
            document, spec, "expectedIPs", refused_by=(Layer.VALIDATOR, Layer.RUNTIME)
        ),
        profiles=spec.strings("profiles"),
        ports=tuple(_read_port(document, reader) for reader in spec.children("ports")),
        automatic=document.meta.labels.get(_CREATED_BY) == _CONTROLLERS,
    )
    if document.root.has("spec"):
        _check_required(document, spec, hep)
    if not hep.node:
        document.problem(Layer.FELIX, _NO_NODE, at=spec.at("node"))
    _check_interface(document, spec, hep.interface_name)
    return hep


def _check_required(document: Document, spec: Reader, hep: HostEndpoint) -> None:
    if not hep.node:
        document.problem(Layer.SCHEMA, _NO_NODE, at=spec.at("node"))
    if not hep.interface_name and not spec.value("expectedIPs"):
        message = "neither interfaceName nor expectedIPs says which interface is meant"
        document.problem(Layer.SCHEMA, message, at=spec.pointer)


def _check_interface(document: Document, spec: Reader, name: str) -> None:
    at = spec.at("interfaceName")
    if len(name.encode()) > _MAX_INTERFACE_BYTES:
        message = f"{name[:64]!r} is too long for an interface: 15 bytes"
        document.problem(Layer.SCHEMA, message, at=at)
    if name and not _INTERFACE.fullmatch(name):
        message = f'{name[:64]!r} is no interface name, and "*" is the only pattern'
        document.discarded(message, at=at)


def _read_port(document: Document, reader: Reader) -> EndpointPort:
    port = EndpointPort(
        name=reader.string("name"),
        protocol=read_protocol(document, reader, "protocol") or 0,
        port=reader.integer("port") or 0,
    )
    if not 1 <= port.port <= MAX_PORT:
        message = f"{port.port} is no port: 1 to {MAX_PORT}"
        document.problem(Layer.SCHEMA, message, at=reader.at("port"))
        document.discarded(message, at=reader.at("port"))
    if port.protocol and port.protocol not in PORTED:
        message = "a named port is of TCP, UDP or SCTP"
        document.problem(Layer.VALIDATOR, message, at=reader.at("protocol"))
    if not port.name:
        document.problem(Layer.VALIDATOR, "a named port needs a name", at=reader.at("name"))
    return port


KIND = Kind(
    gvks=calico_gvks("HostEndpoint"),
    plural="hostendpoints",
    namespaced=False,
    type=HostEndpoint,
    decode=_decode,
)
