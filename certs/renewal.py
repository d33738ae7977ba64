"""When a certificate is due; pure: what is held and the present moment in, the action out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Action(Enum):
    """What is to be done about a folder of certificates."""

    KEEP = "keep"
    ISSUE_SERVER = "issue-server"
    FOUND_AUTHORITY = "found-authority"
    """There is none yet: nobody's trust is touched."""
    REPLACE_AUTHORITY = "replace-authority"
    """Clients trust the old one: never done without being asked."""


@dataclass(frozen=True, slots=True)
class Validity:
    """The closed span in which a certificate is valid, both ends with their time zone."""

    not_before: datetime
    not_after: datetime

    @property
    def renew_at(self) -> datetime:
        """Two thirds of its life: one third is left to find out why renewing fails."""
        return self.not_before + (self.not_after - self.not_before) * 2 / 3


@dataclass(frozen=True, slots=True)
class ServerState:
    """What matters of the server certificate that is held.

    ``usable``: the authority signed it and its private key is beside it.
    """

    validity: Validity
    hosts: frozenset[str]
    usable: bool


@dataclass(frozen=True, slots=True)
class State:
    """What a folder of certificates holds; None for what it lacks."""

    authority: Validity | None
    server: ServerState | None


def due(state: State, hosts: frozenset[str], now: datetime) -> Action:
    """What must happen so that *hosts* are served by a certificate that is good for a while."""
    if state.authority is None:
        return Action.FOUND_AUTHORITY
    if now >= state.authority.renew_at:
        return Action.REPLACE_AUTHORITY
    server = state.server
    if server is None or not server.usable or now >= server.validity.renew_at:
        return Action.ISSUE_SERVER
    return Action.KEEP if hosts <= server.hosts else Action.ISSUE_SERVER
