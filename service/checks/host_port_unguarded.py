"""Which host ports, and listeners of pods on the host's network, do outsiders reach by nobody's decision?

docs/checks/host-port-unguarded.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from service.checks.contract import Check
from service.checks.hosts.listening import listening
from service.checks.hosts.open_ports import DOUBT, UNKNOWN, doubtful, opened, passages, sure
from service.checks.mending.hosts import denied_port
from service.checks.nodeport.guard import is_decision
from service.checks.verdict import Result, Severity, Verdict
from service.net.flow import protocol_name
from service.net.prefixes import Family
from service.policy.cause import Decision, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.hosts.listening import Listening
    from service.checks.hosts.open_ports import Passage
    from service.checks.settings import CheckSettings
    from service.policy.world import World

_ID = "host-port-unguarded"
_ADVICE = {
    "host-port": "Deny the port by a preDNAT policy, after an allow of the sources that need it.",
    "host-network": "Allow the port from the sources that need it, and deny it to the rest.",
}


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each port of each workload and family that outsiders reach."""
    for one in listening(world, settings):
        for family in Family:
            found = [
                passage
                for passage in passages(world, settings, one.listener, family=family)
                if not is_decision(world, passage.part.cause)
            ]
            surely = sure(found)
            if surely:
                blank = _blank(one, family)
                yield replace(opened(world, blank, surely), result=_result(surely))
            elif found:
                yield doubtful(world, _blank(one, family), found)


def _blank(one: Listening, family: Family) -> Verdict:
    """The verdict without what is found of nodes, rules and packets."""
    reason = "host-port" if one.listener.translated else "host-network"
    port = f"{protocol_name(one.listener.protocol)} {one.listener.ports}"
    what = "host port" if one.listener.translated else "listener on the host network"
    return Verdict(
        check=_ID,
        subject=one.subject,
        result=Result.FAIL,
        severity=Severity.MEDIUM,
        reason=reason,
        message=f"{what} {port} (IPv{family}) is open to outsiders",
        advice=_ADVICE[reason],
        location=one.location,
        key=(port, f"IPv{family}"),
    )


def _result(found: list[Passage]) -> Result:
    """Of host ports policy is silent; of listeners it is a profile or a failsafe port that speaks."""
    is_wrong = any(
        one.part.cause.reason is Reason.RULE or one.part.decision is Decision.UNDECIDED
        for one in found
    )
    return Result.FAIL if is_wrong else Result.WARN


CHECK = Check(
    id=_ID,
    title="Host ports and listeners on the host network that nobody guards",
    severity=Severity.MEDIUM,
    subjects=frozenset(
        {"Pod", "Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController"}
        | {"Job", "CronJob"}
    ),
    reasons={
        "host-port": "Neither untracked nor preDNAT policy decides about a hostPort.",
        "host-network": "A listener on the host's network is open by default, or by a rule that bounds "
        "nothing.",
        UNKNOWN: DOUBT,
    },
    audit=audit,
    remedies=denied_port,
)
