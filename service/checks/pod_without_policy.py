"""Which workloads were left out where others of their namespace have policies?

docs/checks/pod-without-policy.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import WORKLOAD_KINDS, Check
from service.checks.verdict import Result, Severity, Verdict
from service.checks.workload.covered import covers
from service.checks.workload.exposed import exposed
from service.checks.workload.parties import parties
from service.policy.cause import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.checks.workload.parties import Party
    from service.policy.world import World

_ID = "pod-without-policy"
_BOTH = frozenset(Direction)


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each workload that lacks policy in a direction in which its namespace has some.

    An exposed one without ingress policy is told by exposed-without-policy, a namespace without any policy
    by namespace-without-policy.
    """
    known = covers(world)
    for name, members in parties(world).by_namespace.items():
        if name in settings.protected:
            continue
        practised = frozenset().union(*(known[one].directions for one in members))
        told = set()
        for party in members:
            missing = practised - known[party].directions
            if party in exposed(world):
                missing -= {Direction.INGRESS}
            if missing and party.ref not in told:
                told.add(party.ref)
                yield _verdict(party, missing, known[party].doubts)


def _verdict(party: Party, missing: frozenset[Direction], doubts: tuple[str, ...]) -> Verdict:
    reason = "no-policy" if missing == _BOTH else f"no-{min(missing)}-policy"
    what = "any" if missing == _BOTH else f"any {min(missing)}"
    return Verdict(
        check=_ID,
        subject=party.ref,
        result=Result.WARN if doubts else Result.FAIL,
        severity=Severity.MEDIUM if missing == _BOTH else Severity.LOW,
        reason=reason,
        message=f"no policy {'surely ' if doubts else ''}selects {party.ref} for {what} traffic, as policies do "
        f"for others of namespace {party.namespace}",
        advice="Select its pods by a policy, or all pods of the namespace by a default deny.",
        location=party.location,
        unknown=doubts,
        details={"directions": [*sorted(map(str, missing))]},
    )


CHECK = Check(
    id=_ID,
    title="A workload that its namespace's policies leave out",
    severity=Severity.MEDIUM,
    subjects=WORKLOAD_KINDS,
    reasons={
        "no-policy": "No policy selects the workload in either direction.",
        "no-ingress-policy": "Others of the namespace have ingress policy, the workload has none.",
        "no-egress-policy": "Others of the namespace have egress policy, the workload has none.",
    },
    audit=audit,
)
