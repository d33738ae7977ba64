"""Calico tiers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.document import API_SERVER
from service.model.kind import Kind, calico_gvks
from service.model.meta import Layer

if TYPE_CHECKING:
    from service.model.document import Document
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


_BUILT_IN = {
    "default": (DEFAULT_TIER_ORDER, "Deny"),
    "kube-admin": (1000.0, "Pass"),
    "kube-baseline": (10_000_000.0, "Pass"),
}
_ACTIONS = ("Pass", "Deny")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _decode(document: Document) -> Tier:
    spec = document.spec()
    action = spec.string("defaultAction")
    at = spec.at("defaultAction")
    if not action:
        action = "Deny"
        document.default(at, action, API_SERVER)
    elif action not in _ACTIONS:
        for layer in (Layer.SCHEMA, Layer.VALIDATOR):
            document.problem(layer, f"{action!r} is no default action: Pass or Deny", at=at)
    tier = Tier(document.meta, spec.number("order"), action if action in _ACTIONS else "Deny")
    name = document.meta.ref.name
    if not _DNS_LABEL.fullmatch(name):
        message = f"{name[:64]!r} is no tier name: one DNS label of at most 63 characters"
        document.problem(Layer.VALIDATOR, message, at="/metadata/name")
    order, required_action = _BUILT_IN.get(name, (tier.order, action))
    if (order, required_action) != (tier.order, action):
        message = f"the tier {name} has order {order:.0f} and default action {required_action}"
        document.problem(Layer.SCHEMA, message, at=spec.pointer)
    return tier


KIND = Kind(gvks=calico_gvks("Tier"), plural="tiers", namespaced=False, type=Tier, decode=_decode)
