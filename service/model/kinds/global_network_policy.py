"""Calico's cluster-wide policies, the only ones that can guard a node port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.model.meta import Meta
    from service.model.rule import Rule


@dataclass(frozen=True, slots=True)
class GlobalNetworkPolicy:
    """A GlobalNetworkPolicy as Felix reads it; ``order`` None sorts last.

    ``types`` are those in effect; ``types_given`` says whether the object names them itself.
    """

    meta: Meta
    tier: str = "default"
    order: float | None = None
    selector: str = ""
    namespace_selector: str = ""
    service_account_selector: str = ""
    types: tuple[str, ...] = ("Ingress",)
    types_given: bool = False
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    do_not_track: bool = False
    pre_dnat: bool = False
    apply_on_forward: bool = False
