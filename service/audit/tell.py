"""What an audit of a live cluster has found that the one before had not: metric, Event and log.

Nodes, Namespaces and ServiceAccounts are not reviewed when they are written; what they open or cut off is
told from here, within seconds.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from service.cluster.happening import Happening
from service.telemetry import logger, tell_findings

if TYPE_CHECKING:
    from service.audit.run import Audit
    from service.cluster.publisher import Publisher
    from service.store.records import Finding

EVENTS: Final = 20
"""So many new findings of one audit become Events, the worst first."""

_COUNTED: Final = frozenset({"fail", "warn", "error"})
_LOG = logger(__name__)


class Teller:
    """Remembers the findings of the last audit of one cluster. One thread."""

    def __init__(self, cluster: str, publisher: Publisher) -> None:
        """The first audit is told by the metric alone: its findings are not news."""
        self._cluster = cluster
        self._publisher = publisher
        self._known: set[str] | None = None

    def tell(self, done: Audit) -> None:
        """Tell of *done*; returns at once."""
        counting = [one for one in done.findings if _counts(one)]
        tally = Counter((one.text("check"), one.text("severity")) for one in counting)
        tell_findings(self._cluster, tally)
        found = {one.text("fingerprint"): one for one in counting if one.text("result") == "fail"}
        if self._known is not None:
            new = [one for print_, one in found.items() if print_ not in self._known]
            for one in new:
                _LOG.warning("finding_new", check=one.text("check"), subject=one.subject)
            for one in new[:EVENTS]:
                self._publisher.tell(_happening(one))
        self._known = set(found)


def _counts(finding: Finding) -> bool:
    return finding.text("result") in _COUNTED and finding.document["suppression"] is None


def _happening(finding: Finding) -> Happening:
    subject = finding.document["subject"]
    ref = subject if isinstance(subject, dict) else {}
    group = str(ref.get("group", ""))
    return Happening(
        api_version=f"{group}/v1" if group else "v1",
        kind=str(ref.get("kind", "")),
        namespace=str(ref.get("namespace", "")),
        name=str(ref.get("name", "")),
        reason="FindingNew",
        note=f"{finding.text('check')} ({finding.text('reason')}): {finding.text('message')}",
        at=datetime.now(UTC),
    )
