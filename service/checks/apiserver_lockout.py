"""Does a policy cut nodes or operators off from the API server? docs/checks/apiserver-lockout.md.

What counts is what is lost: what was surely possible before a change and no longer can be after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.checks.apiserver.access import (
    ApiEndpoint,
    Passage,
    Who,
    address_owners,
    api_endpoints,
    passage,
)
from service.checks.apiserver.latent import latent_denials
from service.checks.contract import Check, Transition
from service.checks.nodeport.guard import prefix_ranges, union
from service.checks.settings import Strictness, Unknown
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import packet
from service.model.refs import ObjectRef
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.prefixes import cidrs
from service.policy.cause import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Witness
    from service.net.intervals import IntervalSet
    from service.policy.cause import Cause
    from service.policy.partition import Part
    from service.policy.world import World

ID = "apiserver-lockout"
_API_SERVICE = ObjectRef("", "Service", "default", "kubernetes")
_SHOWN = 5
_STRICT = {
    Strictness.REJECT: Result.FAIL,
    Strictness.WARN: Result.WARN,
    Strictness.IGNORE: Result.SKIP,
}


@dataclass(frozen=True, slots=True)
class _Way:
    """One kind of sender's way to one endpoint, in one world."""

    world: World
    settings: CheckSettings
    endpoint: ApiEndpoint
    who: Who

    @property
    def passage(self) -> Passage:
        """What becomes of the packets, failsafes as they stand."""
        return passage(self.world, self.endpoint, self.who, operators=self._operators)

    @property
    def by_policy(self) -> Passage:
        """What would become of them if the failsafe lists were empty."""
        stripped = self.world.without_failsafes()
        return passage(stripped, self.endpoint, self.who, operators=self._operators)

    @property
    def _operators(self) -> IntervalSet | None:
        if self.who is not Who.OPERATORS:
            return None
        return prefix_ranges(self.settings.operators, self.endpoint.family)

    def carried(self, ref: ObjectRef | None) -> HeaderSpace:
        """The packets that arrive only because a failsafe carries them past a Deny rule of *ref*.

        None stands for everything else that would deny: other rules, ends of tiers, missing profiles.
        """
        family = self.endpoint.family
        explicit = union(
            family,
            (
                one.space
                for one in self.by_policy.parts
                if ref is not None and _is_rule_of(one, ref)
            ),
        ).must
        arriving = self.passage.possible.must
        return arriving & (explicit if ref is not None else self.by_policy.denied.must)

    def witness(self, space: HeaderSpace) -> Witness:
        """A packet of *space*."""
        senders = address_owners(self.world) if self.who is Who.NODES else {}
        return packet(space, self.endpoint.node, senders)

    def senders(self, space: HeaderSpace) -> str:
        """Who sends the packets of *space*, in words."""
        sources = space.project(Field.SRC)
        if self.who is Who.NODES:
            owners = address_owners(self.world)
            family = self.endpoint.family
            names = sorted(
                {
                    node
                    for (one, value), node in owners.items()
                    if one is family and value in sources
                }
            )
            return f"{'node' if len(names) == 1 else 'nodes'} {_some(names)}"
        what = "operators" if self.who is Who.OPERATORS else "outside sources"
        if sources == self.passage.live.may.project(Field.SRC):
            return f"all {what}"
        return f"{what} ({_some(cidrs(self.endpoint.family, sources))})"


def _is_rule_of(part: Part, ref: ObjectRef) -> bool:
    return part.cause.reason is Reason.RULE and part.cause.policy == ref


def _ways(world: World, settings: CheckSettings) -> Iterator[_Way]:
    for endpoint in api_endpoints(world, settings):
        yield _Way(world, settings, endpoint, Who.NODES)
        if not settings.operators:
            yield _Way(world, settings, endpoint, Who.OUTSIDE)
        elif any(one.family is endpoint.family for one in settings.operators):
            yield _Way(world, settings, endpoint, Who.OPERATORS)


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """For each endpoint and kind of sender a pass, or what is denied or left to the failsafes."""
    ways = tuple(_ways(world, settings))
    if not ways:
        yield from _no_endpoint_known(world, settings, _API_SERVICE)
    for way in ways:
        told = _Told(way, _API_SERVICE)
        found = [*told.standing()]
        yield from found or (told.reachable(),)


