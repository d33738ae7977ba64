"""Which objects were written while no door was asked, and by whom?

An object that a door has judged has a decision about exactly what it says. One that has none was written
past the doors: while they were away, under an exemption, or by whoever writes the store itself. Nothing is
said before the first decision is known, nor of what was written before it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from service.admission.record import digest
from service.checks.admitted_unreviewed import unreviewed
from service.checks.run import checks
from service.cluster.authorship import Authorship, last_write
from service.cluster.kube import RequestError
from service.store.port import DecisionFilter, Window

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from service.checks.verdict import Verdict
    from service.cluster.live import LiveCluster
    from service.model.meta import Decoded
    from service.model.refs import ObjectRef
    from service.model.snapshot import Snapshot
    from service.store.port import AuditStore

LOOKS: Final = 200
"""So many objects are looked up in one audit; the rest wait for the next."""


@dataclass(slots=True)
class Unreviewed:
    """Remembers what was found to be reviewed, so that an audit asks only about what is new. One thread."""

    live: LiveCluster
    store: AuditStore
    overdue_s: float
    """So long a decision may take from its door to the store before it is missed."""
    _reviewed: set[str] = field(default_factory=set)
    _seen_at: dict[str, float] = field(default_factory=dict)
    _authors: dict[str, Authorship] = field(default_factory=dict)

    @property
    def is_due(self) -> bool:
        """Whether a decision that was waited for is overdue by now."""
        now = time.monotonic()
        return any(
            content not in self._authors and now - seen_at >= self.overdue_s
            for content, seen_at in self._seen_at.items()
        )

    def verdicts(self, snapshot: Snapshot) -> Iterator[Verdict]:
        """A verdict for each object of *snapshot* that no decision is about. Raises: StoreError."""
        since = self._first_decision()
        if not since:
            return
        looks = LOOKS
        standing: set[str] = set()
        for decoded in _judged(snapshot):
            content = f"{decoded.ref} {digest(decoded)}"
            standing.add(content)
            if content in self._reviewed or looks == 0:
                continue
            looks -= 1
            if self._is_reviewed(decoded):
                self._reviewed.add(content)
                self._seen_at.pop(content, None)
            elif self._is_overdue(content) and (author := self._author(content, decoded)):
                if author.at >= since[:19]:
                    yield unreviewed(decoded, author.at, author.by)
                else:
                    self._reviewed.add(content)  # older than all decisions: nobody could be asked
        self._forget(standing)

    def _first_decision(self) -> str:
        """When the oldest decision was made; "" while there is none."""
        total = self.store.decisions(DecisionFilter(), Window(limit=1)).total
        if not total:
            return ""
        oldest = self.store.decisions(DecisionFilter(), Window(offset=total - 1, limit=1))
        return oldest.items[0].text("at") if oldest.items else ""

    def _is_reviewed(self, decoded: Decoded[object]) -> bool:
        ref = decoded.ref
        wanted = DecisionFilter(
            kind=ref.kind, namespace=ref.namespace, name=ref.name, digest=digest(decoded) or ""
        )
        found = self.store.decisions(wanted, Window(limit=10)).items
        return any(one.document["allowed"] is True for one in found)

    def _is_overdue(self, content: str) -> bool:
        now = time.monotonic()
        return now - self._seen_at.setdefault(content, now) >= self.overdue_s

    def _author(self, content: str, decoded: Decoded[object]) -> Authorship | None:
        if content not in self._authors:
            try:
                found = self._last_write(decoded.ref)
            except RequestError:
                return None
            if found is None:
                return None
            self._authors[content] = found
        return self._authors[content]

    def _last_write(self, ref: ObjectRef) -> Authorship | None:
        resources = [one for one in self.live.discovery.resources if one.kind.name == ref.kind]
        for resource in resources:
            if resource.kind.group == ref.group:
                place = {"namespace": ref.namespace, "name": ref.name}
                return last_write(self.live.client, resource, **place)
        return None

    def _forget(self, standing: Container[str]) -> None:
        """Let go of what is there no more."""
        self._reviewed = {one for one in self._reviewed if one in standing}
        for kept in (self._seen_at, self._authors):
            for content in [one for one in kept if one not in standing]:
                del kept[content]


def _judged(snapshot: Snapshot) -> Iterator[Decoded[object]]:
    """The objects of the kinds that admission judges, and that somebody wrote."""
    kinds = frozenset().union(*(check.kinds for check in checks()))
    for decoded in snapshot.decoded():
        if decoded.ref.kind in kinds and not decoded.meta.deleting:
            yield decoded
