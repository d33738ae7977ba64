"""The audit of a live cluster, anew whenever the cluster has changed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from service.audit.run import Source, audit
from service.audit.unreviewed import Unreviewed
from service.cluster.manifests import Loaded
from service.telemetry import Outcome, count_audit, logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from service.audit.run import Audit
    from service.audit.tell import Teller
    from service.cluster.live import LiveCluster
    from service.cluster.state import View
    from service.policy.world import World
    from service.settings import Settings
    from service.store.port import AuditStore

SETTLE_S: Final = 0.5
"""Changes that come within so many seconds are audited together."""
KEEP_S: Final = 3600.0
"""An audit that found what the last kept one found is kept only after so many seconds."""

_LOOK_S: Final = 0.5
_JOIN_S: Final = 5.0
_MOMENTARY: Final = frozenset({"revision", "age_s"})
_LOG = logger(__name__)


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where audits go, by which settings they are made, and what time it is."""

    store: AuditStore
    settings: Settings
    now: Callable[[], datetime]


class Follower:
    """Audits *live* whenever it has changed, in a thread of its own.

    Between two audits it rests for as long as the last one took, so that a cluster which always changes
    leaves half of a processor for questions.
    """

    def __init__(
        self, live: LiveCluster, name: str, keeping: Keeping, *, teller: Teller | None = None
    ) -> None:
        """*name* is that of the source in the runs that are kept; *teller* tells what is new."""
        self._teller = teller
        overdue_s = keeping.settings.decisions_overdue_s
        self._unreviewed = Unreviewed(live, keeping.store, overdue_s)
        self._live = live
        self._name = name
        self._keeping = keeping
        self._audited: World | None = None
        self._kept: list[dict[str, Any]] | None = None
        self._kept_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """Stop; returns when the thread has ended, after 5 s at the latest."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            until = time.monotonic() + _LOOK_S
            if not self._live.wait_for(self._is_news, until) and not self._unreviewed.is_due:
                continue
            self._stop.wait(SETTLE_S)
            began = time.monotonic()
            try:
                self._audit()
            except Exception:  # noqa: BLE001  # the root of a thread: the next change is audited again
                count_audit(Outcome.FAILED)
                _LOG.exception("audit_on_change_failed", cluster=self._name)
            self._stop.wait(time.monotonic() - began)

    def _is_news(self, view: View) -> bool:
        return view.world is not None and view.world is not self._audited

    def _audit(self) -> None:
        reading = self._live.current
        if reading.world is None:
            return
        self._audited = reading.world
        snapshot = reading.world.snapshot
        source = Source(
            Loaded(snapshot, documents=sum(self._live.view.counts.values())),
            (self._name,),
            age_s=round(max(0.0, time.monotonic() - reading.read_at), 3),
            known=reading.world,
        )
        done = audit(
            source, self._keeping.settings, at=self._keeping.now(), more=self._unreviewed.verdicts
        )
        count_audit(Outcome.OK)
        is_kept = self._keep(done)
        if self._teller is not None:
            self._teller.tell(done)
        _LOG.info(
            "audit_run_finished", run_id=done.run.id, revision=done.run.revision, kept=is_kept
        )

    def _keep(self, done: Audit) -> bool:
        """Keep *done* if it found something else than the last that was kept, or that is long ago."""
        told = [
            {name: one for name, one in finding.document.items() if name not in _MOMENTARY}
            for finding in done.findings
        ]
        if told == self._kept and time.monotonic() - self._kept_at < KEEP_S:
            return False
        self._keeping.store.append(done.run, done.findings, ())
        self._kept, self._kept_at = told, time.monotonic()
        return True
