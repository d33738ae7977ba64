"""Pages of lists: what a query asks, and what is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.store.port import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def window(query: Mapping[str, Any]) -> Window:
    """The part of a list that the parameters ``page`` and ``page_size`` name."""
    size: int = query["page_size"]
    return Window(offset=(query["page"] - 1) * size, limit=size)


def paged(items: Sequence[object], total: int, query: Mapping[str, Any]) -> dict[str, object]:
    """The answer that shows one page."""
    return {
        "items": items,
        "total": total,
        "page": query["page"],
        "page_size": query["page_size"],
    }
