"""Fields that hold addresses and CIDRs outside of rules, where an illegible entry is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from service.net.prefixes import PrefixError, parse_ip, parse_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from service.model.document import Document, Reader
    from service.model.meta import Layer
    from service.net.prefixes import Address, Prefix

T = TypeVar("T")


def read_addresses(
    document: Document, reader: Reader, key: str, *, refused_by: Iterable[Layer]
) -> tuple[Address, ...]:
    """The IP addresses of the list *key*; every other entry is a problem of *refused_by*."""
    return _read(document, reader, key, parse=parse_ip, refused_by=refused_by)


def read_networks(
    document: Document, reader: Reader, key: str, *, refused_by: Iterable[Layer]
) -> tuple[Prefix, ...]:
    """The CIDRs and bare addresses of the list *key*, masked; as `read_addresses` otherwise."""
    return _read(document, reader, key, parse=parse_network, refused_by=refused_by)


def _read(
    document: Document,
    reader: Reader,
    key: str,
    *,
    parse: Callable[[str], T],
    refused_by: Iterable[Layer],
) -> tuple[T, ...]:
    values = []
    for at, text in reader.located_strings(key):
        try:
            values.append(parse(text))
        except PrefixError as error:
            for layer in refused_by:
                document.problem(layer, str(error), at=at)
    return tuple(values)
