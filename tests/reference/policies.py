"""Policies as Felix sees them: selectors rewritten, broken ones discarded whole.

Semantics: "Rewriting of v3 selectors", "Validation" (layer F), "Category of a policy".
Source: libcalico-go/lib/backend/syncersv1/updateprocessors/{rules,globalnetworkpolicyprocessor,
networkpolicyprocessor}.go, typha/pkg/validator/v1/validator.go.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from tests.reference import selector as sel
from tests.reference.packet import WITH_PORTS, protocol_number

NAMESPACE = "projectcalico.org/namespace"
SERVICE_ACCOUNT = "projectcalico.org/serviceaccount"
INFINITE = float("inf")
Network = IPv4Network | IPv6Network
Raw = Mapping[str, Any]  # an object, or part of one, as YAML gives it
_PORT_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")


class BrokenError(ValueError):
    """Felix's filter refuses the object, which then counts as absent."""


class UndecodableError(BrokenError):
    """Calico's client cannot read the object, and so perhaps not the list of its kind."""


class Category(Enum):
    """Which of a host endpoint's four lists a policy belongs to."""

    UNTRACKED = "untracked"
    PRE_DNAT = "preDNAT"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class PortRange:
    lo: int
    hi: int


@dataclass(frozen=True, slots=True)
class Entity:
    """One side of a rule. `selector` already holds namespace, service accounts and, where it
    stands beside a positive selector, notSelector."""

    nets: tuple[Network, ...] = ()
    not_nets: tuple[Network, ...] = ()
    selector: sel.Tree | None = None
    not_selector: sel.Tree | None = None
    ports: tuple[PortRange | str, ...] = ()
    not_ports: tuple[PortRange | str, ...] = ()
    services: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    action: str
    index: int
    source: Entity = Entity()
    destination: Entity = Entity()
    ip_version: int | None = None
    protocol: int | None = None
    not_protocol: int | None = None
    icmp: Mapping[str, int] | None = None
    not_icmp: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    kind: str
    namespace: str
    name: str
    tier: str
    order: float
    selector: sel.Tree
    directions: frozenset[str]
    rules: Mapping[str, tuple[Rule, ...]]
    category: Category
    forward: bool
    staged: bool
    sorted_by: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def tie_break(self) -> str:
        return self.sorted_by or f"{self.name}/{self.namespace}/{self.kind}"


def policy(raw: Raw) -> Policy:
    """The internal form of a Calico policy, or of one converted to that form.

    Raises BrokenError where Felix discards it.
    """
    meta, spec = raw["metadata"], raw.get("spec") or {}
    namespace = meta.get("namespace", "")
    return Policy(
        kind=raw["kind"],
        namespace=namespace,
        name=meta["name"],
        tier=spec.get("tier") or "default",
        order=INFINITE if spec.get("order") is None else float(spec["order"]),
        selector=_applies_to(spec, namespace),
        directions=frozenset(map(str.lower, spec.get("types") or ("ingress", "egress"))),
        rules={
            "ingress": _rules(spec.get("ingress"), namespace),
            "egress": _rules(spec.get("egress"), namespace),
        },
        category=_category(spec),
        forward=bool(spec.get("applyOnForward")),
        staged=raw["kind"].startswith("Staged"),
    )


def _category(spec: Raw) -> Category:
    if spec.get("doNotTrack"):
        return Category.UNTRACKED
    return Category.PRE_DNAT if spec.get("preDNAT") else Category.NORMAL


def _applies_to(spec: Raw, namespace: str) -> sel.Tree:
    """The endpoints that the policy selects ("Policy spec → endpoints")."""
    tree = _strict(spec.get("selector"))
    service_accounts = _lenient(spec.get("serviceAccountSelector"))
    if service_accounts:
        service_accounts = sel.prefixed(service_accounts, "pcsa.")
    if namespace:
        own = ("==", NAMESPACE, namespace)
        return sel.both(tree, own, service_accounts) or sel.ALL
    namespaces = _lenient(spec.get("namespaceSelector"))
    if namespaces:
        tree = sel.both(tree, sel.prefixed(namespaces, "pcns.")) or sel.ALL
        tree = sel.replaced(tree, "all", ("has", NAMESPACE))
    if service_accounts:
        tree = sel.both(tree, service_accounts) or sel.ALL
        tree = sel.replaced(tree, "all", ("has", SERVICE_ACCOUNT))
    return tree or sel.ALL


def _strict(text: str | None) -> sel.Tree | None:
    """The tree, None for no text; text that does not parse breaks the object."""
    try:
        return sel.parse(text) if text else None
    except sel.SelectorError as error:
        raise BrokenError(str(error)) from error


def _lenient(text: str | None) -> sel.Tree | None:
    """The tree; text that does not parse restricts nothing."""
    try:
        return sel.parse(text) if text else None
    except sel.SelectorError:
        return None


