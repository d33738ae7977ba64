"""What each of Felix's endpoint chains does with the packets that reach it.

Only first packets of connections: an established flow passes before any of this (conntrack).
Source: felix/rules/endpoints.go, felix/rules/static.go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from service.model.rule import Action
from service.net.flow import PROTOCOL_NUMBERS
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.policy.cause import Cause, Decision, Direction, Hook, Reason
from service.policy.endpoints import DEFAULT_ALLOW
from service.policy.felix import BPF_DOUBT
from service.policy.order import tier_view
from service.policy.partition import Part, Partition, undetermined, whole
from service.policy.profile import NEWEST
from service.policy.profiles import ProfileRules
from service.policy.relevance import whole_tiers
from service.policy.workloads import NAMESPACE_PROFILE

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from service.model.kinds.felix_configuration import FailsafePort
    from service.model.kinds.tier import Tier
    from service.net.prefixes import Family
    from service.policy.convert import Policy, PolicyRule
    from service.policy.felix import FelixView
    from service.policy.match import Matcher
    from service.policy.profile import Release, TierView
    from service.policy.profiles import Entry
    from service.policy.relevance import Stretch

_FAILSAFE_MEMO = 256
_END_IN_DENY = frozenset({Hook.NORMAL, Hook.FORWARD, Hook.WORKLOAD})
IPIP = 4
BYPASSED = "chainInsertMode is append: rules of the host before Felix's may accept the packet"
_INSTEAD = {
    BYPASSED: "a rule of the host's before Felix's",
    BPF_DOUBT: "no eBPF program, or one that lets it by before policy",
}
VXLAN_PORT = 4789


@dataclass(frozen=True, slots=True)
class TierPolicies:
    """A tier and, in Felix's order, its policies that count at one endpoint, hook and direction."""

    tier: TierView
    policies: tuple[Policy, ...]


def in_tiers(
    policies: Iterable[Policy], tiers: Mapping[str, Tier], release: Release = NEWEST
) -> tuple[TierPolicies, ...]:
    """*policies*, which are in Felix's order, by tier; a tier without any is left out."""
    by_tier: dict[str, list[Policy]] = {}
    for policy in policies:
        by_tier.setdefault(policy.tier, []).append(policy)
    return tuple(
        TierPolicies(tier_view(name, tiers, release), tuple(governing))
        for name, governing in by_tier.items()
    )


@dataclass(frozen=True, slots=True)
class Chain:
    """Felix's chain of one endpoint at one hook in one direction: all that a walk depends on.

    Endpoints that are alike have equal chains, and so share what is worked out for one.
    """

    hook: Hook
    direction: Direction
    tiers: tuple[TierPolicies, ...]
    felix: FelixView
    profiles: tuple[Entry, ...]
    wildcard: bool = False
    doubts: tuple[str, ...] = ()
    """Why it is not known which policies the chain has."""

    def cause(self, reason: Reason, note: str = "") -> Cause:
        """A cause that no rule stands behind."""
        return Cause(reason, self.hook, self.direction, note=note)

    @property
    def denies_at_ends(self) -> bool:
        """Whether the end of a tier may deny here."""
        return self.hook in _END_IN_DENY

    def inspects(self, family: Family) -> bool:
        """Whether Felix looks at packets of *family* here, and it is known with which policies."""
        if self.felix.doubts or self.doubts or not self.felix.programs(family):
            return False
        return not (self.hook is Hook.UNTRACKED and self.wildcard)

    def exempt(self, family: Family) -> Iterator[tuple[Reason, str, HeaderSpace]]:
        """What Felix decides before any policy: why, how, and of which packets."""
        if self.hook is Hook.WORKLOAD:
            if self.direction is Direction.EGRESS:
                space = _encapsulation(self.felix, family)
                yield Reason.ENCAPSULATION, Action.DENY.value, space
        elif self.hook is not Hook.FORWARD:
            space = failsafe_space(self.felix, family, hook=self.hook, direction=self.direction)
            yield Reason.FAILSAFE, Action.ALLOW.value, space


def no_endpoint(live: Bounds, hook: Hook, direction: Direction) -> Partition:
    """What happens where no host endpoint governs: Calico does not look at the packet."""
    return whole(live, Decision.UNDECIDED, Cause(Reason.NO_HOST_ENDPOINT, hook, direction))


