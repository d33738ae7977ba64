"""Which objects does somebody refuse, or ignore? Such a policy guards nothing, and nobody says so.

docs/checks/object-ignored.md.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from service.checks.contract import GUARDING_KINDS, POLICY_KINDS, Check
from service.checks.verdict import Result, Severity, Verdict
from service.model.kinds.felix_configuration import FelixConfiguration
from service.model.kinds.host_endpoint import HostEndpoint
from service.model.meta import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.contract import Transition, Verdicts
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json
    from service.model.meta import Decoded, Problem
    from service.policy.world import World

_ID = "object-ignored"
_SHOWN_PROBLEMS = 4

_REASONS = {
    Layer.SCHEMA: "rejected-by-schema",
    Layer.DECODE: "undecodable",
    Layer.FELIX: "dropped-by-felix",
    Layer.DATAPLANE: "breaks-nftables",
    Layer.STRICT: "unknown-field",
    Layer.RUNTIME: "ignored-part",
    Layer.VALIDATOR: "refused-by-validator",
}
"""The reason of each layer, in order: a fault that several layers see is told under the first."""
_ORDER = {layer: index for index, layer in enumerate(_REASONS)}
_MEANINGS = {
    "rejected-by-schema": "the API server refuses it, so it is not in the cluster",
    "undecodable": "Calico cannot decode it, and may stop to update every object of its kind",
    "dropped-by-felix": "Felix drops it whole at run time, as if it did not exist",
    "breaks-nftables": "nftables refuses what Felix makes of it, and every later policy update with it",
    "unknown-field": "fields that the API server does not know: it refuses the object, or drops them and keeps the rest",
    "ignored-part": "Felix keeps it, but not as written",
    "refused-by-validator": "calicoctl and Calico's API server refuse it, kubectl with native CRDs does not",
}
_CRITICAL = frozenset({Layer.DECODE, Layer.DATAPLANE})
_GUARDING_KINDS = frozenset(
    {
        "FelixConfiguration",
        "GlobalNetworkPolicy",
        "GlobalNetworkSet",
        "HostEndpoint",
        "NetworkPolicy",
        "NetworkSet",
    }
)
_NFTABLES_OFF = "Disabled"
_REPLACED = ("replaced",)


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """A FAIL for each object and reason; an object that a later one replaces is told apart."""
    del settings  # none changes what Calico refuses
    for decoded in world.snapshot.problems():
        stands = world.snapshot.find(decoded.ref) is decoded
        yield from _verdicts(world, decoded, Result.FAIL, key=() if stands else _REPLACED)


def review(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """A WARN for each reason that the changed object did not have before."""
    del settings
    change = transition.change
    if change.after is None:
        return
    before = _verdicts(transition.before, change.before, Result.WARN) if change.before else ()
    known = {(one.reason, one.message) for one in before}
    for verdict in _verdicts(transition.after, change.after, Result.WARN):
        if (verdict.reason, verdict.message) not in known:
            yield verdict


def reaudit(transition: Transition, settings: CheckSettings, known: Verdicts) -> Verdicts | None:
    """The verdicts on what changes; None where the change decides what shows of others' faults."""
    del settings, known
    ref, after = transition.change.ref, transition.after
    if ref.kind in {"FelixConfiguration", "HostEndpoint"}:
        return None
    standing = transition.change.after
    earlier = (one for one in after.snapshot.replaced if one.ref == ref)
    found = [*(_verdicts(after, standing, Result.FAIL) if standing else ())]
    for one in earlier:
        found += _verdicts(after, one, Result.FAIL, key=_REPLACED)
    return {ref: tuple(found)}


def _verdicts(
    world: World, decoded: Decoded[object], result: Result, *, key: tuple[str, ...] = ()
) -> Iterator[Verdict]:
    told: set[tuple[str, str]] = set()
    by_layer = sorted(_reached(decoded), key=lambda problem: _ORDER[problem.layer])
    for layer, group in groupby(by_layer, key=lambda problem: problem.layer):
        problems = []
        for problem in group:
            fault = (problem.message, problem.location.pointer)
            if fault not in told and _matters(world, problem):
                problems.append(problem)
            told.add(fault)
        if problems:
            yield _verdict(decoded, layer, problems, result=result, key=key)


def _reached(decoded: Decoded[object]) -> list[Problem]:
    """The problems that can show: what the API server refuses gets no further."""
    problems = list(decoded.problems)
    if any(problem.layer is Layer.SCHEMA for problem in problems):
        return [one for one in problems if one.layer in {Layer.SCHEMA, Layer.STRICT}]
    return problems


def _verdict(
    decoded: Decoded[object],
    layer: Layer,
    problems: list[Problem],
    *,
    result: Result,
    key: tuple[str, ...],
) -> Verdict:
    reason = _REASONS[layer]
    shown = [_told(problem) for problem in problems[:_SHOWN_PROBLEMS]]
    more = len(problems) - _SHOWN_PROBLEMS
    if more > 0:
        shown.append(f"and {more} more")
    hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
    return Verdict(
        check=_ID,
        subject=decoded.ref,
        result=result,
        severity=_severity(decoded, layer),
        reason=reason,
        message=f"{_MEANINGS[reason]}: {'; '.join(shown)}",
        advice="; ".join(hints),
        location=problems[0].location,
        key=key,
        details={"problems": [_detail(problem) for problem in problems]},
    )


def _severity(decoded: Decoded[object], layer: Layer) -> Severity:
    if layer in _CRITICAL:
        return Severity.CRITICAL
    if layer is Layer.VALIDATOR or decoded.ref.kind not in _GUARDING_KINDS:
        return Severity.MEDIUM
    return Severity.HIGH


def _matters(world: World, problem: Problem) -> bool:
    """Whether the problem shows in this cluster: what breaks nftables needs nftables, and sometimes more."""
    if problem.layer is not Layer.DATAPLANE:
        return True
    default = world.snapshot.get(FelixConfiguration, "default")
    if default is not None and default.nftables_mode == _NFTABLES_OFF:
        return False
    is_setting = problem.location.pointer.endswith("DenyAction")
    return not is_setting or bool(world.snapshot.all(HostEndpoint))


def _told(problem: Problem) -> str:
    place = problem.location
    where = f"line {place.line}" if place.line else place.pointer
    return f"{where}: {problem.message}" if where else problem.message


def _detail(problem: Problem) -> dict[str, Json]:
    return {
        "layer": problem.layer.value,
        "message": problem.message,
        "hint": problem.hint,
        "file": problem.location.file,
        "line": problem.location.line,
        "column": problem.location.column,
        "pointer": problem.location.pointer,
    }


CHECK = Check(
    id=_ID,
    title="Objects that are refused or ignored",
    severity=Severity.CRITICAL,
    subjects=frozenset(),
    kinds=GUARDING_KINDS | POLICY_KINDS,
    reasons=_MEANINGS,
    audit=audit,
    review=review,
    reaudit=reaudit,
)
