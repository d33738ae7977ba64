"""The source and destination of a Calico rule: how one is read, and what is refused of it by itself.

Source: as `rule_fields`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.meta import Layer
from service.model.protocols import read_ports
from service.model.rule import EntityRule, ServiceMatch
from service.model.selector_fields import (
    Unparseable,
    read_selector,
    refuse_global,
    require_whole_global,
)
from service.net.prefixes import (
    HostBits,
    HostBitsError,
    Prefix,
    PrefixError,
    parse_cidr,
    parse_network,
)

if TYPE_CHECKING:
    from service.model.document import Document, Reader

_MAX_NETS = 256
_EXCLUDED_BY_SERVICES = (
    "selector",
    "notSelector",
    "namespaceSelector",
    "nets",
    "notNets",
    "serviceAccounts",
)


def read_entity(document: Document, reader: Reader) -> EntityRule:
    """The source or destination that *reader* is about."""
    refuse_global(document, reader, "selector")
    require_whole_global(document, reader, "namespaceSelector")
    accounts = reader.child("serviceAccounts")
    services = _read_services(document, reader)
    return EntityRule(
        nets=_read_nets(document, reader, "nets"),
        not_nets=_read_not_nets(document, reader),
        selector=read_selector(document, reader, "selector"),
        not_selector=read_selector(document, reader, "notSelector"),
        namespace_selector=read_selector(
            document, reader, "namespaceSelector", unparseable=Unparseable.BROADENED
        ),
        ports=read_ports(document, reader, "ports"),
        not_ports=read_ports(document, reader, "notPorts"),
        services=services,
        service_account_names=accounts.strings("names") if accounts else (),
        service_account_selector=(
            read_selector(document, accounts, "selector", unparseable=Unparseable.BROADENED)
            if accounts
            else ""
        ),
    )


def _read_services(document: Document, reader: Reader) -> ServiceMatch | None:
    services = reader.child("services")
    if services is None:
        return None
    match = ServiceMatch(services.string("name"), services.string("namespace"))
    if not match.name:
        document.problem(Layer.SCHEMA, "services needs a name", at=services.at("name"))
    for key in _EXCLUDED_BY_SERVICES:
        if reader.value(key):
            message = f"services and {key} exclude each other"
            document.problem(Layer.SCHEMA, message, at=reader.at(key))
    return match


def _read_not_nets(document: Document, reader: Reader) -> tuple[Prefix, ...]:
    nets = _read_nets(document, reader, "notNets")
    for net in nets:
        if net.length == 0:
            message = f"notNets with {net} leaves nothing"
            document.problem(Layer.VALIDATOR, message, at=reader.at("notNets"))
            message = f"{message}: Felix matches no IPv{net.family} packet with this rule"
            document.problem(Layer.RUNTIME, message, at=reader.at("notNets"))
    return nets


def _read_nets(document: Document, reader: Reader, key: str) -> tuple[Prefix, ...]:
    """The nets of a list as Felix reads them: masked, bare addresses too, illegible ones left out."""
    texts = reader.located_strings(key)
    if len(texts) > _MAX_NETS:
        message = f"{len(texts)} nets, at most {_MAX_NETS} are allowed"
        document.problem(Layer.SCHEMA, message, at=reader.at(key))
    nets = [net for at, text in texts if (net := _read_net(document, text, at)) is not None]
    if texts and not nets:
        message = f"none of the {key} can be read: Felix matches as if there were no {key}"
        document.problem(Layer.RUNTIME, message, at=reader.at(key))
    return tuple(nets)


def _read_net(document: Document, text: str, at: str) -> Prefix | None:
    try:
        return parse_cidr(text, HostBits.REFUSE)
    except HostBitsError as error:
        document.problem(Layer.VALIDATOR, str(error), at=at)
        return parse_cidr(text)
    except PrefixError as error:
        document.problem(Layer.VALIDATOR, str(error), at=at)
    try:
        return parse_network(text)
    except PrefixError:
        document.problem(Layer.RUNTIME, f"Felix skips the net {text[:64]!r}", at=at)
        return None
