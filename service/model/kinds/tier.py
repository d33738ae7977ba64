"""Calico tiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.model.meta import Meta

DEFAULT_TIER_ORDER = 1_000_000.0
"""What Calico reads where a tier has no order. Source: libcalico-go lib/resources/tier.go."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A Tier; ``order`` is None as written, ``default_action`` is "Pass" or "Deny"."""

    meta: Meta
    order: float | None = None
    default_action: str = "Deny"

    @property
    def effective_order(self) -> float:
        """The order by which Calico sorts the tier: 1,000,000 where none is written."""
        return DEFAULT_TIER_ORDER if self.order is None else self.order
