"""Which policies stand in a tier that does not exist? Calico applies them after all others.

docs/checks/missing-tier.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.contract import POLICY_KINDS, Check
from service.checks.mending.hosts import with_tier
from service.checks.verdict import Result, Severity, Verdict
from service.model.kinds.tier import Tier
from service.policy.cause import Hook
from service.policy.order import tier_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.settings import CheckSettings
    from service.policy.world import World

_ID = "missing-tier"
_END = ", and what it does not match is denied"


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A verdict for each policy; a warning where no Tier is given, as in a repository without them."""
    del settings
    tiers = {ref.name: tier for ref, tier in world.snapshot.all(Tier).items()}
    for policy in world.policies:
        if not tier_view(policy.tier, tiers, world.profile.release).exists:
            yield Verdict(
                check=_ID,
                subject=policy.meta.ref,
                result=Result.FAIL if tiers else Result.WARN,
                severity=Severity.MEDIUM,
                reason="tier-missing" if tiers else "tiers-unknown",
                message=f"there is no Tier {policy.tier}: the policy applies after those of all tiers "
                f"that exist{_END if policy.hook is Hook.NORMAL else ''}",
                advice=f"Create the Tier {policy.tier}, or correct the name in spec.tier.",
                location=policy.meta.location.at("/spec/tier"),
                unknown=() if tiers else ("the tiers of the cluster are not given",),
                details={"tier": policy.tier},
            )


CHECK = Check(
    id=_ID,
    title="Policies in a tier that does not exist",
    severity=Severity.MEDIUM,
    subjects=POLICY_KINDS,
    reasons={
        "tier-missing": "No Tier of that name exists.",
        "tiers-unknown": "No Tier is given at all, so that it is not known whether this one exists.",
    },
    audit=audit,
    remedies=with_tier,
)
