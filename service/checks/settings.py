"""What an owner may set about the checks, as plain values; the doors fill it from their settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from service.errors import SettingsError
from service.net.prefixes import PrefixError, parse_cidr, parse_ip
from service.policy.profile import ClusterProfile, Dataplane, Release

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.net.prefixes import Address, Prefix
    from service.settings import Settings


class Unknown(StrEnum):
    """What an answer that rests on unknown facts means at admission."""

    WARN = "warn"
    DENY = "deny"


class Strictness(StrEnum):
    """What is done about a harm that is not (yet) a loss."""

    REJECT = "reject"
    WARN = "warn"
    IGNORE = "ignore"


PROTECTED = frozenset({"kube-system", "calico-system", "tigera-operator", "nodeward"})


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """The settings that change a verdict; each field's public name stands in docs/settings.md.

    ``nodes_exposed`` is a selector on node labels ("" = every node). ``node_port_addresses``,
    ``trusted``, ``permitted``, ``proxies`` and ``operators`` are prefixes of either family; an empty
    ``permitted`` means that no bound was set, an empty ``node_port_addresses`` every local address.
    ``protected`` are the namespaces of the cluster itself. ``node_port_range`` is closed. ``apiserver_endpoints`` adds (address, port) pairs that clients dial.
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
    protected: frozenset[str] = PROTECTED
    unknown: Unknown = Unknown.WARN
    failsafe_only: Strictness = Strictness.REJECT
    latent: Strictness = Strictness.WARN


def check_settings(settings: Settings) -> CheckSettings:
    """The part of *settings* that changes a verdict, with CIDRs and addresses read.

    Raises: SettingsError for a network that Calico would not read, such as an IPv4-mapped IPv6 CIDR.
    """
    return CheckSettings(
        nodes_exposed=settings.nodes_exposed,
        node_port_addresses=_prefixes(settings.kube_proxy_node_port_addresses),
        node_port_range=settings.node_port_range,
        trusted=_prefixes(settings.sources_trusted),
        permitted=_prefixes(settings.sources_permitted),
        proxies=_prefixes(settings.sources_proxies),
        apiserver_endpoints=tuple(
            (parse_ip(address), port) for address, port in settings.apiserver_endpoints
        ),
        apiserver_port=settings.apiserver_port,
        operators=_prefixes(settings.apiserver_operators),
        protected=frozenset(settings.namespaces_protected),
        unknown=Unknown(settings.unknown),
        failsafe_only=Strictness(settings.apiserver_failsafe_only),
        latent=Strictness(settings.apiserver_latent),
    )


def cluster_profile(settings: Settings) -> ClusterProfile:
    """The part of *settings* that says what no object of the cluster tells.

    Raises: SettingsError as `check_settings`.
    """
    routes = settings.service_routes
    networks = _prefixes(network for network, _ in routes)
    return ClusterProfile(
        release=Release.of(settings.cluster_profile),
        dataplane=Dataplane(settings.dataplane),
        node_port_addresses=_prefixes(settings.kube_proxy_node_port_addresses),
        routes=tuple(zip(networks, (node for _, node in routes), strict=True)),
    )


def _prefixes(texts: Iterable[str]) -> tuple[Prefix, ...]:
    try:
        return tuple(map(parse_cidr, texts))
    except PrefixError as error:
        raise SettingsError(str(error)) from error
