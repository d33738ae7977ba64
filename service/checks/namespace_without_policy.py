"""Which namespaces has no policy at all?

docs/checks/namespace-without-policy.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.verdict import Result, Severity, Verdict
from service.checks.workload.covered import covers
from service.checks.workload.parties import parties
from service.model.kinds.namespace import Namespace
from service.model.refs import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.checks.workload.parties import Party
    from service.policy.world import World

_ID = "namespace-without-policy"


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each namespace with workloads of which surely none is selected by any policy.

    Those of the system are quiet: they are their maker's, and a policy there is how clusters die.
    """
    for name, members in parties(world).by_namespace.items():
        known = covers(world)
        if name not in settings.protected and all(known[one].is_none for one in members):
            yield _verdict(world, name, members)


def _verdict(world: World, name: str, members: tuple[Party, ...]) -> Verdict:
    namespace = world.snapshot.get(Namespace, name)
    workloads = sorted({str(one.ref) for one in members})
    return Verdict(
        check=_ID,
        subject=ObjectRef("", "Namespace", "", name),
        result=Result.FAIL,
        severity=Severity.MEDIUM,
        reason="no-policy",
        message=f"no policy selects any of the {len(workloads)} workloads of namespace {name}: every pod of "
        "the cluster reaches them, and they reach everything",
        advice="Begin with a policy that selects all pods and allows what the namespace needs.",
        location=namespace.meta.location if namespace else members[0].location,
        details={"workloads": [*workloads]},
    )


CHECK = Check(
    id=_ID,
    title="A namespace without any policy",
    severity=Severity.MEDIUM,
    subjects=frozenset({"Namespace"}),
    reasons={"no-policy": "No policy selects any workload of the namespace."},
    audit=audit,
)
