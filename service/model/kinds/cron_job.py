"""CronJobs: templates of jobs, which are templates of pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.model.document import Fields
from service.model.kind import Kind
from service.model.refs import GVK
from service.model.trimming import trimmed
from service.model.workload import Workload, read_workload, trimmed_workload_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.document import Document


def _decode(document: Document) -> Workload:
    spec = document.spec(Fields.SOME)
    job = spec.child("jobTemplate", Fields.SOME)
    jobs = job.child("spec", Fields.SOME) if job else None
    return read_workload(document, jobs or document.reader({}, "/spec/jobTemplate/spec"))


def _trim(raw: Mapping[str, object]) -> Mapping[str, object]:
    spec = raw.get("spec")
    job = spec.get("jobTemplate") if isinstance(spec, dict) else None
    if not isinstance(job, dict):
        return trimmed(raw, {"spec": spec})
    jobs = trimmed_workload_spec(job.get("spec"))
    return trimmed(raw, {"spec": {"jobTemplate": {"spec": jobs}}})


KIND = Kind(
    gvks=(GVK("batch", "v1", "CronJob"),),
    plural="cronjobs",
    namespaced=True,
    type=Workload,
    decode=_decode,
    trim=_trim,
)
