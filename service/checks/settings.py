"""What an owner may set about the checks, as plain values; the doors fill it from their settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.net.prefixes import Address, Prefix


class Unknown(StrEnum):
    """What an answer that rests on unknown facts means at admission."""

    WARN = "warn"
    DENY = "deny"


class Strictness(StrEnum):
    """What is done about a harm that is not (yet) a loss."""

    REJECT = "reject"
    WARN = "warn"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """The settings that change a verdict; each field's public name stands in docs/settings.md.

    ``nodes_exposed`` is a selector on node labels ("" = every node). ``node_port_addresses``,
    ``trusted``, ``permitted``, ``proxies`` and ``operators`` are prefixes of either family; an empty
    ``permitted`` means that no bound was set, an empty ``node_port_addresses`` every local address.
    ``node_port_range`` is closed. ``apiserver_endpoints`` adds (address, port) pairs that clients dial.
    """

    nodes_exposed: str = ""
    node_port_addresses: tuple[Prefix, ...] = ()
    node_port_range: tuple[int, int] = (30000, 32767)
    trusted: tuple[Prefix, ...] = ()
    permitted: tuple[Prefix, ...] = ()
    proxies: tuple[Prefix, ...] = ()
    apiserver_endpoints: tuple[tuple[Address, int], ...] = ()
    apiserver_port: int = 6443
    operators: tuple[Prefix, ...] = ()
    unknown: Unknown = Unknown.WARN
    failsafe_only: Strictness = Strictness.REJECT
    latent: Strictness = Strictness.WARN
