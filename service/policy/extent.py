"""Whether a walk is of one packet or of many, which may part."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.net.headerspace import HeaderSpace


class Extent(Enum):
    """What the packets of a walk are."""

    ONE = "one"
    """One packet, of which something is left open: all that it may be goes one way."""
    MANY = "many"
    """Many packets, each with a way and a fate of its own."""


class DividedError(Exception):
    """The packets of a walk do not all go one way: those *sent* do, or the others."""

    def __init__(self, sent: HeaderSpace) -> None:
        """That *sent* part with the rest."""
        super().__init__("not all packets go one way")
        self.sent = sent