def evaluate(
    chain: Chain,
    live: Bounds,
    *,
    matcher: Matcher,
    namespaces: Container[str],
    stretches: Iterable[Stretch] | None = None,
) -> Partition:
    """The fate of *live* packets at *chain*, step by step as Felix renders it.

    UNDECIDED leaves the hook unmarked; ALLOW marks or accepts. NORMAL never leaves a packet undecided.
    *namespaces* are those that exist: each gives a profile. *stretches* are the chain's tiers without
    rules that no live packet meets, where somebody knows them.
    """
    doubts = (*chain.felix.blind, *chain.doubts)
    if doubts:
        return undetermined(live, chain.cause(Reason.DEFAULT_ACTION), doubts)
    if not chain.felix.programs(live.may.family):
        return _inert(chain, live, "Felix programs no IPv6 policy here")
    if chain.hook is Hook.UNTRACKED and chain.wildcard:
        return _inert(chain, live, "untracked policy is ignored on *")
    if chain.hook is not Hook.WORKLOAD and not chain.felix.polices:
        return _inert(chain, live, "no eBPF program stands at the interface")
    walk = _Walk(matcher, chain, live)
    family, hook, direction = live.may.family, chain.hook, chain.direction
    if hook is Hook.WORKLOAD:
        walk.encapsulation()
    else:
        walk.failsafes(failsafe_space(chain.felix, family, hook=hook, direction=direction))
    for stretch in whole_tiers(chain.tiers, chain.direction) if stretches is None else stretches:
        walk.tier(stretch)
    walk.fall_off(namespaces)
    parts = tuple(walk.parts)
    unsure = _unsure(chain)
    if unsure:
        parts = tuple(one for part in parts for one in _bypassed(chain, part, unsure))
    return Partition(live, parts, tuple(walk.spared))


def _unsure(chain: Chain) -> str:
    """Why what the chain would deny may pass it by; "" where it cannot."""
    if chain.felix.may_be_bypassed:
        return BYPASSED
    is_programs = chain.hook is not Hook.WORKLOAD and BPF_DOUBT in chain.felix.doubts
    return BPF_DOUBT if is_programs else ""


def _bypassed(chain: Chain, part: Part, why: str) -> Iterator[Part]:
    """*part* where what the chain denies may pass it by, because of *why*."""
    if part.decision is not Decision.DENY:
        yield part
        return
    space = Bounds(HeaderSpace.nothing(part.space.may.family), part.space.may)
    unknown = (*part.unknown, why)
    yield replace(part, space=space, unknown=unknown)
    decision = Decision.ALLOW if chain.hook in _END_IN_DENY else Decision.UNDECIDED
    yield Part(decision, chain.cause(Reason.DEFAULT_ACTION, _INSTEAD[why]), space, unknown)


def _inert(chain: Chain, live: Bounds, note: str) -> Partition:
    return whole(live, Decision.UNDECIDED, chain.cause(Reason.NO_HOST_ENDPOINT, note))


