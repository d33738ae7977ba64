"""Rules of policies as nftables matches.

Semantics: "Rule matching". An alternative is a list of matches that all must hold; a rule is as many
nftables rules as it has alternatives, none where it cannot match.
"""

from __future__ import annotations

from ipaddress import collapse_addresses, ip_address, ip_network
from itertools import product
from typing import TYPE_CHECKING

from tests.reference import selector as sel
from tests.reference.packet import ICMP, ICMP6, protocol_number
from tests.reference.policies import PortRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.reference.policies import Entity, Network, Rule
    from tests.reference.world import World

_FAMILY = {4: "ip", 6: "ip6"}
_ICMP = {4: ICMP, 6: ICMP6}
_SIDES = {"source": "s", "destination": "d"}
Alternatives = list[list[str]]
_NEVER: Alternatives = []


class Matches:
    """What rules match in one world."""

    def __init__(self, world: World) -> None:
        """The sets of addresses of *world*'s selectors are listed when a rule asks for them."""
        self._endpoints = (*world.workloads, *world.host_endpoints)
        self._sets = world.sets._network_sets
        self._slices = world.of_kind("EndpointSlice")

    def of(self, rule: Rule) -> list[str]:
        """The match parts of the nftables rules that stand for a rule of a policy."""
        return [
            " ".join(alternative)
            for family in (4, 6)
            if rule.ip_version in {None, family} and _exists(rule, family)
            for alternative in self._in_family(rule, family)
        ]

    def _in_family(self, rule: Rule, family: int) -> Iterator[list[str]]:
        if (rule.icmp or rule.not_icmp) and rule.protocol not in {None, _ICMP[family]}:
            return
        head = [f"meta nfproto ipv{family}"]
        if rule.protocol is not None:
            head.append(f"meta l4proto {rule.protocol}")
        if rule.not_protocol is not None:
            head.append(f"meta l4proto != {rule.not_protocol}")
        parts = (
            _icmp(rule.icmp, family),
            _not_icmp(rule.not_icmp, family),
            self._side(rule.source, "source", family),
            self._side(rule.destination, "destination", family),
        )
        for chosen in product(*parts):
            yield [*head, *(match for alternative in chosen for match in alternative)]

    def _side(self, entity: Entity, side: str, family: int) -> Alternatives:
        field = f"{_FAMILY[family]} {_SIDES[side]}addr"
        found: Alternatives = [[]]
        for listed in (
            _in(field, entity.nets, family) if entity.nets else None,
            _not_in(field, entity.not_nets, family),
            _in(field, self._selected(entity.selector), family) if entity.selector else None,
            _not_in(field, self._selected(entity.not_selector), family)
            if entity.not_selector
            else None,
            self._services(entity, side, family) if entity.services else None,
            self._ports(entity, entity.ports, side, family=family) if entity.ports else None,
        ):
            if listed is not None:
                found = [[*one, *other] for one in found for other in listed]
        unwanted = self._not_ports(entity, side, family)
        return [[*one, *unwanted] for one in found]

    def _selected(self, tree: sel.Tree) -> list[Network]:
        chosen = [one for one in self._endpoints if sel.matches(tree, one.labels)]
        own = [ip_network(address) for one in chosen for address in one.addresses]
        sets = [one for one in self._sets if sel.matches(tree, one.labels)]
        return [*own, *(net for one in sets for net in one.nets)]

    def _ports(
        self, entity: Entity, ports: Iterable[PortRange | str], side: str, *, family: int
    ) -> Alternatives:
        numbers = [one for one in ports if isinstance(one, PortRange)]
        names = [one for one in ports if isinstance(one, str)]
        found: Alternatives = []
        if numbers:
            found.append([f"th {_SIDES[side]}port {_ranges(numbers)}"])
        members = sorted({one for name in names for one in self._named(name, entity, family)})
        if members:
            found.append([f"{_member(side, family)} {{{', '.join(members)}}}"])
        return found

    def _not_ports(self, entity: Entity, side: str, family: int) -> list[str]:
        listed = self._ports(entity, entity.not_ports, side, family=family)
        return [match.replace(" {", " != {", 1) for (match,) in listed]

    def _named(self, name: str, entity: Entity, family: int) -> Iterator[str]:
        for endpoint in self._endpoints:
            if sel.matches(entity.selector or sel.ALL, endpoint.labels):
                for address, port in product(endpoint.addresses, endpoint.ports):
                    if address.version == family and port[0] == name:
                        yield f"{address} . {port[1]} . {port[2]}"

    def _services(self, entity: Entity, side: str, family: int) -> Alternatives:
        members, addresses = set(), set()
        for one in self._slices:
            meta = one["metadata"]
            labels = meta.get("labels") or {}
            name = f"{meta['namespace']}/{labels.get('kubernetes.io/service-name', '')}"
            if name != entity.services:
                continue
            for text in (text for end in one.get("endpoints") or () for text in end["addresses"]):
                address = ip_address(text)
                if address.version != family:
                    continue
                addresses.add(ip_network(address))
                members |= {
                    f"{address} . {protocol_number(port.get('protocol', 'TCP'))} . {port['port']}"
                    for port in one.get("ports") or ()
                    if port.get("port")
                }
        if side == "source":
            return _in(f"{_FAMILY[family]} saddr", sorted(addresses, key=str), family)
        return [[f"{_member(side, family)} {{{', '.join(sorted(members))}}}"]] if members else []


