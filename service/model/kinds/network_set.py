"""Calico network sets: labelled lists of addresses, cluster-wide or in a namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.model.meta import Meta
    from service.net.prefixes import Prefix


@dataclass(frozen=True, slots=True)
class NetworkSet:
    """A NetworkSet or a GlobalNetworkSet (``meta.ref`` tells); its nets masked, unparseable ones left out."""

    meta: Meta
    nets: tuple[Prefix, ...] = ()
