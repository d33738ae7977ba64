"""A store that lives as long as the process, for tests and for a service without a disk."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from service.errors import ConflictError, NotFoundError
from service.store.port import Backend, DecisionFilter, FindingFilter, Page, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.store.records import AuditRun, Finding, Manifest, StoredDecision, Token

T = TypeVar("T")


class MemoryStore:
    """An AuditStore of dictionaries. Each write is one assignment, so readers never see half a run."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[AuditRun, tuple[Finding, ...], tuple[Manifest, ...]]] = {}
        self._tokens: dict[str, Token] = {}
        self._decisions: dict[str, StoredDecision] = {}

    def append(
        self, run: AuditRun, findings: Iterable[Finding], manifests: Iterable[Manifest] = ()
    ) -> None:
        """Keep a whole run, or nothing of it. Raises: ConflictError if its id is taken."""
        entry = (run, tuple(findings), tuple(manifests))
        if self._runs.setdefault(run.id, entry) is not entry:
            raise ConflictError(f"there is already an audit {run.id}")

    def run(self, run_id: str) -> AuditRun:
        """The run of that id. Raises: NotFoundError."""
        if run_id not in self._runs:
            raise NotFoundError(f"there is no audit {run_id}")
        return self._runs[run_id][0]

    def runs(self, window: Window) -> Page[AuditRun]:
        """The runs, newest first."""
        newest = sorted(
            (entry[0] for entry in self._runs.copy().values()),
            key=lambda run: (run.started_at, run.id),
            reverse=True,
        )
        return _page(newest, window)

    def findings(self, run_id: str, wanted: FindingFilter, window: Window) -> Page[Finding]:
        """The wanted findings of a run, in its order; none for an id without run."""
        return _page([found for found in self.stream(run_id) if _matches(found, wanted)], window)

    def stream(self, run_id: str) -> Iterator[Finding]:
        """Every finding of a run in its order."""
        if run_id in self._runs:
            yield from self._runs[run_id][1]

    def manifests(self, run_id: str) -> tuple[Manifest, ...]:
        """The texts that the run was given, in their order; none if it read files."""
        return self._runs[run_id][2] if run_id in self._runs else ()

    def keep_decisions(self, decisions: Iterable[StoredDecision]) -> int:
        """Keep those whose id is not known yet; how many these were."""
        before = len(self._decisions)
        for one in decisions:
            self._decisions.setdefault(one.id, one)
        return len(self._decisions) - before

    def decisions(self, wanted: DecisionFilter, window: Window) -> Page[StoredDecision]:
        """The wanted decisions, newest first."""
        found = [one for one in self._decisions.copy().values() if _is_wanted(one, wanted)]
        found.sort(key=lambda one: (one.text("at"), one.id), reverse=True)
        return _page(found, window)

    def keep_token(self, token: Token) -> None:
        """Keep *token* in place of an earlier one of its name."""
        self._tokens[token.name] = token

    def tokens(self) -> tuple[Token, ...]:
        """Every token, by name."""
        return tuple(token for _, token in sorted(self._tokens.copy().items()))

    def ping(self) -> None:
        """Memory always answers."""

    def close(self) -> None:
        """Nothing is held but memory."""


def _page(items: list[T], window: Window) -> Page[T]:
    return Page(tuple(items[window.offset : window.offset + window.limit]), len(items))


def _matches(finding: Finding, wanted: FindingFilter) -> bool:
    told = {
        "check": finding.text("check"),
        "severity": finding.text("severity"),
        "result": finding.text("result"),
        "subject": finding.subject,
    }
    return all(not value or told[name] == value for name, value in asdict(wanted).items())


def _is_wanted(one: StoredDecision, wanted: DecisionFilter) -> bool:
    plain = ("answer", "operation", "kind", "namespace", "name", "user", "review")
    asked = asdict(wanted)
    return (
        all(asked[name] in {"", one.text(name)} for name in plain)
        and (not wanted.check or wanted.check in one.checks)
        and wanted.digest in {"", one.text("before"), one.text("after")}
        and one.text("at") >= wanted.since
        and (not wanted.until or one.text("at") < wanted.until)
    )


BACKEND = Backend("memory", lambda _url: MemoryStore())
