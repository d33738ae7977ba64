"""Address and CIDR text to ranges of integers, and back.

The texts accepted are those of Go's `netip.ParseAddr` and `net.ParseCIDR`, with which Calico reads them:
no leading zeros in IPv4 octets, no zones. A bare IPv4-mapped IPv6 address (`::ffff:1.2.3.4`) *is* the
IPv4 address, as for Go's `net.IP`; a mapped CIDR has no such reading and is refused.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

from service.net.intervals import IntervalSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAPPED_PREFIX = 0xFFFF
_GROUPS = 8
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class PrefixError(ValueError):
    """Text that is no address or no CIDR; the message quotes it and says why."""


class HostBitsError(PrefixError):
    """A CIDR whose address has bits set beyond its prefix length."""


class Family(IntEnum):
    """An IP address family, numbered as its version."""

    V4 = 4
    V6 = 6

    @property
    def bits(self) -> int:
        """The width of an address: 32 or 128."""
        return 32 if self is Family.V4 else 128

    @property
    def max_address(self) -> int:
        """The highest address as an integer."""
        return 0xFFFF_FFFF if self is Family.V4 else (1 << 128) - 1


Address = tuple[Family, int]
"""An IP address: its family and its value as an integer."""


class HostBits(Enum):
    """What to do with address bits beyond the prefix length."""

    REFUSE = "refuse"
    """They are an error, as for Calico's validator."""
    MASK = "mask"
    """They are ignored, as at Felix's run time."""


class Prefix(NamedTuple):
    """A CIDR: the addresses `[lo, hi]` of one family; their number is a power of two."""

    family: Family
    lo: int
    hi: int

    @property
    def length(self) -> int:
        """The number of leading bits that all its addresses share."""
        return self.family.bits - (self.hi - self.lo).bit_length()

    def __str__(self) -> str:
        """The canonical text, such as `10.0.0.0/8`."""
        return f"{format_ip(self.family, self.lo)}/{self.length}"


def parse_ip(text: str) -> tuple[Family, int]:
    """The family and integer of an address; IPv4 for an IPv4-mapped IPv6 one.

    Raises: PrefixError.
    """
    if ":" not in text:
        return Family.V4, _parse_v4(text, text)
    address = _parse_v6(text)
    if address >> 32 == _MAPPED_PREFIX:
        return Family.V4, address & 0xFFFF_FFFF
    return Family.V6, address


def parse_cidr(text: str, host_bits: HostBits = HostBits.MASK) -> Prefix:
    """The prefix that *text*, an address and a length, denotes.

    Raises: HostBitsError if host bits are set and to be refused, PrefixError for anything else.
    Source: Go net.ParseCIDR, which ignores host bits and leading zeros of the length.
    """
    address_text, slash, length_text = text.partition("/")
    if not slash:
        raise PrefixError(_complaint(text, "a CIDR needs a prefix length, as in 10.0.0.0/8"))
    family, address = parse_ip(address_text)
    if family is Family.V4 and ":" in address_text:
        raise PrefixError(_complaint(text, "an IPv4-mapped IPv6 CIDR is not supported"))
    if not (length_text.isascii() and length_text.isdigit()):
        raise PrefixError(_complaint(text, "the prefix length is not a number"))
    # A length of many digits is too long before it is a number: int() refuses thousands of them.
    length = int(length_text.lstrip("0")[:4] or "0")
    if length > family.bits:
        raise PrefixError(_complaint(text, f"the prefix length exceeds {family.bits}"))
    return _prefix(text, (family, address, length), host_bits)


def parse_network(text: str, host_bits: HostBits = HostBits.MASK) -> Prefix:
    """The prefix of a CIDR, or the single address of a bare IP.

    Raises: as `parse_cidr`.
    """
    if "/" in text:
        return parse_cidr(text, host_bits)
    family, address = parse_ip(text)
    return Prefix(family, address, address)


def format_ip(family: Family, address: int) -> str:
    """The canonical text of an address: dotted quad, or RFC 5952 in hexadecimal groups throughout."""
    if family is Family.V4:
        return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
    groups = [address >> shift & 0xFFFF for shift in range(112, -1, -16)]
    start, end = _longest_zero_run(groups)
    if end - start < 2:  # noqa: PLR2004 - RFC 5952, 4.2.2: one zero group is not shortened
        return _hex(groups)
    return f"{_hex(groups[:start])}::{_hex(groups[end:])}"


def cidrs(family: Family, addresses: IntervalSet) -> list[str]:
    """The fewest CIDRs that together are exactly *addresses*, ascending."""
    return [str(prefix) for lo, hi in addresses for prefix in _cover(family, lo, hi)]


