"""Rules of Calico policies, as Felix reads them: nets masked, protocols as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from service.net.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.net.prefixes import Prefix


class Action(StrEnum):
    """What a rule does with a packet that it matches."""

    ALLOW = "Allow"
    DENY = "Deny"
    LOG = "Log"
    PASS = "Pass"  # noqa: S105 - the action, not a password


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP criterion; None is unset, and ``Icmp()`` restricts nothing."""

    type: int | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """A port range ``[lo, hi]``, or a named port: then ``name`` is set and both ends are 0."""

    lo: int = 0
    hi: int = 0
    name: str = ""

    def __str__(self) -> str:
        if self.name:
            return self.name
        return str(self.lo) if self.lo == self.hi else f"{self.lo}:{self.hi}"


def port_numbers(ports: Iterable[Port]) -> IntervalSet:
    """The numbers among *ports*; named ports are left out."""
    return IntervalSet.of(*((port.lo, port.hi) for port in ports if not port.name))


@dataclass(frozen=True, slots=True)
class ServiceMatch:
    """A Service whose endpoints a rule matches; the namespace is that of the policy where empty."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class EntityRule:
    """The source or destination part of a rule; ``EntityRule()`` restricts nothing.

    Nets are masked, and entries that do not parse are left out, as Felix does.
    Source: libcalico-go updateprocessors/rules.go.
    """

    nets: tuple[Prefix, ...] = ()
    not_nets: tuple[Prefix, ...] = ()
    selector: str = ""
    not_selector: str = ""
    namespace_selector: str = ""
    ports: tuple[Port, ...] = ()
    not_ports: tuple[Port, ...] = ()
    services: ServiceMatch | None = None
    service_account_names: tuple[str, ...] = ()
    service_account_selector: str = ""


ANY = EntityRule()
"""The entity that every packet has."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: it matches a packet that meets all of its criteria. Unset criteria are None, 0 or empty.

    ``pointer`` ("/spec/ingress/0") and ``line`` (0 where unknown) say where it stands.
    """

    action: Action
    ip_version: int = 0
    protocol: int | None = None
    not_protocol: int | None = None
    icmp: Icmp | None = None
    not_icmp: Icmp | None = None
    source: EntityRule = field(default=ANY)
    destination: EntityRule = field(default=ANY)
    pointer: str = ""
    line: int = 0
    http: bool = False
    """Whether an application-layer criterion, which Felix's dataplane does not see, narrows the rule."""
