"""The one order in which Felix applies tiers and policies."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from service.policy.profile import DEFAULT_TIER, NEWEST, TierView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.kinds.tier import Tier
    from service.policy.convert import Policy
    from service.policy.profile import Release

_STORED_PREFIXES = {
    "KubernetesNetworkPolicy": "knp.default.",
    "KubernetesAdminNetworkPolicy": "kanp.adminnetworkpolicy.",
    "KubernetesBaselineAdminNetworkPolicy": "kbanp.baselineadminnetworkpolicy.",
}


def tier_view(name: str, tiers: Mapping[str, Tier], release: Release = NEWEST) -> TierView:
    """The tier called *name*, which need not exist."""
    tier = tiers.get(name)
    if tier is not None and release.has_tiers:
        return TierView(name, tier.effective_order, ends_in_pass=tier.default_action == "Pass")
    return release.built_in.get(name) or TierView(name, inf, ends_in_pass=False, exists=False)


def policy_key(policy: Policy, release: Release = NEWEST) -> tuple[float, str]:
    """Where a policy stands within its tier: by order, none last, then by one string.

    The tie-break compares ``name/namespace/kind`` as text, so "a-b" precedes "a".
    Source: felix/calc policy_sorter.go PolKVLess.
    """
    order = inf if policy.order is None else policy.order
    if release.orders_by_stored_name:
        return (order, _stored_name(policy))
    ref = policy.meta.ref
    return (order, f"{ref.name}/{ref.namespace}/{policy.kind}")


def _stored_name(policy: Policy) -> str:
    """The name under which releases before v3.32 stored a policy: with its kind's or its tier's prefix.

    Source: libcalico-go/lib/backend/model/policy.go; the release notes of v3.29 to v3.32.
    """
    ref = policy.meta.ref
    prefix = _STORED_PREFIXES.get(policy.kind, "")
    if not prefix and policy.tier == DEFAULT_TIER:
        prefix = f"{DEFAULT_TIER}."
    name = ref.name if ref.name.startswith(prefix) else f"{prefix}{ref.name}"
    return f"{ref.namespace}/{name}" if ref.namespace else name
