"""Calico host endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
