"""What the verdicts rest on and no object tells: the Calico release, the dataplane, kube-proxy, routes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.net.prefixes import Prefix


class Dataplane(StrEnum):
    """What carries out the policies of a node; AUTO is whichever FelixConfiguration tells of."""

    AUTO = "auto"
    IPTABLES = "iptables"
    NFTABLES = "nftables"
    IPVS = "ipvs"
    """Felix's iptables beside a kube-proxy in IPVS mode."""
    BPF = "bpf"


@dataclass(frozen=True, slots=True)
class TierView:
    """What a tier means to the evaluation, be it an object, built in, or missing.

    A tier that does not exist still applies: after all others, ending in a deny.
    Source: felix/calc policy_resolver.go (logs "skipping", does not skip); endpoints.go.
    """

    name: str
    order: float
    ends_in_pass: bool
    exists: bool = True

    @property
    def key(self) -> tuple[bool, float, str]:
        """Existing tiers first, then by order, then by name. Source: felix/calc policy_sorter.go TierLess."""
        return (not self.exists, self.order, self.name)


DEFAULT_TIER = "default"
ADMIN_TIER = "adminnetworkpolicy"
BASELINE_TIER = "baselineadminnetworkpolicy"
_DEFAULT = TierView(DEFAULT_TIER, 1_000_000.0, ends_in_pass=False)
_NO_TIERS = {DEFAULT_TIER: TierView(DEFAULT_TIER, inf, ends_in_pass=False)}
_V3_29 = {
    ADMIN_TIER: TierView(ADMIN_TIER, 1_000.0, ends_in_pass=True),
    DEFAULT_TIER: _DEFAULT,
}
_V3_30 = {**_V3_29, BASELINE_TIER: TierView(BASELINE_TIER, 10_000_000.0, ends_in_pass=True)}
_V3_32 = {
    "kube-admin": TierView("kube-admin", 1_000.0, ends_in_pass=True),
    DEFAULT_TIER: _DEFAULT,
    "kube-baseline": TierView("kube-baseline", 10_000_000.0, ends_in_pass=True),
}


_USER_TIERS = 29
_BASELINE = 30
_CLUSTER_POLICIES = 32
"""The releases that brought tiers of one's own, BaselineAdminNetworkPolicy and ClusterNetworkPolicy."""


@dataclass(frozen=True, slots=True)
class Release:
    """A minor release of Calico v3: what changed from one to the next and changes a verdict.

    Source: the release notes and calico/network-policy/policy-tiers of the documentation, v3.29 to v3.32;
    felix/config/config_params.go and its history.
    """

    minor: int

    @classmethod
    def of(cls, text: str) -> Release:
        """The release that is written ``v3.30``.

        Raises: ValueError.
        """
        return cls(int(text.removeprefix("v3.")))

    def __str__(self) -> str:
        return f"v3.{self.minor}"

    @property
    def built_in(self) -> dict[str, TierView]:
        """The tiers that Calico itself creates, so that a manifest without Tier objects has them."""
        if self.minor >= _CLUSTER_POLICIES:
            return _V3_32
        if self.minor >= _BASELINE:
            return _V3_30
        return _V3_29 if self.has_tiers else _NO_TIERS

    @property
    def has_tiers(self) -> bool:
        """Whether a policy may name a tier; before, all are in the one called default."""
        return self.minor >= _USER_TIERS

    @property
    def orders_by_stored_name(self) -> bool:
        """Whether policies of one order are sorted by the names under which they are stored."""
        return self.minor < _CLUSTER_POLICIES

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of cluster-wide policies of Kubernetes that it carries out."""
        if self.minor >= _CLUSTER_POLICIES:
            return frozenset({"ClusterNetworkPolicy"})
        found = {"AdminNetworkPolicy": _USER_TIERS, "BaselineAdminNetworkPolicy": _BASELINE}
        return frozenset(kind for kind, since in found.items() if self.minor >= since)


NEWEST = Release(34)


@dataclass(frozen=True, slots=True)
class ClusterProfile:
    """The premises of a world.

    ``node_port_addresses`` are kube-proxy's; empty means every address of a node. ``routes`` are networks
    of Services that routers outside send to one node each.
    """

    release: Release = NEWEST
    dataplane: Dataplane = Dataplane.AUTO
    node_port_addresses: tuple[Prefix, ...] = ()
    routes: tuple[tuple[Prefix, str], ...] = ()


DEFAULT_PROFILE = ClusterProfile()
