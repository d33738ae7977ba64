"""The one order in which Felix applies tiers and policies."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.kinds.tier import Tier
    from service.policy.convert import Policy

DEFAULT_TIER = "default"


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


BUILT_IN = {
    tier.name: tier
    for tier in (
        TierView("kube-admin", 1_000.0, ends_in_pass=True),
        TierView(DEFAULT_TIER, 1_000_000.0, ends_in_pass=False),
        TierView("kube-baseline", 10_000_000.0, ends_in_pass=True),
    )
}
"""The tiers that Calico itself creates, so that a manifest without Tier objects has them.

Source: api/pkg/apis/projectcalico/v3/tier.go, as of v3.32.
"""


def tier_view(name: str, tiers: Mapping[str, Tier]) -> TierView:
    """The tier called *name*, which need not exist."""
    tier = tiers.get(name)
    if tier is not None:
        return TierView(name, tier.effective_order, ends_in_pass=tier.default_action == "Pass")
    return BUILT_IN.get(name) or TierView(name, inf, ends_in_pass=False, exists=False)


def policy_key(policy: Policy) -> tuple[float, str]:
    """Where a policy stands within its tier: by order, none last, then by one string.

    The tie-break compares ``name/namespace/kind`` as text, so "a-b" precedes "a".
    Source: felix/calc policy_sorter.go PolKVLess.
    """
    ref = policy.meta.ref
    order = inf if policy.order is None else policy.order
    return (order, f"{ref.name}/{ref.namespace}/{policy.kind}")
