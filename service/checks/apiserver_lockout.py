"""Does a policy cut nodes or operators off from the API server? docs/checks/apiserver-lockout.md.

What counts is what is lost: what was surely possible before a change and no longer can be after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.apiserver.access import Who, api_endpoints
from service.checks.apiserver.callbacks import is_called
from service.checks.apiserver.called import (
    AGGREGATED,
    CUT_OFF,
    DOUBTED,
    UNANSWERED,
    cut_off,
    newly_cut_off,
)
from service.checks.apiserver.latent import latent_denials
from service.checks.apiserver.told import ID, RESULT_OF, Told
from service.checks.apiserver.way import Way, ways, ways_of_pods
from service.checks.contract import GUARDING_KINDS, POLICY_KINDS, Check, Transition
from service.checks.settings import Strictness, Unknown
from service.checks.verdict import Result, Severity, Verdict
from service.model.refs import ObjectRef
from service.net.headerspace import Bounds
from service.policy.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.contract import Verdicts
    from service.checks.settings import CheckSettings
    from service.policy.world import World

CALLBACK_KINDS = frozenset(
    {"APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
)
"""The kinds that say what the API server calls."""
_API_SERVICE = ObjectRef("", "Service", "default", "kubernetes")


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """For each endpoint and kind of sender a pass, or what is denied, or left to the failsafes of outsiders.

    Whom else a failsafe alone carries, apiserver-by-failsafe-only tells.
    """
    found = tuple(ways(world, settings))
    if not found:
        yield from _no_endpoint_known(world, settings, _API_SERVICE)
    for way in found:
        yield from Told(way, _API_SERVICE).standing()
    yield from cut_off(world, settings)


def review(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """FAIL for access that a change newly takes away, WARN for what it may or for what was so before.

    A Service changes nobody's policy, so there is nothing to say of one.
    """
    ref = transition.change.ref
    if ref.kind == "Service":
        return
    found = tuple(_ways_touched(transition, settings))
    if not found and ref.kind in GUARDING_KINDS:
        yield from _no_endpoint_known(transition.after, settings, ref)
    lost = False
    for way in found:
        before = Way(transition.before, settings, way.endpoint, way.who)
        for verdict in Told(way, ref).changed(before):
            lost = lost or verdict.result is Result.FAIL
            yield verdict
    yield from newly_cut_off(transition, settings)
    if not lost:
        yield from _latent(transition, settings, found)


def reaudit(transition: Transition, settings: CheckSettings, known: Verdicts) -> Verdicts | None:
    """Nothing for a change that leaves policy alone, such as one of a Service; else all is judged anew.

    The Service of the API server itself, and pools, lead its clients' packets; other Services its own calls.
    """
    del settings, known
    ref = transition.change.ref
    if ref.kind in CALLBACK_KINDS or is_called(transition.after, ref):
        return None
    before, after = (one.facts(Facts.POLICY) for one in (transition.before, transition.after))
    is_led = ref == _API_SERVICE or ref.kind == "IPPool"
    return {} if before is after and not is_led else None


def _ways_touched(transition: Transition, settings: CheckSettings) -> Iterator[Way]:
    """The ways that the change may touch: policy that is for pods alone is met by pods alone."""
    if transition.change.ref.kind in GUARDING_KINDS:
        yield from ways(transition.after, settings)
        return
    for endpoint in api_endpoints(transition.after, settings):
        yield from ways_of_pods(transition.after, settings, endpoint)


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


def _latent(
    transition: Transition, settings: CheckSettings, found: Iterable[Way]
) -> Iterator[Verdict]:
    """What a policy that selects no endpoint today would cut off, as far as it would not have before."""
    ref = transition.change.ref
    if ref.kind != "GlobalNetworkPolicy" or settings.latent is Strictness.IGNORE:
        return
    for way in found:
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
                result=RESULT_OF[settings.latent],
                severity=Severity.LOW,
                reason="latent",
                message=f"{ref} selects no endpoint today; at one that it selects it would deny "
                f"{way.senders(fresh)} the API server at {way.endpoint}",
                advice="Allow access to the API server in it, or before it.",
                key=(str(way.endpoint), way.who.value),
                witness=way.witness(fresh),
                space=Bounds.exact(fresh),
            )


CHECK = Check(
    id=ID,
    title="Access to the API server that policy takes away",
    severity=Severity.CRITICAL,
    subjects=GUARDING_KINDS | POLICY_KINDS | CALLBACK_KINDS,
    kinds=GUARDING_KINDS | POLICY_KINDS,
    reasons={
        "reachable": "Every sender reaches the endpoint.",
        "lost": "Senders that must reach the API server are denied.",
        "may-be-lost": "Senders may be denied; the facts do not suffice to tell.",
        "failsafe-only": "Policy denies senders whom only a failsafe port still carries.",
        "unreachable-from-outside": "No source outside the cluster reaches the API server.",
        "fewer-outside": "Fewer sources outside the cluster reach the API server than before.",
        "latent": "A policy that selects nothing today would cut senders off.",
        CUT_OFF: "Policy denies the API server a webhook that it calls.",
        AGGREGATED: "Policy denies the API server an aggregated API server.",
        DOUBTED: "Policy may deny the API server what it calls; the facts do not suffice to tell.",
        UNANSWERED: "What answers a webhook or an aggregated API is not known, and so no policy of it.",
        "endpoints-unknown": "Where the API server is dialled is not known.",
    },
    audit=audit,
    review=review,
    reaudit=reaudit,
)
