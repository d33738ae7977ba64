"""The policies in effect, in Felix's order, and which of them govern an endpoint.

Changing one policy costs what it touches: sorting, index and answers are taken over from the set before.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, TypeAlias

from service.model.overlay import with_entry
from service.policy.hooks import in_tiers
from service.policy.order import policy_key, tier_view
from service.policy.profile import NEWEST
from service.policy.selector_index import SelectorIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.model.kinds.tier import Tier
    from service.model.refs import ObjectRef
    from service.policy.cause import Direction, Hook
    from service.policy.convert import Policy
    from service.policy.hooks import TierPolicies
    from service.policy.profile import Release

Labels: TypeAlias = frozenset[tuple[str, str]]
_Key: TypeAlias = tuple[Labels, "Hook", "Direction"]
_EXCHANGES = 64
"""After so many the index is made anew."""


class PolicySet:
    """Policies of one moment. Immutable to its readers; answers are kept."""

    def __init__(
        self,
        policies: Iterable[Policy],
        tiers: Mapping[str, Tier],
        release: Release = NEWEST,
    ) -> None:
        """The set of *policies*, which come in no order; O(n log n)."""
        self._tiers = tiers
        self._release = release
        self.every = tuple(sorted(policies, key=self._order))
        """All policies, in order."""
        self.by_ref: Mapping[ObjectRef, Policy] = {one.meta.ref: one for one in self.every}
        self.labels = frozenset().union(
            *{one.applies_to.labels() for one in self.every if one.applies_to}
        )
        """The label names that their selectors look at, and perhaps some more."""
        self._index: SelectorIndex[Policy] | None = None
        self._indexed = self.every
        self._gone: frozenset[Policy] = frozenset()
        self._added: tuple[Policy, ...] = ()
        self._resolved: dict[_Key, tuple[TierPolicies, ...]] = {}

    def _order(self, policy: Policy) -> tuple[object, ...]:
        tier = tier_view(policy.tier, self._tiers, self._release)
        return (tier.key, policy_key(policy, self._release))

    def exchanged(self, ref: ObjectRef, added: Policy | None) -> PolicySet:
        """The set with the policy called *ref* gone, if there is one, and *added* in its place.

        O(policies) pointer copies; nothing is parsed, sorted or matched again.
        """
        removed = self.by_ref.get(ref)
        after = PolicySet((), self._tiers, self._release)
        after.every = self._with(self.every, removed, added)
        after.by_ref = with_entry(self.by_ref, ref, added)
        used = added.applies_to.labels() if added and added.applies_to else frozenset()
        # A name too many splits classes finer than need be, and is never wrong.
        after.labels = self.labels if used <= self.labels else self.labels | used
        self._hand_over(after, removed, added)
        after._resolved = {
            key: self._resolved_again(tiers, key, removed=removed, added=added)
            for key, tiers in tuple(self._resolved.items())
        }
        return after

    def _hand_over(self, after: PolicySet, removed: Policy | None, added: Policy | None) -> None:
        """Give *after* the index, unless too much has changed since it was made."""
        if len(self._gone) + len(self._added) >= _EXCHANGES:
            after._indexed = after.every
            return
        after._indexed, after._index = self._indexed, self._index
        after._gone = self._gone | {removed} if removed else self._gone
        after._added = (*self._added, added) if added else self._added

    def _with(
        self, policies: Iterable[Policy], removed: Policy | None, added: Policy | None
    ) -> tuple[Policy, ...]:
        """*policies*, which are in order, with one gone and one in its place."""
        every = list(policies)
        if removed is not None:
            del every[bisect_left(every, self._order(removed), key=self._order)]
        if added is not None:
            insort(every, added, key=self._order)
        return tuple(every)

    def _resolved_again(
        self,
        tiers: tuple[TierPolicies, ...],
        key: _Key,
        *,
        removed: Policy | None,
        added: Policy | None,
    ) -> tuple[TierPolicies, ...]:
        counts = _counting(key)
        removed = removed if removed is not None and counts(removed) else None
        added = added if added is not None and counts(added) else None
        if removed is None and added is None:
            return tiers
        standing = (policy for tier in tiers for policy in tier.policies)
        return in_tiers(self._with(standing, removed, added), self._tiers, self._release)

    def governing(
        self, labels: Labels, hook: Hook, direction: Direction
    ) -> tuple[TierPolicies, ...]:
        """The policies that govern an endpoint with *labels* at *hook*, by tier and in order.

        Tiers without such a policy are left out: they have no end. Once per labels: O(policies that one
        of the label values speaks for).
        """
        key = (labels, hook, direction)
        known = self._resolved.get(key)
        if known is None:
            known = self._resolved[key] = self._resolve(key)
        return known

    def _resolve(self, key: _Key) -> tuple[TierPolicies, ...]:
        if self._index is None:
            self._index = SelectorIndex((one.applies_to, one) for one in self._indexed)
        labels, hook, direction = key
        counts = _counting(key)
        found = [
            one
            for one in self._index.matching(dict(labels))
            if one.governs(hook, direction) and one not in self._gone
        ]
        for one in self._added:
            if one not in self._gone and counts(one):
                insort(found, one, key=self._order)
        return in_tiers(found, self._tiers, self._release)


def _counting(key: _Key) -> Callable[[Policy], bool]:
    """Whether a policy counts for the endpoint, hook and direction of *key*."""
    labels, hook, direction = key
    known = dict(labels)
    return lambda policy: policy.governs(hook, direction) and policy.selects(known)