def review(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """FAIL for access that a change newly takes away, WARN for what it may or for what was so before.

    A Service changes nobody's policy, so there is nothing to say of one.
    """
    ref = transition.change.ref
    if ref.kind == "Service":
        return
    ways = tuple(_ways(transition.after, settings))
    if not ways:
        yield from _no_endpoint_known(transition.after, settings, ref)
    lost = False
    for way in ways:
        before = _Way(transition.before, settings, way.endpoint, way.who)
        for verdict in _Told(way, ref).changed(before):
            lost = lost or verdict.result is Result.FAIL
            yield verdict
    if not lost:
        yield from _latent(transition, settings, ways)


def _no_endpoint_known(
    world: World, settings: CheckSettings, subject: ObjectRef
) -> Iterator[Verdict]:
    """Unknown, unless there is no host endpoint: without one nothing is cut off."""
    if not world.has_endpoints:
        return
    why = "neither EndpointSlice default/kubernetes nor a control-plane Node nor a setting names it"
    yield Verdict(
        check=ID,
        subject=subject,
        result=Result.FAIL if settings.unknown is Unknown.DENY else Result.WARN,
        severity=Severity.LOW,
        reason="endpoints-unknown",
        message=f"Where the API server is dialled is not known: {why}",
        advice="Set apiserver.endpoints, or give the EndpointSlice or the Nodes.",
        unknown=("the addresses of the API server are not known",),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """The verdicts on one way; *subject* is what they are about."""

    way: _Way
    subject: ObjectRef

    def standing(self) -> Iterator[Verdict]:
        """What is denied as things stand, or arrives by failsafe only."""
        passage = self.way.passage
        outsiders = self.way.who is Who.OUTSIDE
        if passage.denied.must and not outsiders:
            yield self._lost(passage.denied.must, Result.FAIL, "")
        elif outsiders and not passage.possible.may:
            yield self._unreachable(passage.denied.must, Result.WARN)
        elif passage.denied.may and not outsiders:
            yield self._may_be_lost(passage.denied.may, Result.WARN)
        carried = self.way.carried(None)
        if carried:
            yield self._carried(carried, Result.WARN)

    def changed(self, before: _Way) -> Iterator[Verdict]:
        """What is lost against *before*, surely or perhaps, or newly left to the failsafes."""
        old, new = before.passage, self.way.passage
        lost = old.possible.must & new.denied.must
        if self.way.who is Who.OUTSIDE:
            yield from self._outside(lost)
        elif lost:
            yield self._lost(lost, Result.FAIL, "")
        elif new.denied.must:
            yield self._lost(new.denied.must, Result.WARN, " (it was so before this change)")
        grown = (new.denied.may - old.denied.may) | (new.denied.must - old.denied.must)
        perhaps = grown - lost
        if perhaps and self.way.who is not Who.OUTSIDE:
            deny = self.way.settings.unknown is Unknown.DENY
            yield self._may_be_lost(perhaps, Result.FAIL if deny else Result.WARN)
        yield from self._newly_carried(before)

    def _newly_carried(self, before: _Way) -> Iterator[Verdict]:
        ref = self.subject
        explicit = self.way.carried(ref) - before.carried(ref)
        strict = self.way.who is not Who.OUTSIDE
        if explicit:
            result = _STRICT[self.way.settings.failsafe_only] if strict else Result.WARN
            yield self._carried(explicit, result)
        else:
            implicit = self.way.carried(None) - before.carried(None)
            if implicit:
                yield self._carried(implicit, Result.WARN)

    def _outside(self, lost: HeaderSpace) -> Iterator[Verdict]:
        if not lost:
            return
        if not self.way.passage.possible.may:
            yield self._unreachable(lost, Result.FAIL)
            return
        remaining = self.way.passage.possible.may.project(Field.SRC)
        left = _some(cidrs(self.way.endpoint.family, remaining))
        yield self._verdict(
            "fewer-outside",
            Result.WARN,
            lost,
            message=f"fewer outside sources reach the API server at {self.way.endpoint}: "
            f"{left} remain. No operator CIDR is configured, so it is not known who must",
            advice="Set apiserver.operators to the networks that operators come from.",
        )

    def reachable(self) -> Verdict:
        """The pass, with the sources that reach the endpoint."""
        possible = self.way.passage.possible.may
        sources = cidrs(self.way.endpoint.family, possible.project(Field.SRC))
        return self._verdict(
            "reachable",
            Result.PASS,
            None,
            message=f"{self.way.who.value} reach the API server at {self.way.endpoint}",
            details={"sources": [*sources[: _SHOWN * 10]]},
        )

    def _lost(self, space: HeaderSpace, result: Result, aside: str) -> Verdict:
        causes = self._causes(space, self.way.passage.parts)
        return self._verdict(
            "lost",
            result,
            space,
            message=f"{self.way.senders(space)} cannot reach the API server at {self.way.endpoint}: "
            f"{_because(causes)}{aside}",
            advice="Allow these sources to the API server before whatever denies them.",
            causes=causes,
        )

    def _may_be_lost(self, space: HeaderSpace, result: Result) -> Verdict:
        parts = self.way.passage.parts
        unknown = tuple(dict.fromkeys(why for one in parts for why in one.unknown))
        causes = self._causes(space, parts)
        return self._verdict(
            "may-be-lost",
            result,
            space,
            message=f"{self.way.senders(space)} may lose the API server at {self.way.endpoint}: "
            f"{_because(causes)}, as far as is known",
            advice="Make the rule's sources explicit, so that it can be told.",
            causes=causes,
            unknown=unknown or ("on which interface the packets travel is not known",),
        )

    def _unreachable(self, space: HeaderSpace, result: Result) -> Verdict:
        causes = self._causes(space, self.way.passage.parts)
        return self._verdict(
            "unreachable-from-outside",
            result,
            space,
            message=f"no outside source reaches the API server at {self.way.endpoint}, not even by a "
            f"failsafe port: {_because(causes)}. No operator CIDR is configured",
            advice="Set apiserver.operators, and allow them.",
            causes=causes,
            details={"remaining": []},
        )

    def _carried(self, space: HeaderSpace, result: Result) -> Verdict:
        causes = self._causes(space, self.way.by_policy.parts)
        return self._verdict(
            "failsafe-only",
            result,
            space,
            message=f"{_because(causes)} denies {self.way.senders(space)} the API server at "
            f"{self.way.endpoint}; only the failsafe list still carries it",
            advice="Allow it by policy: a failsafe list can be replaced at any time.",
            causes=causes,
        )

    @staticmethod
    def _causes(space: HeaderSpace, parts: Iterable[Part]) -> tuple[Cause, ...]:
        return tuple(dict.fromkeys(one.cause for one in parts if one.space.may & space))

    def _verdict(
        self,
        reason: str,
        result: Result,
        space: HeaderSpace | None,
        **proof: object,
    ) -> Verdict:
        way = self.way
        severities = {Result.FAIL: Severity.CRITICAL, Result.WARN: Severity.MEDIUM}
        return Verdict(
            check=ID,
            subject=self.subject,
            result=result,
            severity=severities.get(result, Severity.INFO),
            reason=reason,
            key=(str(way.endpoint), way.who.value),
            witness=way.witness(space) if space else None,
            space=Bounds.exact(space) if space else None,
            **proof,  # type: ignore[arg-type]  # the fields of a verdict, by name
        )


def _latent(
    transition: Transition, settings: CheckSettings, ways: Iterable[_Way]
) -> Iterator[Verdict]:
    """What a policy that selects no endpoint today would cut off, as far as it would not have before."""
    ref = transition.change.ref
    if ref.kind != "GlobalNetworkPolicy" or settings.latent is Strictness.IGNORE:
        return
    for way in ways:
        if way.who is Who.OUTSIDE:
            continue
        live = way.passage.live.may
        fresh = latent_denials(transition.after, ref, live) - latent_denials(
            transition.before, ref, live
        )
        if fresh:
            yield Verdict(
                check=ID,
                subject=ref,
                result=_STRICT[settings.latent],
                severity=Severity.LOW,
                reason="latent",
                message=f"{ref} selects no endpoint today; at one that it selects it would deny "
                f"{way.senders(fresh)} the API server at {way.endpoint}",
                advice="Allow access to the API server in it, or before it.",
                key=(str(way.endpoint), way.who.value),
                witness=way.witness(fresh),
                space=Bounds.exact(fresh),
            )


def _because(causes: tuple[Cause, ...]) -> str:
    texts = tuple(dict.fromkeys(str(cause) for cause in causes))
    return _some(list(texts)) or "policy"


def _some(texts: list[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


CHECK = Check(
    id=ID,
    title="Access to the API server that policy takes away",
    severity=Severity.CRITICAL,
    kinds=frozenset(
        {
            "Service",
            "GlobalNetworkPolicy",
            "HostEndpoint",
            "Tier",
            "GlobalNetworkSet",
            "NetworkSet",
            "FelixConfiguration",
            "KubeControllersConfiguration",
        }
    ),
    reasons={
        "reachable": "Every sender reaches the endpoint.",
        "lost": "Senders that must reach the API server are denied.",
        "may-be-lost": "Senders may be denied; the facts do not suffice to tell.",
        "failsafe-only": "Policy denies senders whom only a failsafe port still carries.",
        "unreachable-from-outside": "No source outside the cluster reaches the API server.",
        "fewer-outside": "Fewer sources outside the cluster reach the API server than before.",
        "latent": "A policy that selects nothing today would cut senders off.",
        "endpoints-unknown": "Where the API server is dialled is not known.",
    },
    audit=audit,
    review=review,
)
