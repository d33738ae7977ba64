"""The packets that a rule matches, for one address family.

Source: felix/rules/policy.go (FilterRuleToIPVersion, ProtoRuleToIptablesRules), felix/calc/rule_scanner.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.rule import port_numbers
from service.net.flow import PORT_PROTOCOLS, PROTOCOL_NUMBERS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family, addresses_in
from service.policy.addresses import AddressBounds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.model.rule import Icmp, Port, ServiceMatch
    from service.model.selector import Selector
    from service.policy.addresses import AddressBook, PortTriple
    from service.policy.convert import Entity, PolicyRule

ICMP_OF = {Family.V4: PROTOCOL_NUMBERS["ICMP"], Family.V6: PROTOCOL_NUMBERS["ICMPv6"]}
_FOREIGN_ICMP = {Family.V4: PROTOCOL_NUMBERS["ICMPv6"], Family.V6: PROTOCOL_NUMBERS["ICMP"]}
_ICMP_VALUES = IntervalSet.of((0, 255))
_PROTOCOLS = IntervalSet.of((0, 255))
_PORTS = IntervalSet.of((0, 65535))
_WITH_PORTS = IntervalSet.of(*((one, one) for one in sorted(PORT_PROTOCOLS)))


@dataclass(frozen=True, slots=True)
class Match:
    """The packets that a rule matches, and what was unknown about them."""

    space: Bounds
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Side:
    """Which fields are meant by an entity, those of the source or of the destination, in which family."""

    address: Field
    port: Field
    family: Family


class Matcher:
    """Rules to packet sets, by one address book; each rule is worked out once per family."""

    def __init__(self, book: AddressBook) -> None:
        """A matcher by *book*."""
        self._book = book
        self._known: dict[tuple[PolicyRule, Family], Match] = {}

    @property
    def book(self) -> AddressBook:
        """The addresses by which it matches."""
        return self._book

    def selected(self, selector: Selector, family: Family) -> AddressBounds:
        """The addresses of *family* that a selector of a rule stands for."""
        return self._book.selected(selector, family)

    def match(self, rule: PolicyRule, family: Family) -> Match:
        """The packets of *family* that *rule* matches."""
        key = (rule, family)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self.work_out(rule, family)
        return known

    def exceptions(self, rule: PolicyRule, family: Family) -> HeaderSpace | None:
        """The packets that *rule* spares only for its source's negated nets or selector; at most these.

        None for a rule without such exceptions, or that is none for the family.
        """
        if rule.without_exceptions is None or not applies_to_family(rule, family):
            return None
        whole = self.match(rule.without_exceptions, family)
        return whole.space.may - self.match(rule, family).space.must

    def work_out(self, rule: PolicyRule, family: Family) -> Match:
        """As `match`, for a rule that nobody will ask for again: nothing is kept."""
        if not applies_to_family(rule, family):
            return Match(Bounds.exact(HeaderSpace.nothing(family)))
        headers = Bounds.exact(header_criteria(rule, family))
        source = self._entity(rule.source, _Side(Field.SRC, Field.SRC_PORT, family))
        destination = self._entity(rule.destination, _Side(Field.DST, Field.DST_PORT, family))
        space = headers & source.space & destination.space
        if space.is_exact:
            return Match(space)
        return Match(space, tuple(dict.fromkeys((*source.unknown, *destination.unknown))))

    def _entity(self, entity: Entity, side: _Side) -> Match:
        family = side.family
        addresses = self._addresses(entity, family)
        space = Bounds(
            HeaderSpace.box(family, {side.address: addresses.must}),
            HeaderSpace.box(family, {side.address: addresses.may}),
        )
        unknown = list(addresses.unknown)
        rule = entity.rule
        for ports, negated in ((rule.ports, False), (rule.not_ports, True)):
            if ports:
                match = self._ports(ports, entity, side)
                space = space - match.space if negated else space & match.space
                unknown += match.unknown
        if rule.services is not None:
            match = self._service(rule.services, side)
            space = space & match.space
            unknown += match.unknown
        return Match(space, tuple(unknown))

    def _addresses(self, entity: Entity, family: Family) -> AddressBounds:
        everything = IntervalSet.of((0, family.max_address))
        nets = addresses_in(entity.rule.nets, family) if entity.rule.nets else everything
        nets = nets - addresses_in(entity.rule.not_nets, family)
        if entity.positive is not None:
            chosen = self._book.selected(entity.positive, family)
            return AddressBounds(nets & chosen.must, nets & chosen.may, chosen.unknown)
        if entity.negative is not None:
            left_out = self._book.selected(entity.negative, family)
            return AddressBounds(nets - left_out.may, nets - left_out.must, left_out.unknown)
        return AddressBounds(nets, nets)

    def _ports(self, ports: tuple[Port, ...], entity: Entity, side: _Side) -> Match:
        family = side.family
        numeric = port_numbers(ports)
        spaces = [Bounds.exact(HeaderSpace.box(family, {side.port: numeric}))]
        unknown: list[str] = []
        for name in (one.name for one in ports if one.name):
            named = self._book.named_ports(name, entity.positive)
            known = _triples(named.surely, side)
            nameless = self._book.unknown_pods(name, entity.positive, family)
            pods = HeaderSpace.box(
                family, {side.address: nameless, Field.PROTOCOL: _WITH_PORTS}
            ) | _triples(named.perhaps, side)
            spaces.append(Bounds(known, known | pods))
            if pods:
                unknown.append(f"pods that have a port named {name} are not known")
        union = spaces[0]
        for space in spaces[1:]:
            union = union | space
        return Match(union, tuple(unknown))

    def _service(self, match: ServiceMatch, side: _Side) -> Match:
        family = side.family
        endpoints = self._book.service(match)
        if endpoints is None:
            nothing, everything = HeaderSpace.nothing(family), HeaderSpace.everything(family)
            reason = f"the endpoints of Service {match.namespace}/{match.name} are not known"
            return Match(Bounds(nothing, everything), (reason,))
        if side.address is Field.SRC:
            values = (one.address[1] for one in endpoints if one.address[0] is family)
            addresses = IntervalSet.of(*((value, value) for value in values))
            return Match(Bounds.exact(HeaderSpace.box(family, {Field.SRC: addresses})))
        return Match(Bounds.exact(_triples(endpoints, side)))


def applies_to_family(rule: PolicyRule, family: Family) -> bool:
    """Whether a rule can match any packet of *family*, by its version and its nets.

    A list of nets, negated ones too, of which none is of the family makes the rule inapplicable; so does
    a negated /0. Source: felix/rules/policy.go FilterRuleToIPVersion.
    """
    if rule.rule.ip_version not in {0, family}:
        return False
    for entity in (rule.rule.source, rule.rule.destination):
        for nets in (entity.nets, entity.not_nets):
            if nets and all(net.family is not family for net in nets):
                return False
        if any(net.family is family and net.length == 0 for net in entity.not_nets):
            return False
    return True


def header_criteria(rule: PolicyRule, family: Family) -> HeaderSpace:
    """The packets that meet the rule's protocol and ICMP criteria."""
    protocols = _PROTOCOLS
    if rule.rule.protocol is not None:
        protocols = IntervalSet.single(rule.rule.protocol)
        if rule.rule.protocol == _FOREIGN_ICMP[family]:
            protocols = IntervalSet.empty()
    if rule.rule.not_protocol is not None:
        protocols = protocols - IntervalSet.single(rule.rule.not_protocol)
    space = HeaderSpace.box(family, {Field.PROTOCOL: protocols})
    if rule.rule.icmp is not None:
        space = space & _icmp(rule.rule.icmp, family)
    if rule.rule.not_icmp is not None and rule.rule.not_icmp.type is not None:
        # The kernel's criterion tests the protocol too, so that no other protocol passes the negation.
        any_icmp = HeaderSpace.box(family, {Field.PROTOCOL: IntervalSet.single(ICMP_OF[family])})
        space = space & any_icmp - _icmp(rule.rule.not_icmp, family)
    return space


def _icmp(icmp: Icmp, family: Family) -> HeaderSpace:
    fields: dict[Field, IntervalSet] = {}
    if icmp.type is not None:
        fields[Field.ICMP_TYPE] = IntervalSet.single(icmp.type)
    if icmp.code is not None:
        fields[Field.ICMP_CODE] = IntervalSet.single(icmp.code)
    return HeaderSpace.box(family, fields)


def _triples(triples: Iterable[PortTriple], side: _Side) -> HeaderSpace:
    family = side.family
    spaces = (
        HeaderSpace.box(
            family,
            {
                side.address: IntervalSet.single(triple.address[1]),
                Field.PROTOCOL: IntervalSet.single(triple.protocol),
                side.port: _PORTS if triple.port is None else IntervalSet.single(triple.port),
            },
        )
        for triple in triples
        if triple.address[0] is family
    )
    return HeaderSpace.union_all(family, spaces)
