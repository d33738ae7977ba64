"""The verdicts on what the API server calls: as things stand, or against what was before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.checks.apiserver.access import address_owners
from service.checks.apiserver.callbacks import (
    answers_are_told,
    callbacks,
    callers,
    fate,
)
from service.checks.apiserver.told import ID
from service.checks.apiserver.way import some
from service.checks.settings import Unknown
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import packet
from service.net.headerspace import Bounds
from service.policy.cause import Reason
from service.policy.reached import cause_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.apiserver.callbacks import Callback, Fate
    from service.checks.contract import Transition
    from service.checks.settings import CheckSettings
    from service.net.headerspace import HeaderSpace
    from service.policy.cause import Cause
    from service.policy.ledger import Outcome
    from service.policy.world import World

CUT_OFF = "webhook-cut-off"
AGGREGATED = "aggregated-api-cut-off"
DOUBTED = "callback-may-be-cut-off"
UNANSWERED = "callback-unknown"
_ADVICE = "Allow the nodes of the API server to it before whatever denies them."


@dataclass(frozen=True, slots=True)
class _Cut:
    """Calls of the API server on one node that policy denies, or may."""

    node: str
    space: HeaderSpace
    fate: Fate


def cut_off(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """What the API server cannot call, or perhaps not, as things stand."""
    nodes = callers(world, settings)
    is_told = bool(nodes) and answers_are_told(world)
    for callback in callbacks(world):
        fates = _fates(world, callback, nodes)
        lost = _cuts((node, one, one.denied) for node, one in fates)
        doubted = _cuts((node, one, one.doubted) for node, one in fates)
        if lost:
            yield _denied(world, callback, lost)
        elif doubted:
            yield _doubted(world, callback, doubted)
        elif is_told:
            yield from _unanswered(callback, fates, nodes)


def newly_cut_off(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """What a change takes from the API server: what was surely open, and is so no more."""
    after = transition.after
    nodes = callers(after, settings)
    for callback in callbacks(after):
        before = _fates(transition.before, callback, nodes)
        pairs = list(zip(before, _fates(after, callback, nodes), strict=True))
        lost = _cuts((node, new, old.allowed & new.denied) for (_, old), (node, new) in pairs)
        doubted = _cuts((node, new, _newly_doubted(old, new)) for (_, old), (node, new) in pairs)
        if lost:
            yield _denied(after, callback, lost)
        elif doubted:
            is_refused = settings.unknown is Unknown.DENY and callback.blocks
            told = _doubted(after, callback, doubted)
            yield replace(told, result=Result.FAIL) if is_refused else told


def _fates(world: World, callback: Callback, nodes: tuple[str, ...]) -> list[tuple[str, Fate]]:
    """What becomes of the calls from each of *nodes*, which stand beside it."""
    return [(one, fate(world, one, to)) for one in nodes for to in callback.sockets]


def _cuts(parts: Iterable[tuple[str, Fate, HeaderSpace]]) -> tuple[_Cut, ...]:
    return tuple(_Cut(node, space, one) for node, one, space in parts if space)


def _newly_doubted(old: Fate, new: Fate) -> HeaderSpace:
    """What policy may deny now, and did not even perhaps; or denies, where nobody could tell before."""
    return ((new.denied | new.doubted) - (old.denied | old.doubted)) | (new.denied & old.doubted)


def _denied(world: World, callback: Callback, cuts: tuple[_Cut, ...]) -> Verdict:
    is_aggregated = not callback.names
    severity = Severity.HIGH if is_aggregated else Severity.CRITICAL
    verdict = _verdict(world, callback, cuts, words="cannot call")
    return replace(
        verdict,
        result=Result.FAIL if callback.blocks else Result.WARN,
        severity=severity if callback.blocks else Severity.MEDIUM,
        reason=AGGREGATED if is_aggregated else CUT_OFF,
    )


def _doubted(world: World, callback: Callback, cuts: tuple[_Cut, ...]) -> Verdict:
    unknown = dict.fromkeys(why for one in _outcomes(cuts) for why in one.unknown)
    verdict = _verdict(world, callback, cuts, words="perhaps cannot call")
    return replace(verdict, unknown=tuple(unknown))


def _unanswered(
    callback: Callback, fates: list[tuple[str, Fate]], nodes: tuple[str, ...]
) -> Iterator[Verdict]:
    """That it is not known what answers, if it is not."""
    of_calls = (why for _, one in fates for why in one.unanswered)
    unknown = tuple(dict.fromkeys([callback.missing] if callback.missing else of_calls))
    if unknown:
        yield Verdict(
            check=ID,
            subject=callback.subject,
            result=Result.WARN,
            severity=Severity.LOW,
            reason=UNANSWERED,
            message=f"whether policy lets the API server on {some(list(nodes))} call "
            f"{_what(callback)} at {callback.target} is not known: {some(list(unknown))}",
            advice="Mend the Service, its pods or what calls it; or audit with its EndpointSlices.",
            location=callback.location,
            key=(callback.target,),
            unknown=unknown,
            details={"nodes": [*nodes], "webhooks": [*callback.names]},
        )


def _what(callback: Callback) -> str:
    return f"webhook {some(list(callback.names))}" if callback.names else "the aggregated API"


def _outcomes(cuts: tuple[_Cut, ...]) -> Iterator[Outcome]:
    """What the calls that are cut off come to."""
    for cut in cuts:
        yield from (one for one in cut.fate.outcomes if one.space & cut.space)


def _told(cause: Cause) -> str:
    """The cause in words; at the end of a tier, the last of the policies that let nothing by."""
    after = f" (after {cause.policy})" if cause.reason is Reason.END_OF_TIER else ""
    return f"{cause_text(cause)}{after}"


def _verdict(world: World, callback: Callback, cuts: tuple[_Cut, ...], *, words: str) -> Verdict:
    """The verdict on a doubt, which others are made of."""
    causes = tuple(dict.fromkeys(cause for one in _outcomes(cuts) for cause in one.causes))
    nodes = list(dict.fromkeys(cut.node for cut in cuts))
    first = cuts[0]
    witness = packet(first.space, "", address_owners(world))
    return Verdict(
        check=ID,
        subject=callback.subject,
        result=Result.WARN,
        severity=Severity.LOW,
        reason=DOUBTED,
        message=f"the API server on {some(nodes)} {words} {_what(callback)} at {callback.target}: "
        f"{some([_told(one) for one in causes])}",
        advice=_ADVICE,
        location=callback.location,
        key=(callback.target,),
        witness=replace(witness, sender=first.node),
        causes=causes,
        details={"nodes": [*nodes], "webhooks": [*callback.names]},
        space=Bounds.exact(first.space),
    )
