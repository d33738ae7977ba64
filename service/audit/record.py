"""An audit that is kept: run, stored, counted and logged in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.audit.run import audit
from service.telemetry import Outcome, count_audit, logger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from service.audit.run import Source
    from service.settings import Settings
    from service.store.port import AuditStore
    from service.store.records import AuditRun, Manifest

_LOG = logger(__name__)


def record(
    source: Source,
    settings: Settings,
    store: AuditStore,
    *,
    at: datetime,
    manifests: Iterable[Manifest] = (),
) -> AuditRun:
    """The run of *source* at the moment *at*, which *store* has with its findings and *manifests*.

    Raises: SettingsError, ConflictError, StoreError.
    """
    try:
        done = audit(source, settings, at=at)
        store.append(done.run, done.findings, manifests)
    except Exception:
        count_audit(Outcome.FAILED)
        raise
    count_audit(Outcome.OK)
    _LOG.info("audit_run_finished", run_id=done.run.id, digest=done.run.digest)
    return done.run