class _Walk:
    """One pass over a chain: what is still live, and the parts decided so far."""

    def __init__(self, matcher: Matcher, chain: Chain, live: Bounds) -> None:
        self.matcher = matcher
        self.chain = chain
        self.live = live
        nothing = HeaderSpace.nothing(live.may.family)
        self.passed = Bounds(nothing, nothing)
        self.parts: list[Part] = []
        self.spared: list[Part] = []
        self.doubts: tuple[str, ...] = ()

    def failsafes(self, space: HeaderSpace) -> None:
        """Failsafe ports pass before any policy: out of raw and mangle, into the filter table's accept."""
        decision = Decision.ALLOW if self.chain.hook is Hook.NORMAL else Decision.UNDECIDED
        match = Bounds.exact(space)
        self._decide(decision, self.live & match, self.chain.cause(Reason.FAILSAFE))
        self.live = self.live - match

    def encapsulation(self) -> None:
        """Pods may not send packets that other nodes would unwrap, unless Felix is told to let them."""
        if self.chain.direction is Direction.EGRESS:
            match = Bounds.exact(_encapsulation(self.chain.felix, self.live.may.family))
            cause = self.chain.cause(Reason.ENCAPSULATION, "pods send no encapsulated packets")
            self._decide(Decision.DENY, self.live & match, cause)
            self.live = self.live - match

    def tier(self, tier: Stretch) -> None:
        """One tier: its rules in order, then its end. Source: felix/rules/endpoints.go."""
        nothing = HeaderSpace.nothing(self.live.may.family)
        self.passed = Bounds(nothing, nothing)
        for policy, rule in tier.lines:
            if not self.live.may:
                break
            self._rule(tier, policy, rule)
        ends_in_deny = not tier.tier.ends_in_pass and self.chain.hook in _END_IN_DENY
        if ends_in_deny:
            self._decide(Decision.DENY, self.live, self._end_of_tier(tier))
            self.live = self.passed
        else:
            self.live = self.live | self.passed

    def _rule(self, tier: Stretch, policy: Policy, rule: PolicyRule) -> None:
        action = rule.rule.action
        if action is Action.LOG:
            return
        match = self.matcher.match(rule, self.live.may.family)
        if action is Action.DENY:
            self._spare(self._rule_cause(tier, policy, rule), rule)
        hit = self.live & match.space
        if not hit.may:
            return
        if match.unknown:
            self.doubts = tuple(dict.fromkeys((*self.doubts, *match.unknown)))
        self.live = self.live - match.space
        if action is Action.PASS:
            self.passed = self.passed | hit
            return
        decision = Decision.ALLOW if action is Action.ALLOW else Decision.DENY
        self._decide(decision, hit, self._rule_cause(tier, policy, rule))

    def _spare(self, cause: Cause, rule: PolicyRule) -> None:
        exceptions = self.matcher.exceptions(rule, self.live.may.family)
        if exceptions is not None:
            spared = self.live & Bounds.exact(exceptions)
            self.spared.append(Part(Decision.DENY, cause, spared))

    def _rule_cause(self, tier: Stretch, policy: Policy, rule: PolicyRule) -> Cause:
        where = policy.meta.location.at(rule.rule.pointer)
        return Cause(
            Reason.RULE,
            self.chain.hook,
            self.chain.direction,
            tier=tier.tier.name,
            policy=policy.meta.ref,
            rule=rule.index,
            location=where,
        )

    def _end_of_tier(self, tier: Stretch) -> Cause:
        policy = tier.last
        return Cause(
            Reason.END_OF_TIER,
            self.chain.hook,
            self.chain.direction,
            tier=tier.tier.name,
            policy=policy.meta.ref,
            location=policy.meta.location,
        )

    def fall_off(self, namespaces: Container[str]) -> None:
        """What no tier decided: profiles and a drop for local traffic, otherwise on to the next hook."""
        if not self.live.may:
            return
        match self.chain.hook:
            case Hook.NORMAL | Hook.WORKLOAD:
                self._profiles(namespaces)
            case Hook.FORWARD:
                # Not denied; the host's own FORWARD rules are taken to accept.
                cause = self.chain.cause(
                    Reason.DEFAULT_ACTION, "no policy denies forwarded traffic"
                )
                self._decide(Decision.ALLOW, self.live, cause)
            case Hook.UNTRACKED | Hook.PRE_DNAT:
                cause = self.chain.cause(Reason.DEFAULT_ACTION, "no rule decides")
                self._decide(Decision.UNDECIDED, self.live, cause)

    def _profiles(self, namespaces: Container[str]) -> None:
        """Profiles in order, the first that decides; then the drop that ends a host endpoint's chain."""
        for name in self.chain.profiles:
            if isinstance(name, ProfileRules):
                self._profile_rules(name)
                continue
            allows = profile_allows(name, namespaces)
            decision = Decision.ALLOW if allows else Decision.DENY
            note = f"profile {name}" if allows else f"profile {name} does not exist: dropped"
            self._decide(decision, self.live, self.chain.cause(Reason.PROFILE, note))
            return
        note = "no policy and no profile allows it"
        self._decide(Decision.DENY, self.live, self.chain.cause(Reason.DEFAULT_ACTION, note))

    def _profile_rules(self, profile: ProfileRules) -> None:
        """What its rules decide; Pass leaves the profile, as if none matched."""
        left = Bounds.exact(HeaderSpace.nothing(self.live.may.family))
        for rule in profile.rules(self.chain.direction):
            match = self.matcher.match(rule, self.live.may.family)
            hit = self.live & match.space
            action = rule.rule.action
            if action is Action.LOG or not hit.may:
                continue
            self.doubts = tuple(dict.fromkeys((*self.doubts, *match.unknown)))
            self.live = self.live - match.space
            if action is Action.PASS:
                left = left | hit
                continue
            decision = Decision.ALLOW if action is Action.ALLOW else Decision.DENY
            note = f"profile {profile.meta.ref.name} rule {rule.index}"
            self._decide(decision, hit, self.chain.cause(Reason.PROFILE, note))
        self.live = self.live | left

    def _decide(self, decision: Decision, space: Bounds, cause: Cause) -> None:
        if space.may:
            unknown = () if space.is_exact else self.doubts
            self.parts.append(Part(decision, cause, space, unknown))


