"""Calico's profiles, which only its etcd datastore keeps; Kubernetes' namespaces and accounts make their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.model.kind import Kind
from service.model.refs import CALICO_V3, GVK
from service.model.rule_fields import Direction, RuleScope, read_rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.document import Document, Reader
    from service.model.meta import Meta
    from service.model.rule import Rule


@dataclass(frozen=True, slots=True)
class Profile:
    """A Profile: rules after all policies, and labels that the endpoints which name it inherit."""

    meta: Meta
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    labels_to_apply: Mapping[str, str] = field(default_factory=dict)


def _decode(document: Document) -> Profile:
    spec = document.spec()
    return Profile(
        meta=document.meta,
        ingress=_read_rules(document, spec, Direction.INGRESS),
        egress=_read_rules(document, spec, Direction.EGRESS),
        labels_to_apply=spec.string_map("labelsToApply"),
    )


def _read_rules(document: Document, spec: Reader, direction: Direction) -> tuple[Rule, ...]:
    scope = RuleScope(direction, is_global=True)
    return tuple(read_rule(document, reader, scope) for reader in spec.children(direction))


KIND = Kind(
    gvks=(GVK(CALICO_V3, "v3", "Profile"),),
    plural="profiles",
    namespaced=False,
    type=Profile,
    decode=_decode,
)
