"""Namespaces: their labels are what namespace selectors see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.model.meta import Meta


@dataclass(frozen=True, slots=True)
class Namespace:
    """A Namespace."""

    meta: Meta
