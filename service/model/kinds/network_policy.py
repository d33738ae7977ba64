"""Calico's namespaced policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.model.meta import Meta
    from service.model.rule import Rule


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A NetworkPolicy of Calico (not of Kubernetes); the fields are those of a GlobalNetworkPolicy."""

    meta: Meta
    tier: str = "default"
    order: float | None = None
    selector: str = ""
    service_account_selector: str = ""
    types: tuple[str, ...] = ("Ingress",)
    types_given: bool = False
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
