"""Calico's cluster-wide policies, the only ones that can guard a node port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kind import Kind, calico_gvks
from service.model.meta import Layer
from service.model.policy_fields import EGRESS, read_policy
from service.model.selector_fields import Unparseable, read_selector, refuse_global

if TYPE_CHECKING:
    from service.model.document import Document, Reader
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


def read_global_policy(document: Document, spec: Reader) -> GlobalNetworkPolicy:
    """The policy in *spec*, which staged policies share."""
    shared = read_policy(document, spec)
    refuse_global(document, spec, "namespaceSelector")
    policy = GlobalNetworkPolicy(
        meta=document.meta,
        tier=shared.tier,
        order=shared.order,
        selector=shared.selector,
        namespace_selector=read_selector(
            document, spec, "namespaceSelector", unparseable=Unparseable.BROADENED
        ),
        service_account_selector=shared.service_account_selector,
        types=shared.types,
        types_given=shared.types_given,
        ingress=shared.ingress,
        egress=shared.egress,
        do_not_track=spec.boolean("doNotTrack") or False,
        pre_dnat=spec.boolean("preDNAT") or False,
        apply_on_forward=spec.boolean("applyOnForward") or False,
    )
    _check_category(document, spec, policy)
    return policy


def _check_category(document: Document, spec: Reader, policy: GlobalNetworkPolicy) -> None:
    """The schema's rules for policies before the host's own stages."""
    if policy.pre_dnat and policy.do_not_track:
        message = "preDNAT and doNotTrack exclude each other"
        document.problem(Layer.SCHEMA, message, at=spec.at("preDNAT"))
    if policy.pre_dnat and policy.egress:
        message = "a preDNAT policy has no egress rules"
        document.problem(Layer.SCHEMA, message, at=spec.at("egress"))
    if policy.pre_dnat and policy.types_given and EGRESS in policy.types:
        message = "a preDNAT policy is not of type Egress"
        document.problem(Layer.SCHEMA, message, at=spec.at("types"))
    if (policy.pre_dnat or policy.do_not_track) and not policy.apply_on_forward:
        flag = "preDNAT" if policy.pre_dnat else "doNotTrack"
        message = f"{flag} needs applyOnForward: true"
        document.problem(Layer.SCHEMA, message, at=spec.at(flag))


def _decode(document: Document) -> GlobalNetworkPolicy:
    return read_global_policy(document, document.spec())


KIND = Kind(
    gvks=calico_gvks("GlobalNetworkPolicy"),
    plural="globalnetworkpolicies",
    namespaced=False,
    type=GlobalNetworkPolicy,
    decode=_decode,
)
