"""EndpointSlices: which addresses stand behind a Service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.model.meta import Meta
    from service.model.refs import ObjectRef
    from service.net.prefixes import Address, Family


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
