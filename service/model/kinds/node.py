"""Nodes: their addresses, and what an operator says of their interfaces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.addresses import read_networks
from service.model.document import Fields
from service.model.kind import Kind
from service.model.meta import Layer
from service.model.pointers import escaped
from service.model.refs import GVK
from service.net.prefixes import PrefixError, parse_ip, parse_network

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.net.prefixes import Address, Prefix


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address of an interface, with the length of its prefix."""

    address: Address
    length: int


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of a node."""

    name: str
    addresses: tuple[InterfaceAddress, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A Node. ``interfaces`` is None where nobody said; the first of them has the default route.

    ``bgp_addresses`` and ``tunnel_addresses`` are those that Calico writes into annotations.
    """

    meta: Meta
    internal_ips: tuple[Address, ...] = ()
    external_ips: tuple[Address, ...] = ()
    pod_cidrs: tuple[Prefix, ...] = ()
    os: str = "linux"
    bgp_addresses: tuple[Address, ...] = ()
    tunnel_addresses: tuple[Address, ...] = ()
    interfaces: tuple[Interface, ...] | None = None


_INTERFACES = "nodeward.io/interfaces"
_BGP = ("projectcalico.org/IPv4Address", "projectcalico.org/IPv6Address")
_TUNNELS = (
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv6VXLANTunnelAddr",
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4WireguardInterfaceAddr",
    "projectcalico.org/IPv6WireguardInterfaceAddr",
)
_OS_LABEL = "kubernetes.io/os"
_OS = ("linux", "windows")


def _decode(document: Document) -> Node:
    spec = document.spec()
    spec.ignore("providerID", "unschedulable", "taints", "configSource", "externalID")
    pod_cidrs = read_networks(document, spec, "podCIDRs", refused_by=(Layer.SCHEMA,))
    if not pod_cidrs and (cidr := spec.string("podCIDR")):
        pod_cidrs = (parse_network(cidr),) if _is_network(document, spec, cidr) else ()
    spec.ignore("podCIDR")
    status = document.root.child("status", Fields.SOME)
    addresses = _read_addresses(document, status) if status else []
    return Node(
        meta=document.meta,
        internal_ips=tuple(address for kind, address in addresses if kind == "InternalIP"),
        external_ips=tuple(address for kind, address in addresses if kind == "ExternalIP"),
        pod_cidrs=pod_cidrs,
        os=_read_os(document, status),
        bgp_addresses=_annotated(document, _BGP),
        tunnel_addresses=_annotated(document, _TUNNELS),
        interfaces=_read_interfaces(document),
    )


def _is_network(document: Document, spec: Reader, cidr: str) -> bool:
    try:
        parse_network(cidr)
    except PrefixError as error:
        document.problem(Layer.SCHEMA, str(error), at=spec.at("podCIDR"))
        return False
    return True


def _read_addresses(document: Document, status: Reader) -> list[tuple[str, Address]]:
    """The addresses of the status with their types; host names are none."""
    found = []
    for reader in status.children("addresses"):
        kind, text = reader.string("type"), reader.string("address")
        if kind in {"InternalIP", "ExternalIP"}:
            try:
                found.append((kind, parse_ip(text)))
            except PrefixError as error:
                document.problem(Layer.RUNTIME, str(error), at=reader.at("address"))
    return found


def _read_os(document: Document, status: Reader | None) -> str:
    info = status.child("nodeInfo", Fields.SOME) if status else None
    system = info.string("operatingSystem") if info else ""
    system = system or document.meta.labels.get(_OS_LABEL, "")
    return system if system in _OS else _OS[0]


def _annotated(document: Document, names: tuple[str, ...]) -> tuple[Address, ...]:
    """The addresses that Calico keeps in annotations, with or without a prefix length."""
    found = []
    for name in names:
        text = document.meta.annotations.get(name, "")
        try:
            found += [parse_ip(text.partition("/")[0])] if text else []
        except PrefixError as error:
            document.problem(Layer.RUNTIME, str(error), at=_annotation_pointer(name))
    return tuple(found)


def _read_interfaces(document: Document) -> tuple[Interface, ...] | None:
    text = document.meta.annotations.get(_INTERFACES)
    if text is None:
        return None
    try:
        return _parse_interfaces(text)
    except ValueError as error:
        message = f"the annotation {_INTERFACES} is not used: {error}"
        hint = 'write {"eth0": ["10.0.0.11/24"]}, the interface of the default route first'
        document.problem(Layer.RUNTIME, message, at=_annotation_pointer(_INTERFACES), hint=hint)
        return None


class _Members(list[tuple[str, object]]):
    """The members of a JSON object, duplicates and all."""


def _parse_interfaces(text: str) -> tuple[Interface, ...]:
    """The interfaces that *text* lists, in its order.

    Raises: ValueError, of which a JSON error and a PrefixError are kinds.
    """
    try:
        pairs = json.loads(text, object_pairs_hook=_Members)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(pairs, _Members):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - a fault of the text
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("it names an interface twice")
    return tuple(Interface(name, _parse_addresses(name, listed)) for name, listed in pairs)


def _parse_addresses(name: str, listed: object) -> tuple[InterfaceAddress, ...]:
    if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
        raise ValueError(f"{name} has no list of addresses")
    return tuple(
        InterfaceAddress(parse_ip(text.partition("/")[0]), parse_network(text).length)
        for text in listed
    )


def _annotation_pointer(name: str) -> str:
    return f"/metadata/annotations/{escaped(name)}"


KIND = Kind(
    gvks=(GVK("", "v1", "Node"),), plural="nodes", namespaced=False, type=Node, decode=_decode
)
