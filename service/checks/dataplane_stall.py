"""Which objects stop Felix from programming any policy, on some nodes or on all?

docs/checks/dataplane-stall.md; what stops it is `service.policy.stalls`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import GUARDING_KINDS, POLICY_KINDS, Check, Transition
from service.checks.hosts.proof import some
from service.checks.mending.hosts import programmable
from service.checks.settings import Unknown
from service.checks.verdict import Result, Severity, Verdict
from service.policy.stalls import Effect, stalls, stalls_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.policy.stalls import Stall
    from service.policy.world import World

_ID = "dataplane-stall"
_REASONS = {Effect.AT_ONCE: "stalls", Effect.AT_RESTART: "stalls-at-restart"}
_PLACING_KINDS = frozenset(
    {"FelixConfiguration", "HostEndpoint", "KubeControllersConfiguration", "Tier"}
)
"""Kinds whose objects can bring what others say to further nodes."""
_ADVICE = "Take it out, or mend it, before anything else: no later policy is enforced until then."
_UNKNOWN = (
    "whether the nodes run in nftables mode, or whether Calico's client reads the list, is not known",
)


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each object that stalls; a warning where it is not known whether it does."""
    del settings
    for one in stalls(world):
        yield _verdict(one, Result.FAIL if one.is_sure else Result.WARN)


def review(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """FAIL for what newly stalls a node; a doubt is told, or refused as the owner says."""
    before = {(one.ref, one.effect): one for one in _in_question(transition.before, transition)}
    for one in _in_question(transition.after, transition):
        old = before.get((one.ref, one.effect))
        if old is None or _grows(old, one):
            sure = one.is_sure or settings.unknown is Unknown.DENY
            yield _verdict(one, Result.FAIL if sure else Result.WARN)


def _in_question(world: World, transition: Transition) -> tuple[Stall, ...]:
    """The stalls of *world* that the change can bring: what does not place endpoints brings its own alone."""
    ref = transition.change.ref
    return stalls(world) if ref.kind in _PLACING_KINDS else stalls_by(world, ref)


def _grows(old: Stall, new: Stall) -> bool:
    """Whether more nodes are stopped than before, or now surely."""
    if new.is_sure and not old.is_sure:
        return True
    return old.nodes is not None and (new.nodes is None or bool(new.nodes - old.nodes))


def _verdict(stall: Stall, result: Result) -> Verdict:
    nodes = sorted(stall.nodes or ())
    where = some(nodes) if nodes else "every node"
    sure = "stops" if stall.is_sure else "may stop"
    return Verdict(
        check=_ID,
        subject=stall.ref,
        result=result,
        severity=Severity.CRITICAL if stall.is_sure else Severity.HIGH,
        reason=_REASONS[stall.effect] if stall.is_sure else "may-stall",
        message=f"{stall.message}: it {sure} Felix from programming policy on {where}, {stall.effect}",
        advice=_ADVICE,
        location=stall.location,
        key=(stall.effect.value,),
        unknown=() if stall.is_sure else _UNKNOWN,
        details={"nodes": [*nodes]},
    )


CHECK = Check(
    id=_ID,
    title="Objects that stop policy from being programmed at all",
    severity=Severity.CRITICAL,
    subjects=GUARDING_KINDS | POLICY_KINDS,
    kinds=GUARDING_KINDS | POLICY_KINDS,
    reasons={
        "stalls": "No later policy update reaches the nodes.",
        "stalls-at-restart": "Felix fails at its next start on the nodes.",
        "may-stall": "It is not known whether it does.",
    },
    audit=audit,
    review=review,
    remedies=programmable,
)
