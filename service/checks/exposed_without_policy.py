"""Which workloads behind node ports and other addresses for outsiders has no ingress policy?

docs/checks/exposed-without-policy.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import WORKLOAD_KINDS, Check
from service.checks.mending.workloads import guarded
from service.checks.verdict import Result, Severity, Verdict
from service.checks.workload.covered import covers
from service.checks.workload.exposed import exposed
from service.policy.cause import Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json
    from service.checks.workload.parties import Party
    from service.model.kinds.k8s_service import Service
    from service.policy.world import World

_ID = "exposed-without-policy"
_SHOWN = 3


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each workload that outsiders may reach and that no ingress policy selects."""
    del settings
    told = set()
    for party, services in exposed(world).items():
        cover = covers(world)[party]
        if Direction.INGRESS not in cover.directions and party.ref not in told:
            told.add(party.ref)
            yield _verdict(party, services, cover.doubts)


def _verdict(party: Party, services: tuple[Service, ...], doubts: tuple[str, ...]) -> Verdict:
    names: list[Json] = [str(one.meta.ref) for one in services]
    shown = ", ".join(map(str, names[:_SHOWN]))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Verdict(
        check=_ID,
        subject=party.ref,
        result=Result.WARN if doubts else Result.FAIL,
        severity=Severity.MEDIUM,
        reason="no-ingress-policy",
        message=f"{shown}{more} lead{'s' if len(names) == 1 else ''} outsiders to {party.ref}, and no ingress "
        f"policy {'surely ' if doubts else ''}selects its pods: whatever gets past the nodes reaches every port",
        advice="Select its pods by an ingress policy that allows the ports that its Services lead to.",
        location=party.location,
        unknown=doubts,
        details={"services": names},
    )


CHECK = Check(
    id=_ID,
    title="An exposed workload without ingress policy",
    severity=Severity.MEDIUM,
    subjects=WORKLOAD_KINDS,
    reasons={
        "no-ingress-policy": "Outsiders are led to a workload that no ingress policy selects."
    },
    audit=audit,
    remedies=guarded,
)