def addresses_in(prefixes: Iterable[Prefix], family: Family) -> IntervalSet:
    """The addresses of one family in *prefixes*."""
    return IntervalSet.of(*((one.lo, one.hi) for one in prefixes if one.family is family))


def _complaint(text: str, reason: str) -> str:
    shown = text if len(text) <= 64 else text[:61] + "..."  # noqa: PLR2004 - enough to find it
    return f"{shown!r}: {reason}"


def _prefix(text: str, parts: tuple[Family, int, int], host_bits: HostBits) -> Prefix:
    family, address, length = parts
    host_mask = family.max_address >> length
    lo = address & ~host_mask
    if lo != address and host_bits is HostBits.REFUSE:
        network = Prefix(family, lo, lo | host_mask)
        raise HostBitsError(_complaint(text, f"has host bits set, the network is {network}"))
    return Prefix(family, lo, lo | host_mask)


_OCTETS = {str(value): value for value in range(256)}
"""The texts of a byte that Go takes; all others are looked into for what is wrong with them."""


def _parse_v4(text: str, whole: str) -> int:
    """The integer of the dotted quad *text*, a part of *whole*, which errors quote."""
    octets = text.split(".")
    try:
        one, two, three, four = octets
        return _OCTETS[one] << 24 | _OCTETS[two] << 16 | _OCTETS[three] << 8 | _OCTETS[four]
    except (KeyError, ValueError):
        raise PrefixError(_complaint(whole, _what_is_odd(octets))) from None


def _what_is_odd(octets: list[str]) -> str:
    """Why *octets*, of which one at least is no text of a byte, are no dotted quad."""
    if len(octets) != 4:  # noqa: PLR2004 - a dotted quad
        return "not an IP address"
    odd = next(octet for octet in octets if octet not in _OCTETS)
    if not (odd.isascii() and odd.isdigit()):
        return "an IPv4 octet is not a number"
    return f"an IPv4 octet {'has a leading zero' if odd[0] == '0' else 'exceeds 255'}"


def _parse_v6(text: str) -> int:
    """The integer of an IPv6 address; never shorter for its mapped form."""
    if "%" in text:
        raise PrefixError(_complaint(text, "an IPv6 zone is not allowed"))
    head_text, gap, tail_text = text.partition("::")
    if not gap:
        groups = _v6_groups(text, text)
        if len(groups) != _GROUPS:
            raise PrefixError(_complaint(text, "an IPv6 address has eight groups"))
        return _joined(groups)
    if "." in head_text:
        raise PrefixError(_complaint(text, "an embedded IPv4 address must come last"))
    head = _v6_groups(head_text, text) if head_text else []
    tail = _v6_groups(tail_text, text) if tail_text else []
    missing = _GROUPS - len(head) - len(tail)
    if missing < 1:
        raise PrefixError(_complaint(text, "'::' must stand for at least one group"))
    return _joined(head + [0] * missing + tail)


def _v6_groups(text: str, whole: str) -> list[int]:
    """The groups of *text*; an IPv4 address at its end makes two."""
    *parts, last = text.split(":")
    groups = [_v6_group(part, whole) for part in parts]
    if "." in last:
        embedded = _parse_v4(last, whole)
        return [*groups, embedded >> 16, embedded & 0xFFFF]
    return [*groups, _v6_group(last, whole)]


def _v6_group(text: str, whole: str) -> int:
    if not 1 <= len(text) <= 4 or not _HEX_DIGITS.issuperset(text):  # noqa: PLR2004 - 16 bits
        raise PrefixError(_complaint(whole, "an IPv6 group is one to four hexadecimal digits"))
    return int(text, 16)


def _joined(groups: list[int]) -> int:
    address = 0
    for group in groups:
        address = address << 16 | group
    return address


def _hex(groups: list[int]) -> str:
    return ":".join(f"{group:x}" for group in groups)


def _longest_zero_run(groups: list[int]) -> tuple[int, int]:
    """The first of the longest runs of zeros, as `[start, end)`; empty where there is no zero."""
    best = (0, 0)
    start = 0
    for at, group in enumerate(groups):
        if group:
            start = at + 1
        elif at + 1 - start > best[1] - best[0]:
            best = (start, at + 1)
    return best


def _cover(family: Family, lo: int, hi: int) -> Iterator[Prefix]:
    """The fewest prefixes that cover `[lo, hi]`: each as large as its start and the end allow."""
    while lo <= hi:
        aligned = (lo & -lo).bit_length() - 1 if lo else family.bits
        host_bits = min(aligned, (hi - lo + 1).bit_length() - 1)
        end = lo + (1 << host_bits) - 1
        yield Prefix(family, lo, end)
        lo = end + 1