def profile_rules(spec: Raw) -> Mapping[str, tuple[Rule, ...]]:
    """The rules of a profile, which belongs to no namespace."""
    return {one: _rules(spec.get(one), "") for one in ("ingress", "egress")}


def _rules(raws: list[Raw] | None, namespace: str) -> tuple[Rule, ...]:
    return tuple(_rule(raw, raw.get("index", at), namespace) for at, raw in enumerate(raws or ()))


def _rule(raw: Raw, index: int, namespace: str) -> Rule:
    found = Rule(
        action=raw["action"],
        index=index,
        source=_entity(raw.get("source") or {}, namespace),
        destination=_entity(raw.get("destination") or {}, namespace),
        ip_version=raw.get("ipVersion"),
        protocol=_protocol(raw.get("protocol")),
        not_protocol=_protocol(raw.get("notProtocol")),
        icmp=raw.get("icmp"),
        not_icmp=raw.get("notICMP"),
    )
    _require_protocol_for_numeric_ports(found)
    return found


def _protocol(value: str | int | None) -> int | None:
    if value is None:
        return None
    try:
        number = protocol_number(value)
    except ValueError as error:
        raise BrokenError(f"protocol {value!r}") from error
    if not 0 <= number <= 255:
        raise UndecodableError(f"protocol {value!r}")
    if number == 0:
        raise BrokenError(f"protocol {value!r}")
    return number


def _require_protocol_for_numeric_ports(rule: Rule) -> None:
    sides = (rule.source, rule.destination)
    ports = [port for side in sides for port in (*side.ports, *side.not_ports)]
    if any(isinstance(port, PortRange) for port in ports) and rule.protocol not in WITH_PORTS:
        raise BrokenError("numeric ports need protocol TCP, UDP or SCTP")


def _entity(raw: Raw, namespace: str) -> Entity:
    positive, negative = _selectors(raw, namespace)
    return Entity(
        nets=nets_of(raw.get("nets")),
        not_nets=nets_of(raw.get("notNets")),
        selector=positive,
        not_selector=negative,
        ports=tuple(_port(port) for port in raw.get("ports") or ()),
        not_ports=tuple(_port(port) for port in raw.get("notPorts") or ()),
        services=_services(raw.get("services")),
    )


def _selectors(raw: Raw, namespace: str) -> tuple[sel.Tree | None, sel.Tree | None]:
    """The positive and the negative selector of one side ("EntityRule → source/destination")."""
    own = _strict(raw.get("selector"))
    negative = _strict(raw.get("notSelector"))
    namespaces = _lenient(raw.get("namespaceSelector"))
    positive = sel.both(_service_accounts(raw.get("serviceAccounts") or {}), own)
    if positive or negative or namespaces:
        positive = sel.both(_namespace_part(namespaces, namespace), positive)
    if positive and negative:
        return ("&&", positive, ("!", negative)), None
    return positive, negative


def _namespace_part(namespaces: sel.Tree | None, namespace: str) -> sel.Tree | None:
    if namespaces:
        tree = sel.prefixed(namespaces, "pcns.")
        tree = sel.replaced(tree, "all", ("has", NAMESPACE))
        return sel.replaced(tree, "global", ("!", ("has", NAMESPACE)))
    return ("==", NAMESPACE, namespace) if namespace else None


def _service_accounts(raw: Raw) -> sel.Tree | None:
    names = raw.get("names")
    chosen = _lenient(raw.get("selector"))
    return sel.both(
        chosen and sel.prefixed(chosen, "pcsa."),
        ("in", SERVICE_ACCOUNT, frozenset(names)) if names else None,
    )


def nets_of(texts: list[str] | None) -> tuple[Network, ...]:
    """The nets, masked; what does not parse is skipped."""
    found = []
    for text in texts or ():
        with suppress(ValueError):
            found.append(ip_network(text, strict=False))
    return tuple(found)


def _port(value: int | str) -> PortRange | str:
    text = str(value)
    if re.fullmatch(r"\d+(:\d+)?", text):
        lo, _, hi = text.partition(":")
        bounds = PortRange(int(lo), int(hi or lo))
        if not 0 <= bounds.lo <= bounds.hi <= 65535:
            raise UndecodableError(f"port {text}")
        if bounds.lo == 0:
            raise BrokenError(f"port {text}")
        return bounds
    if not _PORT_NAME.fullmatch(text) or re.fullmatch(r"\d+-\d+", text):
        raise BrokenError(f"port {text!r}")
    return text


def _services(raw: Raw | None) -> str:
    """ "namespace/name"; without a namespace "/name", which names nothing."""
    return f"{raw.get('namespace', '')}/{raw['name']}" if raw else ""