def profile_allows(name: str, namespaces: Container[str]) -> bool:
    """Whether a profile allows everything (True), or is missing (False: dropped).

    With the Kubernetes datastore there are only the static profile and those that namespaces and service
    accounts give; those of accounts have no rules, and chains leave them out. Source: libcalico-go/lib/backend/k8s/conversion, resources/static.go,
    felix/calc/active_rules_calculator.go (a missing profile drops).
    """
    if name == DEFAULT_ALLOW:
        return True
    is_namespaces = name.startswith(NAMESPACE_PROFILE)
    return is_namespaces and name.removeprefix(NAMESPACE_PROFILE) in namespaces


@lru_cache(maxsize=_FAILSAFE_MEMO)
def failsafe_space(
    felix: FelixView, family: Family, *, hook: Hook, direction: Direction
) -> HeaderSpace:
    """The packets that the failsafe lists take out of a chain; the same for most of a cluster's.

    In the raw table replies count too: a packet whose *source* port is a failsafe port of the other
    direction. Source: felix/rules/static.go failsafeInChain, failsafeOutChain.
    """
    if hook is Hook.FORWARD:
        return HeaderSpace.nothing(family)
    inbound = direction is Direction.INGRESS
    own = felix.failsafe_inbound if inbound else felix.failsafe_outbound
    peer = Field.SRC if inbound else Field.DST
    spaces = list(_failsafe_boxes(own, family, port=Field.DST_PORT, peer=peer))
    if hook is Hook.UNTRACKED:
        other = felix.failsafe_outbound if inbound else felix.failsafe_inbound
        spaces += _failsafe_boxes(other, family, port=Field.SRC_PORT, peer=peer)
    return HeaderSpace.union_all(family, spaces)


def _encapsulation(felix: FelixView, family: Family) -> HeaderSpace:
    """The packets that Felix drops when a pod sends them. Source: felix/rules/endpoints.go."""
    spaces = []
    if not felix.workloads_may_send_vxlan:
        spaces.append(vxlan_packets(family))
    if not felix.workloads_may_send_ipip:
        spaces.append(ipip_packets(family))
    return HeaderSpace.union_all(family, spaces)


def vxlan_packets(family: Family) -> HeaderSpace:
    """Packets to the port of VXLAN."""
    fields = {Field.PROTOCOL: PROTOCOL_NUMBERS["UDP"], Field.DST_PORT: VXLAN_PORT}
    return HeaderSpace.box(family, {one: IntervalSet.single(n) for one, n in fields.items()})


def ipip_packets(family: Family) -> HeaderSpace:
    """Packets of IP in IP."""
    return HeaderSpace.box(family, {Field.PROTOCOL: IntervalSet.single(IPIP)})


def _failsafe_boxes(
    ports: Iterable[FailsafePort], family: Family, *, port: Field, peer: Field
) -> Iterator[HeaderSpace]:
    for one in ports:
        if one.net is not None and one.net.family is not family:
            continue
        fields = {
            Field.PROTOCOL: IntervalSet.single(one.protocol),
            port: IntervalSet.single(one.port),
        }
        if one.net is not None:
            fields[peer] = IntervalSet.of((one.net.lo, one.net.hi))
        yield HeaderSpace.box(family, fields)
