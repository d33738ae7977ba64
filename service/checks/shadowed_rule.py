"""Which rules never meet a packet, because something before them decides otherwise?

docs/checks/shadowed-rule.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import POLICY_KINDS, Check
from service.checks.mending.rules import unshadowed
from service.checks.rules.fates import unmet
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import rule_packet
from service.model.rule import Action
from service.policy.cause import Hook, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.fates import Taken, Unmet
    from service.checks.settings import CheckSettings
    from service.policy.world import World

_ID = "shadowed-rule"
_CAUSES_SHOWN = 3
_REASONS = {
    "never-denies": "A Deny whose packets are all let through before it.",
    "never-allows": "An Allow whose packets are all denied before it.",
    "earlier-tier": "Rules of a tier before the rule's own decide all of its packets.",
    "end-of-tier": "A tier before the rule's own ends in a deny, and lets nothing on.",
    "failsafe": "A Deny of failsafe ports, which pass before any policy.",
    "never-logs": "A Log, all of whose packets are decided before it.",
    "never-passes": "A Pass, all of whose packets are decided before it.",
}
_SEVERITIES = {
    "never-denies": Severity.HIGH,
    "never-allows": Severity.MEDIUM,
    "earlier-tier": Severity.LOW,
    "end-of-tier": Severity.MEDIUM,
    "failsafe": Severity.MEDIUM,
    "never-logs": Severity.LOW,
    "never-passes": Severity.MEDIUM,
}
_ADVICE = {
    "never-denies": "Order the deny before what lets its packets through, or take it away.",
    "never-allows": "Order the allow before what denies its packets, or take it away.",
    "earlier-tier": "Let the earlier tier pass these packets on, or take the rule away.",
    "end-of-tier": "End the earlier tier's policy with a Pass, or give the tier defaultAction: Pass.",
    "failsafe": "Take the port out of failsafeInboundHostPorts (or the outbound list), after another "
    "rule lets in those who need it.",
    "never-logs": "Put the Log before the rule that decides.",
    "never-passes": "Put the Pass before the rule that decides.",
}


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each rule that is surely never met and that something contradicts."""
    del settings
    for one in unmet(world):
        if one.contrary:
            yield _verdict(world, one)


def _verdict(world: World, one: Unmet) -> Verdict:
    written = one.written
    reason = _reason(one)
    contrary = one.contrary
    shown = contrary[0]
    by = [*dict.fromkeys(str(taken.cause) for taken in contrary)]
    more = f" and {len(by) - _CAUSES_SHOWN} more" if len(by) > _CAUSES_SHOWN else ""
    policy = written.policy.meta
    partial = not (world.knows_pods or written.policy.hook is not Hook.NORMAL or shown.place.alone)
    return Verdict(
        check=_ID,
        subject=policy.ref,
        result=Result.WARN if partial else Result.FAIL,
        severity=_SEVERITIES[reason],
        reason=reason,
        message=f"{written.label} ({written.action}) never meets a packet on any endpoint that the "
        f"policy selects: {', '.join(by[:_CAUSES_SHOWN])}{more} {_does(shown)} all that it means",
        advice=_ADVICE[reason],
        location=policy.location.at(written.pieces[0].rule.pointer),
        key=(str(written.direction), str(written.index)),
        witness=rule_packet(shown.space),
        causes=one.causes,
        unknown=("which pods there are besides those in the manifests",) if partial else (),
        details={"action": written.action.value, "place": shown.place.owner, "by": [*by]},
    )


def _reason(one: Unmet) -> str:
    action = one.written.action
    if action is Action.LOG:
        return "never-logs"
    if action is Action.PASS:
        return "never-passes"
    contrary = one.contrary
    if contrary[0].cause.reason is Reason.FAILSAFE:
        return "failsafe"
    if all(_is_earlier_tier(one, taken) for taken in contrary):
        ends = any(taken.cause.reason is Reason.END_OF_TIER for taken in contrary)
        return "end-of-tier" if ends else "earlier-tier"
    return "never-denies" if action is Action.DENY else "never-allows"


def _is_earlier_tier(one: Unmet, taken: Taken) -> bool:
    return bool(taken.cause.tier) and taken.cause.tier != one.written.policy.tier


def _does(taken: Taken) -> str:
    return {"allow": "allows", "deny": "denies", "undecided": "passes on"}[taken.decision.value]


CHECK = Check(
    id=_ID,
    title="A rule that something before it contradicts",
    severity=Severity.HIGH,
    subjects=POLICY_KINDS,
    reasons=_REASONS,
    audit=audit,
    remedies=unshadowed,
)
