"""Which health-check ports of load balancers answer outsiders at nodes that host endpoints guard?

docs/checks/health-port-open.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.hosts.open_ports import (
    DOUBT,
    UNKNOWN,
    Listener,
    doubtful,
    opened,
    passages,
    sure,
)
from service.checks.nodeport.guard import is_decision
from service.checks.nodeport.openings import all_openings
from service.checks.verdict import Result, Severity, Verdict
from service.net.prefixes import Family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.policy.world import World

_ID = "health-port-open"


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A warning for each health-check port and family that outsiders reach by nobody's decision."""
    for opening in all_openings(world, settings):
        if not opening.health or not opening.allocated:
            continue
        service = opening.service.meta
        for family in Family:
            listener = Listener(opening.protocol, opening.ports)
            found = [
                passage
                for passage in passages(world, settings, listener, family=family)
                if not is_decision(world, passage.part.cause)
            ]
            if found:
                blank = Verdict(
                    check=_ID,
                    subject=service.ref,
                    result=Result.WARN,
                    severity=Severity.LOW,
                    reason="open",
                    message=f"health-check port {opening.label} (IPv{family}) answers outsiders",
                    advice="Allow it from the networks that the balancer probes from, and deny it to "
                    "the rest.",
                    location=service.location,
                    key=(opening.label, f"IPv{family}"),
                )
                surely = sure(found)
                yield opened(world, blank, surely) if surely else doubtful(world, blank, found)


CHECK = Check(
    id=_ID,
    title="Health-check ports that answer anybody",
    severity=Severity.LOW,
    subjects=frozenset({"Service"}),
    reasons={
        "open": "No rule that bounds source or port decides about outsiders.",
        UNKNOWN: DOUBT,
    },
    audit=audit,
)
