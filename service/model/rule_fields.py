"""Rules of Calico policies: how one is read, and what each layer of validation says of it.

Source: api/pkg/apis/projectcalico/v3/policy_common.go (schema, CEL); validator/v3; typha
validator/v1 (Felix's filter); libcalico-go updateprocessors/rules.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from service.model.entity_fields import read_entity
from service.model.meta import Layer
from service.model.protocols import ICMP, ICMPV6, PORTED, TCP, read_protocol
from service.model.rule import ANY, Action, EntityRule, Icmp, Rule

if TYPE_CHECKING:
    from service.model.document import Document, Reader

_MAX_ICMP_TYPE = 254
_MAX_ICMP_CODE = 255
_ICMP_SPELLINGS = ("ICMP", ICMP)
_ICMPV6_SPELLINGS = ("ICMPv6", ICMPV6)
_ACTIONS = {action.value: action for action in Action}
_IP_VERSIONS = frozenset({4, 6})


class Direction(StrEnum):
    """A policy's list of rules; the value is its field."""

    INGRESS = "ingress"
    EGRESS = "egress"


@dataclass(frozen=True, slots=True)
class RuleScope:
    """Where a rule stands, as far as its validation depends on it."""

    direction: Direction
    is_global: bool
    """Whether the policy has no namespace, so that a service must name its own."""


def read_rule(document: Document, reader: Reader, scope: RuleScope) -> Rule:
    """The rule that *reader* is about."""
    action = _read_action(document, reader)
    ip_version = _read_ip_version(document, reader)
    protocol = read_protocol(document, reader, "protocol")
    not_protocol = read_protocol(document, reader, "notProtocol")
    _check_icmp_family(document, reader, ip_version)
    icmp = _read_icmp(document, reader, "icmp")
    if icmp is not None:
        _require_icmp_protocol(document, reader)
    rule = Rule(
        action=action,
        ip_version=ip_version,
        protocol=protocol,
        not_protocol=not_protocol,
        icmp=icmp,
        not_icmp=_read_icmp(document, reader, "notICMP"),
        source=_read_side(document, reader, "source"),
        destination=_read_side(document, reader, "destination"),
        pointer=reader.pointer,
        line=document.locate(reader.pointer).line,
        http=_read_http(document, reader, scope.direction),
    )
    metadata = reader.child("metadata")
    if metadata is not None:
        metadata.string_map("annotations")
    _check_ports(document, reader, rule)
    _check_services(document, rule, scope)
    _check_families(document, rule)
    return rule


def _read_action(document: Document, reader: Reader) -> Action:
    """The action; a rule without a legal one is in no stored object, and reads as Deny."""
    text = reader.string("action")
    if text in _ACTIONS:
        return _ACTIONS[text]
    known = ", ".join(Action)
    message = f"{text!r} is no action: {known}" if text else f"a rule needs an action: {known}"
    proper = next((action for action in Action if action.lower() == text.lower()), None)
    hint = f'write "{proper}"' if proper else ""
    document.problem(Layer.SCHEMA, message, at=reader.at("action"), hint=hint)
    return Action.DENY


def _read_ip_version(document: Document, reader: Reader) -> int:
    version = reader.integer("ipVersion")
    if version is None:
        return 0
    if version not in _IP_VERSIONS:
        message = f"{version} is no IP version: 4 or 6"
        document.problem(Layer.SCHEMA, message, at=reader.at("ipVersion"))
        document.problem(Layer.FELIX, message, at=reader.at("ipVersion"))
    return version


def _check_icmp_family(document: Document, reader: Reader, ip_version: int) -> None:
    """The schema compares the spellings, so that the string "1" passes for no ICMP."""
    if not ip_version:
        return
    for key in ("protocol", "notProtocol"):
        value = reader.value(key)
        if (value in _ICMP_SPELLINGS and ip_version == 6) or (  # noqa: PLR2004 - IPv6
            value in _ICMPV6_SPELLINGS and ip_version == 4  # noqa: PLR2004 - IPv4
        ):
            message = f"{key} {value} contradicts ipVersion {ip_version}"
            document.problem(Layer.SCHEMA, message, at=reader.at(key))


def _read_icmp(document: Document, reader: Reader, key: str) -> Icmp | None:
    child = reader.child(key)
    if child is None:
        return None
    icmp = Icmp(child.integer("type"), child.integer("code"))
    if icmp.code is not None and icmp.type is None:
        document.problem(Layer.SCHEMA, f"{key} has a code without a type", at=child.at("code"))
    for name, value, limit in (
        ("type", icmp.type, _MAX_ICMP_TYPE),
        ("code", icmp.code, _MAX_ICMP_CODE),
    ):
        if value is not None and not 0 <= value <= limit:
            message = f"{value} is no ICMP {name}: 0 to {limit}"
            document.problem(Layer.SCHEMA, message, at=child.at(name))
            document.discarded(message, at=child.at(name))
    if icmp.type is not None and icmp.code is not None:
        document.problem(
            Layer.DATAPLANE,
            f"{key} with a type and a code: nftables refuses the rule that Felix writes for it, and with it"
            " every later policy update of the nodes where this policy is active",
            at=child.pointer,
            hint="leave out the code, unless Felix runs in iptables mode",
        )
    return icmp


