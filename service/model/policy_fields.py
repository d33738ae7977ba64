"""The spec that Calico's policies share: tier, order, selectors, types, rules.

Source: api/pkg/apis/projectcalico/v3/{globalnetworkpolicy,networkpolicy}.go (schema, CEL);
api/pkg/defaults/networkpolicy.go and api/admission/networkpolicy.mutatingadmissionpolicy.yaml (types).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.document import API_SERVER
from service.model.meta import Layer
from service.model.refs import CALICO_V1
from service.model.rule_fields import Direction, RuleScope, read_rule
from service.model.selector_fields import Unparseable, read_selector, refuse_global

if TYPE_CHECKING:
    from service.model.document import Document, Reader
    from service.model.rule import Rule

DEFAULT_TIER = "default"
INGRESS, EGRESS = "Ingress", "Egress"

_TYPES = (INGRESS, EGRESS)
_MAX_RULES = 1024
_MAX_NAME = 253
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"({_LABEL}\.)?{_LABEL}")
_CONVERTED_NAME = re.compile(rf"(knp|ossg)\.default\.{_LABEL}(\.{_LABEL})*")
_FELIX = "Felix, which takes a stored policy without types for both directions"
_ADMISSION = "Calico's admission policy: the fields that are present"
_CONTESTED = (
    f"{_ADMISSION}; calicoctl and the aggregated API count rules instead and would make it {{}}"
)


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """The shared part of a policy's spec, as Felix reads it."""

    tier: str
    order: float | None
    selector: str
    service_account_selector: str
    types: tuple[str, ...]
    types_given: bool
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


def read_policy(document: Document, spec: Reader) -> PolicySpec:
    """The shared part of the policy that *document* is about."""
    is_global = not document.meta.ref.namespace
    _check_name(document)
    refuse_global(document, spec, "selector", "serviceAccountSelector")
    spec.strings("performanceHints")
    return PolicySpec(
        tier=_read_tier(document, spec),
        order=spec.number("order"),
        selector=read_selector(document, spec, "selector"),
        service_account_selector=read_selector(
            document, spec, "serviceAccountSelector", unparseable=Unparseable.BROADENED
        ),
        types=_read_types(document, spec),
        types_given=spec.has("types"),
        ingress=_read_rules(document, spec, RuleScope(Direction.INGRESS, is_global=is_global)),
        egress=_read_rules(document, spec, RuleScope(Direction.EGRESS, is_global=is_global)),
    )


def _check_name(document: Document) -> None:
    """The validator's form of policy names; the schema's, that of all objects, is checked elsewhere."""
    ref = document.meta.ref
    fits = _NAME.fullmatch(ref.name) or (ref.namespace and _CONVERTED_NAME.fullmatch(ref.name))
    if not fits or len(ref.name) > _MAX_NAME:
        message = f"{ref.name[:64]!r} is no policy name: one or two DNS labels, 253 characters"
        document.problem(Layer.VALIDATOR, message, at="/metadata/name")


def _read_tier(document: Document, spec: Reader) -> str:
    tier = spec.string("tier")
    if tier:
        return tier
    source = "Calico, for an empty tier" if spec.has("tier") else API_SERVER
    document.default(spec.at("tier"), DEFAULT_TIER, source)
    return DEFAULT_TIER


def _read_rules(document: Document, spec: Reader, scope: RuleScope) -> tuple[Rule, ...]:
    readers = spec.children(scope.direction)
    if len(readers) > _MAX_RULES:
        message = f"{len(readers)} rules, at most {_MAX_RULES} are allowed"
        document.problem(Layer.SCHEMA, message, at=spec.at(scope.direction))
    return tuple(read_rule(document, reader, scope) for reader in readers)


def _read_types(document: Document, spec: Reader) -> tuple[str, ...]:
    if not spec.has("types"):
        return _default_types(document, spec)
    types = spec.strings("types")
    at = spec.at("types")
    for name in types:
        if name not in _TYPES:
            proper = next((one for one in _TYPES if one.lower() == name.lower()), "")
            message = f"{name!r} is no policy type: Ingress or Egress"
            hint = f'write "{proper}"' if proper else ""
            document.problem(Layer.SCHEMA, message, at=at, hint=hint)
    if not types:
        message = "types must name a direction, or be left out"
        document.problem(Layer.SCHEMA, message, at=at)
    if len(set(types)) < len(types):
        for layer in (Layer.SCHEMA, Layer.VALIDATOR):
            document.problem(layer, "the same type twice", at=at)
    return tuple(name for name in _TYPES if name in types)


def _default_types(document: Document, spec: Reader) -> tuple[str, ...]:
    """The directions of a policy that names none: a matter of who stores it.

    An object with a resource version is as stored, so nobody filled the types in. One of the v1 group
    is stored as written.
    """
    if document.meta.resource_version or document.gvk.group == CALICO_V1:
        document.default(spec.at("types"), _TYPES, _FELIX)
        return _TYPES
    present = _directions(ingress=spec.has("ingress"), egress=spec.has("egress"))
    counted = _directions(ingress=bool(spec.value("ingress")), egress=bool(spec.value("egress")))
    source = _ADMISSION if present == counted else _CONTESTED.format(" and ".join(counted))
    document.default(spec.at("types"), present, source)
    return present


def _directions(*, ingress: bool, egress: bool) -> tuple[str, ...]:
    if not egress:
        return (INGRESS,)
    return _TYPES if ingress else (EGRESS,)