def _exists(rule: Rule, family: int) -> bool:
    """No list of nets, negated ones too, may become empty, nor a negated one hold everything."""
    for entity in (rule.source, rule.destination):
        for nets in (entity.nets, entity.not_nets):
            if nets and all(net.version != family for net in nets):
                return False
        if any(net.version == family and net.prefixlen == 0 for net in entity.not_nets):
            return False
    return True


def _member(side: str, family: int) -> str:
    letter = _SIDES[side]
    return f"{_FAMILY[family]} {letter}addr . meta l4proto . th {letter}port"


def _in(field: str, nets: Iterable[Network], family: int) -> Alternatives:
    listed = addresses(nets, family)
    return [[f"{field} {listed}"]] if listed else _NEVER


def _not_in(field: str, nets: Iterable[Network], family: int) -> Alternatives:
    listed = addresses(nets, family)
    return [[f"{field} != {listed}"]] if listed else [[]]


def addresses(nets: Iterable[Network], family: int) -> str:
    """An nftables set of the nets of one family; "" for none."""
    listed = collapse_addresses(net for net in nets if net.version == family)
    texts = [str(net) for net in listed]
    return f"{{{', '.join(texts)}}}" if texts else ""


def _ranges(ports: list[PortRange]) -> str:
    merged: list[tuple[int, int]] = []
    for lo, hi in sorted((one.lo, one.hi) for one in ports):
        if merged and lo <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(hi, merged[-1][1]))
        else:
            merged.append((lo, hi))
    return f"{{{', '.join(f'{lo}-{hi}' if lo < hi else str(lo) for lo, hi in merged)}}}"


def _icmp(wanted: Mapping[str, int] | None, family: int) -> Alternatives:
    if wanted is None:
        return [[]]
    header = "icmp" if family == 4 else "icmpv6"
    return [[f"{header} {key} {value}" for key, value in wanted.items() if key in {"type", "code"}]]


def _not_icmp(unwanted: Mapping[str, int] | None, family: int) -> Alternatives:
    """One alternative for each criterion that may fail; the header's name asks for ICMP."""
    if unwanted is None:
        return [[]]
    header = "icmp" if family == 4 else "icmpv6"
    found: Alternatives = [[f"{header} type != {unwanted['type']}"]]
    if "code" in unwanted:
        found.append([f"{header} type {unwanted['type']}", f"{header} code != {unwanted['code']}"])
    return found
