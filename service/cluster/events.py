"""What a watch tells of one kind: each message with the moment (monotonic clock) at which it was true."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.cluster.discovery import Resource
    from service.cluster.listing import Census
    from service.cluster.objects import Item, Key


@dataclass(frozen=True, slots=True)
class Expected:
    """The kind is watched from now on."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Replaced:
    """``items`` are all that there is."""

    resource: Resource
    items: Sequence[Item]
    version: int
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Changed:
    """``item`` was made, or is another than before."""

    resource: Resource
    item: Item
    at: float = field(default_factory=time.monotonic)

    @property
    def version(self) -> int:
        """The resourceVersion of the change."""
        return self.item.version


@dataclass(frozen=True, slots=True)
class Deleted:
    """What ``key`` held is gone, which need not be known here."""

    resource: Resource
    key: Key
    version: int
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Progressed:
    """Nothing else happened up to ``version``."""

    resource: Resource
    version: int
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Counted:
    """A direct read: which objects there were at ``at``, whatever the watch has told."""

    resource: Resource
    census: Census
    at: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The watch goes on again."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Failed:
    """The watch does not go on for now."""

    resource: Resource
    reason: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The cluster no longer serves the kind there."""

    resource: Resource


Event: TypeAlias = (
    Expected | Replaced | Changed | Deleted | Progressed | Counted | Resumed | Failed | Withdrawn
)
