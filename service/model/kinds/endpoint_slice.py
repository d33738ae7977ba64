"""EndpointSlices: which addresses stand behind a Service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.addresses import read_addresses
from service.model.document import Fields
from service.model.kind import Kind
from service.model.meta import Layer
from service.model.protocols import MAX_PORT, read_transport
from service.model.refs import GVK, ObjectRef
from service.net.prefixes import Family

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.net.prefixes import Address


@dataclass(frozen=True, slots=True)
class SlicePort:
    """A port of the endpoints; None stands for every port."""

    name: str
    protocol: int
    port: int | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One backend; ``node_name`` is empty and ``pod`` None where the slice does not say."""

    addresses: tuple[Address, ...]
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    node_name: str = ""
    pod: ObjectRef | None = None


@dataclass(frozen=True, slots=True)
class EndpointSlice:
    """An EndpointSlice of the Service named ``service`` ("" for none); ``family`` is None for host names."""

    meta: Meta
    service: str = ""
    family: Family | None = None
    ports: tuple[SlicePort, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


_SERVICE_NAME = "kubernetes.io/service-name"
_FAMILIES: dict[str, Family | None] = {"IPv4": Family.V4, "IPv6": Family.V6, "FQDN": None}


def _decode(document: Document) -> EndpointSlice:
    root = document.root
    address_type = root.string("addressType")
    if address_type not in _FAMILIES:
        message = f"{address_type!r} is no address type: {', '.join(_FAMILIES)}"
        document.problem(Layer.SCHEMA, message, at="/addressType")
    family = _FAMILIES.get(address_type)
    return EndpointSlice(
        meta=document.meta,
        service=document.meta.labels.get(_SERVICE_NAME, ""),
        family=family,
        ports=tuple(_read_port(document, reader) for reader in root.children("ports")),
        endpoints=tuple(
            _read_endpoint(document, reader, family) for reader in root.children("endpoints")
        ),
    )


def _read_port(document: Document, reader: Reader) -> SlicePort:
    port = reader.integer("port")
    if port is not None and not 1 <= port <= MAX_PORT:
        message = f"{port} is no port: 1 to {MAX_PORT}"
        document.problem(Layer.SCHEMA, message, at=reader.at("port"))
    reader.ignore("appProtocol")
    return SlicePort(reader.string("name"), read_transport(document, reader, "protocol"), port)


def _read_endpoint(document: Document, reader: Reader, family: Family | None) -> Endpoint:
    reader.ignore("hostname", "zone", "hints", "deprecatedTopology")
    conditions = reader.child("conditions", Fields.SOME)
    ready = conditions.boolean("ready") if conditions else None
    serving = conditions.boolean("serving") if conditions else None
    terminating = conditions.boolean("terminating") if conditions else None
    reader.ignore("addresses")
    return Endpoint(
        addresses=(
            read_addresses(document, reader, "addresses", refused_by=(Layer.SCHEMA,))
            if family
            else ()
        ),
        # What is not known of them: Kubernetes pkg/proxy/endpointslicecache.go.
        ready=ready is not False,
        serving=serving is not False,
        terminating=terminating is True,
        node_name=reader.string("nodeName"),
        pod=_read_pod(document, reader),
    )


def _read_pod(document: Document, reader: Reader) -> ObjectRef | None:
    target = reader.child("targetRef", Fields.SOME)
    if target is None or target.string("kind") != "Pod":
        return None
    namespace = target.string("namespace", document.meta.ref.namespace)
    return ObjectRef("", "Pod", namespace, target.string("name"))


KIND = Kind(
    gvks=(GVK("discovery.k8s.io", "v1", "EndpointSlice"),),
    plural="endpointslices",
    namespaced=True,
    type=EndpointSlice,
    decode=_decode,
)
