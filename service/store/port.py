"""What a store of audits can do, whichever backend it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from service.errors import SettingsError
from service.registry import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from service.store.records import AuditRun, Finding, Manifest, StoredDecision, Token

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Window:
    """A page of a list: at most ``limit`` items from ``offset``, which counts from 0."""

    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """The items in a window, and how many there are in all."""

    items: tuple[T_co, ...]
    total: int


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which findings of a run are wanted; an empty field does not restrict."""

    check: str = ""
    severity: str = ""
    result: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions are wanted; an empty field does not restrict.

    ``since`` and ``until`` are moments as decisions spell them, the second one excluded. ``digest`` is
    that of the object before or after: it joins the two records of one change.
    """

    answer: str = ""
    operation: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    user: str = ""
    check: str = ""
    review: str = ""
    digest: str = ""
    since: str = ""
    until: str = ""


class AuditStore(Protocol):
    """Runs and their findings, and decisions, written once and never changed; the tokens of callers.

    Safe for use by several threads. Every method raises StoreError where the store does not answer.
    """

    def append(
        self, run: AuditRun, findings: Iterable[Finding], manifests: Iterable[Manifest] = ()
    ) -> None:
        """Keep a whole run, or nothing of it. Raises: ConflictError if its id is taken."""
        ...

    def run(self, run_id: str) -> AuditRun:
        """The run of that id. Raises: NotFoundError."""
        ...

    def runs(self, window: Window) -> Page[AuditRun]:
        """The runs, newest first."""
        ...

    def findings(self, run_id: str, wanted: FindingFilter, window: Window) -> Page[Finding]:
        """The wanted findings of a run, in its order; none for an id without run."""
        ...

    def stream(self, run_id: str) -> Iterator[Finding]:
        """Every finding of a run in its order, in bounded memory."""
        ...

    def manifests(self, run_id: str) -> tuple[Manifest, ...]:
        """The texts that the run was given, in their order; none if it read files."""
        ...

    def keep_decisions(self, decisions: Iterable[StoredDecision]) -> int:
        """Keep those whose id is not known yet, all or none of them; how many these were."""
        ...

    def decisions(self, wanted: DecisionFilter, window: Window) -> Page[StoredDecision]:
        """The wanted decisions, newest first."""
        ...

    def keep_token(self, token: Token) -> None:
        """Keep *token* in place of an earlier one of its name."""
        ...

    def tokens(self) -> tuple[Token, ...]:
        """Every token, by name."""
        ...

    def ping(self) -> None:
        """Return if the store answers."""
        ...

    def close(self) -> None:
        """Give back connections; the store is not used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """A kind of store: the scheme of its URLs, and how one is opened."""

    scheme: str
    open: Callable[[str], AuditStore]


def open_store(url: str) -> AuditStore:
    """The store at *url*, made if it does not exist yet.

    Raises: SettingsError for a scheme without backend, StoreError if it cannot be opened.
    """
    scheme = url.partition(":")[0]
    backends = {
        found.scheme: found for found in discover(f"{__package__}.backends", "BACKEND", Backend)
    }
    if scheme not in backends:
        known = ", ".join(sorted(backends))
        raise SettingsError(f"no store has the scheme {scheme!r}; there are {known}")
    return backends[scheme].open(url)
