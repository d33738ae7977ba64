"""Jobs: templates of pods."""

from __future__ import annotations

from service.model.refs import GVK
from service.model.workload import workload_kind

KIND = workload_kind(GVK("batch", "v1", "Job"), "jobs")
