"""Which policies of the same order say opposite things, so that their names alone decide?

docs/checks/contradictory-rules.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from service.checks.contract import POLICY_KINDS, Check
from service.checks.mending.rules import ordered
from service.checks.rules.places import places
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import rule_packet
from service.model.rule import Action
from service.net.headerspace import Bounds, HeaderSpace
from service.net.prefixes import Family
from service.policy.cause import Cause, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.rules.places import Place
    from service.checks.settings import CheckSettings
    from service.policy.convert import Policy, PolicyRule
    from service.policy.world import World

_ID = "contradictory-rules"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Says:
    """What a policy alone would decide at a place: the packets it surely allows, and surely denies."""

    allows: tuple[tuple[PolicyRule, HeaderSpace], ...]
    denies: tuple[tuple[PolicyRule, HeaderSpace], ...]


@dataclass(frozen=True, slots=True)
class _Conflict:
    """Packets that *denier* denies and *allower* allows, at one order; the first of the two decides."""

    denier: Policy
    allower: Policy
    deny: PolicyRule
    allow: PolicyRule
    packets: HeaderSpace
    place: Place
    denier_first: bool


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each policy that denies what another of its order allows, with all that do so."""
    del settings
    found: defaultdict[Policy, dict[Policy, _Conflict]] = defaultdict(dict)
    search = _Search(world)
    for place in places(world):
        if place.is_known and not place.alone:
            for family in Family:
                if place.sees(family):
                    for conflict in search.conflicts(place, family):
                        found[conflict.denier].setdefault(conflict.allower, conflict)
    for policy in world.policies:
        if policy in found:
            yield _verdict(policy, tuple(found[policy].values()))


class _Search:
    """The conflicts of a world; what a policy says is worked out once a family and direction."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[object, _Says] = {}

    def conflicts(self, place: Place, family: Family) -> Iterator[_Conflict]:
        """Those at one place. Groups without a Deny, such as Kubernetes' own policies, cost nothing."""
        for tier in place.chain.tiers:
            for _, group in groupby(tier.policies, key=lambda policy: policy.order):
                tied = tuple(group)
                if len(tied) > 1 and any(self._denies(place, policy) for policy in tied):
                    yield from self._among(place, tied, family)

    def _denies(self, place: Place, policy: Policy) -> bool:
        rules = policy.rules(place.chain.direction)
        return any(rule.rule.action is Action.DENY for rule in rules)

    def _among(self, place: Place, tied: tuple[Policy, ...], family: Family) -> Iterator[_Conflict]:
        """Compare each denier with the allows of all others at once, then singly where they meet."""
        said = [(policy, self._says(place, policy, family)) for policy in tied]
        allowed = HeaderSpace.union_all(family, (s for _, says in said for _, s in says.allows))
        reach = self._reaching(place, tied, family)
        for at, (denier, says) in enumerate(said):
            for deny, denied in says.denies:
                disputed = denied & allowed & reach
                if not disputed:
                    continue
                for other, (allower, theirs) in enumerate(said):
                    if other == at:
                        continue
                    for allow, permitted in theirs.allows:
                        common = disputed & permitted
                        if common:
                            yield _Conflict(denier, allower, deny, allow, common, place, at < other)

    def _reaching(self, place: Place, tied: tuple[Policy, ...], family: Family) -> HeaderSpace:
        """The packets that one of *tied* decides at the place: nothing before them does."""
        refs = {policy.meta.ref for policy in tied}
        return HeaderSpace.union_all(
            family,
            (
                part.space.may
                for part in place.fate(self.world, family).parts
                if part.cause.reason is Reason.RULE and part.cause.policy in refs
            ),
        )

    def _says(self, place: Place, policy: Policy, family: Family) -> _Says:
        direction = place.chain.direction
        key = (policy, direction, family)
        if key not in self._known:
            live = Bounds.exact(HeaderSpace.everything(family))
            allows, denies = [], []
            for rule in policy.rules(direction):
                match = self.world.matcher.match(rule, family).space
                hit = (live & match).must
                if rule.rule.action is Action.LOG:
                    continue
                live = live - match
                if rule.rule.action is Action.ALLOW:
                    allows.append((rule, hit))
                elif rule.rule.action is Action.DENY:
                    denies.append((rule, hit))
            self._known[key] = _Says(tuple(allows), tuple(denies))
        return self._known[key]


def _verdict(policy: Policy, conflicts: tuple[_Conflict, ...]) -> Verdict:
    first = conflicts[0]
    names = [str(one.allower.meta.ref) for one in conflicts]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    order = "no order" if policy.order is None else f"order {policy.order:g}"
    winner = first.denier if first.denier_first else first.allower
    return Verdict(
        check=_ID,
        subject=policy.meta.ref,
        result=Result.FAIL,
        severity=Severity.MEDIUM,
        reason="same-order",
        message=f"{first.place.chain.direction} rule {first.deny.index} denies what "
        f"{', '.join(names[:_SHOWN])}{more} of the same tier and {order} "
        f"allow{'s' if len(names) == 1 else ''}: {winner.meta.ref} comes first by its name alone",
        advice="Give the policies orders that say which of them comes first.",
        location=policy.meta.location.at(first.deny.rule.pointer),
        key=(str(first.place.chain.direction),),
        witness=rule_packet(first.packets),
        causes=(
            _cause(first, first.denier, first.deny),
            _cause(first, first.allower, first.allow),
        ),
        details={
            "tier": policy.tier,
            "order": policy.order,
            "allow": [*names],
            "first": str(winner.meta.ref),
            "place": first.place.owner,
        },
        space=Bounds.exact(first.packets),
    )


def _cause(conflict: _Conflict, policy: Policy, rule: PolicyRule) -> Cause:
    chain = conflict.place.chain
    return Cause(
        Reason.RULE,
        chain.hook,
        chain.direction,
        tier=policy.tier,
        policy=policy.meta.ref,
        rule=rule.index,
        location=policy.meta.location.at(rule.rule.pointer),
    )


CHECK = Check(
    id=_ID,
    title="Policies of one order that contradict each other",
    severity=Severity.MEDIUM,
    subjects=POLICY_KINDS,
    reasons={
        "same-order": "Policies of one tier and order decide the same packets in opposite ways."
    },
    audit=audit,
    remedies=ordered,
)
