"""Which rules say only what another one says already?

docs/checks/redundant-rule.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import POLICY_KINDS, Check
from service.checks.mending.rules import removed
from service.checks.rules.fates import unmet
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import rule_packet
from service.model.rule import Action
from service.net.headerspace import HeaderSpace
from service.net.prefixes import Family
from service.policy.cause import Hook, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.fates import Unmet, Written
    from service.checks.settings import CheckSettings
    from service.policy.world import World

_ID = "redundant-rule"


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each rule that earlier ones of its own policy, or a wider one beside it, make idle.

    Quiet is what people write on purpose: a deny of everything at the end, a rule that two policies
    have alike, what other tiers or other owners decide the same way, an allow of failsafe ports.
    """
    del settings
    for one in unmet(world):
        if one.contrary or not _is_told_by_rules(one) or _denies_everything(world, one.written):
            continue
        own = all(cause.policy == one.written.policy.meta.ref for cause in one.causes)
        if own or (_same_owner(one) and _is_wider(world, one)):
            yield _verdict(world, one, "within-policy" if own else "wider-rule")


def _is_told_by_rules(one: Unmet) -> bool:
    tier = one.written.policy.tier
    return all(cause.reason is Reason.RULE and cause.tier == tier for cause in one.causes)


def _denies_everything(world: World, written: Written) -> bool:
    """Whether it is the deny that ends a set, of one family or of both."""
    return written.action is Action.DENY and any(
        written.surely(world, family) == HeaderSpace.everything(family) for family in Family
    )


def _same_owner(one: Unmet) -> bool:
    """Whether all rules in question are of one namespace, or all cluster-wide."""
    namespace = one.written.policy.meta.ref.namespace
    return all(cause.policy and cause.policy.namespace == namespace for cause in one.causes)


def _is_wider(world: World, one: Unmet) -> bool:
    """Whether what takes the packets means more than the rule: then its narrowness is lost on readers."""
    for cause in one.causes:
        if cause.policy is None:
            return False
        rules = world.policy(cause.policy).rules(cause.direction)
        others = [rule for rule in rules if rule.index == cause.rule]
        for family in Family:
            space = one.written.space(world, family)
            matched = (world.matcher.match(rule, family).space.may for rule in others)
            wide = HeaderSpace.union_all(family, matched)
            if space and not (space <= wide and wide != space):
                return False
    return True


def _verdict(world: World, one: Unmet, reason: str) -> Verdict:
    written = one.written
    policy = written.policy.meta
    shown = one.telling[0]
    by = ", ".join(map(str, one.causes))
    partial = reason != "within-policy" and not (
        world.knows_pods or written.policy.hook is not Hook.NORMAL
    )
    return Verdict(
        check=_ID,
        subject=policy.ref,
        result=Result.WARN if partial else Result.FAIL,
        severity=Severity.LOW,
        reason=reason,
        message=f"{written.label} ({written.action}) changes nothing: {by} "
        f"{'does' if len(one.causes) == 1 else 'do'} the same to all of its packets before it",
        advice="Take the rule away, or narrow the wider one if that is what was meant.",
        location=policy.location.at(written.pieces[0].rule.pointer),
        key=(str(written.direction), str(written.index)),
        witness=rule_packet(shown.space),
        causes=one.causes,
        unknown=("which pods there are besides those in the manifests",) if partial else (),
        details={"action": written.action.value, "by": [*map(str, one.causes)]},
    )


CHECK = Check(
    id=_ID,
    title="A rule that changes nothing",
    severity=Severity.LOW,
    subjects=POLICY_KINDS,
    reasons={
        "within-policy": "Earlier rules of the same policy do the same to all of its packets.",
        "wider-rule": "A wider rule of another policy does the same, so that its narrowness has no effect.",
    },
    audit=audit,
    remedies=removed,
)
