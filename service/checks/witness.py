"""The packet that proves a verdict, chosen so that people recognise it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.verdict import Witness
from service.net.flow import Flow
from service.net.headerspace import Field
from service.net.prefixes import Family, parse_ip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.net.headerspace import HeaderSpace
    from service.net.prefixes import Address
    from service.policy.entries import Entry

_OUTSIDERS = ("203.0.113.9", "198.51.100.7", "192.0.2.10", "2001:db8:203::9", "2001:db8:198::7")
"""Documentation addresses (RFC 5737, RFC 3849), which no cluster has."""
_STAND_INS = ("192.0.2.1", "2001:db8::1")
_EPHEMERAL_PORT = 40_000
_KNOWN_LIMIT = 1 << 16
_PROTOCOLS = (6, 17)
_PORTS = (443, 80, 53)


def outside_packet(space: HeaderSpace, entry: Entry) -> Witness:
    """A packet of *space* that comes in by *entry*, from a documentation address where that can be.

    Where the node's address is not known, a documentation address stands for it.

    Raises: ValueError if *space* is empty.
    """
    known = entry.addresses.size() < _KNOWN_LIMIT
    prefer = {
        Field.SRC: _of(_OUTSIDERS, entry.family),
        Field.SRC_PORT: (_EPHEMERAL_PORT,),
        Field.DST: () if known else _of(_STAND_INS, entry.family),
    }
    flow = Flow.from_sample(entry.family, space.sample(prefer))
    return Witness(flow, entry.node, entry.interface, dst_known=known)


def packet(space: HeaderSpace, node: str, senders: Mapping[Address, str]) -> Witness:
    """A packet of *space* to *node*; *senders* tells which node an address is of.

    Raises: ValueError if *space* is empty.
    """
    family = space.family
    prefer = {Field.SRC: _of(_OUTSIDERS, family), Field.SRC_PORT: (_EPHEMERAL_PORT,)}
    flow = Flow.from_sample(family, space.sample(prefer))
    return Witness(flow, node, sender=senders.get((family, flow.src), ""))


def rule_packet(space: HeaderSpace) -> Witness:
    """A packet of *space* wherever it goes, recognisable where that can be.

    Raises: ValueError if *space* is empty.
    """
    family = space.family
    prefer = {
        Field.PROTOCOL: _PROTOCOLS,
        Field.DST_PORT: _PORTS,
        Field.SRC: _of(_OUTSIDERS, family),
        Field.SRC_PORT: (_EPHEMERAL_PORT,),
        Field.DST: _of(_STAND_INS, family),
    }
    return Witness(Flow.from_sample(family, space.sample(prefer)))


def _of(texts: tuple[str, ...], family: Family) -> tuple[int, ...]:
    return tuple(value for one, value in map(parse_ip, texts) if one is family)
