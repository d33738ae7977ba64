"""Options that several commands have, with the same bounds and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

C = TypeVar("C", bound="Callable[..., object]")

_PAIRS = 50_000


def limit(text: str) -> Callable[[C], C]:
    """``--limit``: so many pairs of senders and targets a question may mean; *text* is its help."""
    return click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=1),
        default=_PAIRS,
        show_default=True,
        help=text,
    )


def form(default: str) -> Callable[[C], C]:
    """``--format``: JSON or text, *default* unless it is given."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["json", "text"]),
        default=default,
        show_default=True,
        help="One line of JSON, or lines for people.",
    )


QUESTION_LIMIT = (
    "Refuse a question that means more pairs of senders and targets: it would take too long."
)
