"""Which calls between pods does one policy allow, and another side refuse? Such a call is dead.

docs/checks/dead-call.md.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from service.checks.contract import POLICY_KINDS, Check
from service.checks.mending.workloads import called
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import rule_packet
from service.checks.workload.dns import deaf, name_servers
from service.checks.workload.meant import lone_halves
from service.checks.workload.parties import parties
from service.policy.cause import Decision, Direction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json
    from service.checks.workload.dns import Deaf
    from service.checks.workload.meant import Half
    from service.policy.cause import Cause
    from service.policy.convert import Policy
    from service.policy.world import World

_ID = "dead-call"
_SHOWN = 3


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each rule whose every call is refused, and for each policy that leaves pods no DNS."""
    del settings
    for half in lone_halves(world):
        yield _half(half, complete=parties(world).complete)
    found: defaultdict[Policy, list[Deaf]] = defaultdict(list)
    for one in deaf(world):
        found[one.policy].append(one)
    for policy, members in found.items():
        yield _without_names(world, policy, members)


def _half(half: Half, *, complete: bool) -> Verdict:
    written = half.written
    policy = written.policy.meta
    caller, called = half.refused.caller.ref, half.refused.called.ref
    causes = _refusals(half)
    why = "none of its policies lets such a call " + (
        "out" if half.other is Direction.EGRESS else "in"
    )
    if half.fits:
        why = "it lets other packets through, and not these"
    side = caller if half.other is Direction.EGRESS else called
    return Verdict(
        check=_ID,
        subject=policy.ref,
        result=Result.FAIL if complete else Result.WARN,
        severity=Severity.MEDIUM,
        reason="does-not-fit" if half.fits else f"no-{half.other}",
        message=f"{written.label} allows calls from {caller} to {called}, and the {half.other} policy of {side} "
        f"denies every one: {why}",
        advice=f"Allow the same call in an {half.other} policy of {side}, or take the rule away.",
        location=policy.location.at(written.pieces[0].rule.pointer),
        key=(str(written.direction), str(written.index)),
        witness=rule_packet(half.refused.meant_by(written.pieces[0]).may or half.refused.live.may),
        causes=causes,
        unknown=() if complete else ("which pods there are besides those in the manifests",),
        details={"caller": str(caller), "called": str(called)},
    )


def _refusals(half: Half) -> tuple[Cause, ...]:
    parts = half.other_side.of(Decision.DENY)
    return tuple(dict.fromkeys(part.cause for part in parts))


def _without_names(world: World, policy: Policy, members: list[Deaf]) -> Verdict:
    names: list[Json] = [*dict.fromkeys(str(one.party.ref) for one in members)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    refused = members[0].refused_by
    servers = ", ".join(dict.fromkeys(str(one.ref) for one in name_servers(world)))
    how = (
        "no policy lets them ask"
        if refused is Direction.EGRESS
        else "the ingress policy of the name servers refuses them"
    )
    return Verdict(
        check=_ID,
        subject=policy.meta.ref,
        result=Result.FAIL,
        severity=Severity.MEDIUM,
        reason="no-dns",
        message=f"{', '.join(map(str, names[:_SHOWN]))}{more} may call other pods, and gets no answer about "
        f"their names: {how} {servers} on UDP port 53, so that every call by name is dead on arrival",
        advice="Allow egress to the cluster's DNS on UDP and TCP port 53.",
        location=policy.meta.location,
        key=("dns", str(refused)),
        witness=rule_packet(members[0].questions),
        details={"workloads": names, "refused": str(refused), "servers": servers},
    )


CHECK = Check(
    id=_ID,
    title="A call that one side allows and the other refuses",
    severity=Severity.MEDIUM,
    subjects=POLICY_KINDS,
    reasons={
        "no-ingress": "An egress rule allows a call that no ingress policy of who is called lets in.",
        "no-egress": "An ingress rule allows a call that no egress policy of the caller lets out.",
        "does-not-fit": "Both sides allow something, and no packet is allowed by both.",
        "no-dns": "A workload may call pods, and may not ask for the address of a name.",
    },
    audit=audit,
    remedies=called,
)
