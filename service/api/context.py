"""What the views of one app work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from flask import current_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from service.api.worlds import Worlds
    from service.settings import Settings
    from service.store.port import AuditStore

EXTENSION: Final = "nodeward"
SPECIFICATION: Final = "nodeward-openapi"


@dataclass(frozen=True, slots=True)
class Context:
    """The store of results, the worlds that questions are asked of, settings, and the clock."""

    store: AuditStore
    worlds: Worlds
    settings: Settings
    now: Callable[[], datetime]


def context() -> Context:
    """The context of the app that answers this request."""
    return cast("Context", current_app.extensions[EXTENSION])