def _require_icmp_protocol(document: Document, reader: Reader) -> None:
    if reader.value("protocol") not in (*_ICMP_SPELLINGS, *_ICMPV6_SPELLINGS):
        message = "icmp needs the protocol ICMP or ICMPv6"
        document.problem(Layer.SCHEMA, message, at=reader.at("icmp"))


def _read_side(document: Document, reader: Reader, key: str) -> EntityRule:
    child = reader.child(key)
    return ANY if child is None else read_entity(document, child)


def _read_http(document: Document, reader: Reader, direction: Direction) -> bool:
    """Whether the rule has an HTTP criterion; what is in it matters to no packet filter."""
    http = reader.child("http")
    if http is None:
        return False
    if reader.value("action") != Action.ALLOW or reader.value("protocol") not in (None, "TCP", TCP):
        message = "http needs the action Allow, and the protocol TCP or none"
        document.problem(Layer.SCHEMA, message, at=http.pointer)
    if direction is Direction.EGRESS:
        message = "http is for ingress rules only"
        document.problem(Layer.VALIDATOR, message, at=http.pointer)
    methods = http.strings("methods")
    if len(set(methods)) < len(methods):
        message = "the same HTTP method twice"
        document.problem(Layer.VALIDATOR, message, at=http.at("methods"))
    for path in http.children("paths"):
        _check_http_path(document, path)
    return True


def _check_http_path(document: Document, path: Reader) -> None:
    given = [text for key in ("exact", "prefix") if (text := path.string(key))]
    if len(given) != 1:
        message = "an HTTP path is either exact or a prefix"
        document.problem(Layer.VALIDATOR, message, at=path.pointer)
    elif not given[0].startswith("/"):
        message = f"the HTTP path {given[0]!r} does not start with a slash"
        document.problem(Layer.VALIDATOR, message, at=path.pointer)


def _sides(rule: Rule) -> tuple[tuple[str, EntityRule], ...]:
    """Both sides of a rule, each with its field before it."""
    return ("source", rule.source), ("destination", rule.destination)


def _check_ports(document: Document, reader: Reader, rule: Rule) -> None:
    """Ports need a protocol that has them; named ones bring their own where the rule has none."""
    if rule.protocol in PORTED or (rule.protocol is None and reader.has("protocol")):
        return
    for key, entity in _sides(rule):
        ports = entity.ports + entity.not_ports
        if any(rule.protocol is not None or not port.name for port in ports):
            document.discarded(
                f"{key} ports need the protocol TCP, UDP or SCTP",
                at=f"{rule.pointer}/{key}",
                hint="add protocol: TCP to the rule" if rule.protocol is None else "",
            )


def _check_services(document: Document, rule: Rule, scope: RuleScope) -> None:
    right_side = "source" if scope.direction is Direction.INGRESS else "destination"
    for key, entity in _sides(rule):
        if entity.services is None:
            continue
        at = f"{rule.pointer}/{key}/services"
        if key == "destination" and (entity.ports or entity.not_ports):
            message = "services brings its own destination ports"
            document.problem(Layer.SCHEMA, message, at=at)
        if key != right_side:
            message = f"in {scope.direction} rules, services stands in {right_side} only"
            document.problem(Layer.VALIDATOR, message, at=at)
        if scope.is_global and not entity.services.namespace:
            message = "services needs a namespace in a policy that has none itself"
            document.problem(Layer.VALIDATOR, message, at=at)
    portless = rule.protocol is not None and rule.protocol not in PORTED
    if portless and rule.destination.services is not None:
        document.problem(
            Layer.DATAPLANE,
            f"protocol {rule.protocol} has no ports: with destination.services, nftables takes a rule set"
            " that Felix cannot read back at its next start",
            at=rule.pointer,
        )


def _check_families(document: Document, rule: Rule) -> None:
    """The validator's rule that all nets of a rule are of one family, that of its ipVersion."""
    families = {
        net.family for _, entity in _sides(rule) for net in (*entity.nets, *entity.not_nets)
    }
    if len(families) > 1:
        message = "IPv4 and IPv6 nets in one rule"
        document.problem(Layer.VALIDATOR, message, at=rule.pointer, hint="write a rule for each")
    elif families and rule.ip_version and rule.ip_version not in families:
        message = f"none of the nets is of ipVersion {rule.ip_version}"
        document.problem(Layer.VALIDATOR, message, at=rule.pointer)
