"""The forms of settings: how the text of one is read, and the words that describe it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """How the text of a setting is read, and the words that describe it."""

    words: str
    parse: Callable[[str], T]


def integer(lowest: int, highest: int) -> Form[int]:
    """Whole numbers of a range."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"{text!r} is no whole number from {lowest} to {highest}")
        return int(text)

    return Form(f"{lowest} to {highest}", parse)


def one_of(words: tuple[T, ...]) -> Form[T]:
    """One of some words."""

    def parse(text: str) -> T:
        for word in words:
            if text == word:
                return word
        raise ValueError(f"{text!r} is none of {', '.join(map(str, words))}")

    return Form(" or ".join(map(str, words)), parse)


def list_of(one: Callable[[str], T], words: str) -> Form[tuple[T, ...]]:
    """Values between commas."""

    def parse(text: str) -> tuple[T, ...]:
        return tuple(one(part.strip()) for part in text.split(",") if part.strip())

    return Form(f"{words}, comma-separated", parse)


def matching(pattern: str, words: str) -> Form[str]:
    """Text that a regular expression matches whole."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is no {words}")
        return text

    return Form(words, parse)


def _port_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    low, high = PORT.parse(first.strip()), PORT.parse(last.strip())
    if low > high:
        raise ValueError(f"{text!r} is an empty range")
    return low, high


def _cidr(text: str) -> str:
    return str(ipaddress.ip_network(text))


def _endpoint(text: str) -> tuple[str, int]:
    """``address:port``; an IPv6 address stands in brackets."""
    address, _, port = text.rpartition(":")
    if address.startswith("[") != address.endswith("]") or (":" in address and "[" not in address):
        raise ValueError(f"{text!r}: an IPv6 endpoint is written [address]:port")
    return str(ipaddress.ip_address(address.strip("[]"))), PORT.parse(port)


def _route(text: str) -> tuple[str, str]:
    network, equals, node = text.partition("=")
    if not (equals and node.strip()):
        raise ValueError(f"{text!r} is no CIDR=node")
    return _cidr(network.strip()), node.strip()


PORT: Final = integer(1, _MAX_PORT)
PORTS: Final = Form("first-last", _port_range)
CIDRS: Final = list_of(_cidr, "CIDRs")
ENDPOINTS: Final = list_of(_endpoint, "address:port")
ROUTES: Final = list_of(_route, "CIDR=node")
