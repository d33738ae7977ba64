"""Nodes: their addresses, and what an operator says of their interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
