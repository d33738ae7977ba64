"""What a review means: the world before it against the world after it; only new harm is refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from service.admission.enforcement import EnforcementPoint
from service.admission.ordering import order_advice
from service.admission.override import Override, Way, overridden, plea, refusing
from service.admission.review import Operation as Asked
from service.checks.contract import Transition
from service.checks.exceptions import Exceptions, Moment
from service.checks.run import checks, review
from service.checks.verdict import Result
from service.errors import InputError, SourceLocation
from service.model.decode import decode_object
from service.model.kinds.k8s_service import Service
from service.model.meta import Decoded
from service.model.refs import (
    CALICO_V1,
    CALICO_V3,
    KUBERNETES_NETWORKING,
    SIG_NETWORK_POLICY,
)
from service.model.snapshot import Change, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.admission.override import Plea
    from service.admission.review import ReviewRequest
    from service.admission.terms import Terms
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Verdict
    from service.policy.world import World

_ALLOWED, _FORBIDDEN = 200, 403
_GROUPS = frozenset({"", CALICO_V1, CALICO_V3, KUBERNETES_NETWORKING, SIG_NETWORK_POLICY})
_UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one review. ``message`` is what the user of kubectl sees when it is refused.

    ``change`` is None where nothing was judged. ``plea`` is the break-glass that a refused request asks
    for; whether the caller may is not known here. ``override`` is what let a refused request pass.
    """

    uid: str
    allowed: bool
    code: int = _ALLOWED
    message: str = ""
    warnings: tuple[str, ...] = ()
    audit_annotations: Mapping[str, str] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    revision: str = ""
    change: Change | None = None
    plea: Plea | None = None
    override: Override | None = None


def decide(world: World, request: ReviewRequest, terms: Terms, *, now_s: int) -> Decision:
    """What *world* says of *request* at the second *now_s* since 1970, under *terms*.

    A kind that no check judges, an object that is on its way out, and the deletion of what we do not
    read pass without an opinion. An object that cannot be read at all is refused: its harm is not known.
    """
    if not is_judged(request):
        return Decision(request.uid, allowed=True, revision=world.snapshot.revision)
    try:
        change = _change(request, terms.checks)
    except InputError as error:
        return Decision(request.uid, allowed=False, code=_FORBIDDEN, message=str(error))
    if change is None or _is_leaving(change):
        return Decision(request.uid, allowed=True, revision=world.snapshot.revision)
    transition = _transition(world, change)
    moment = Moment(now_s, terms.max_days)
    found = Exceptions(world, moment).suppressed(review(transition, terms.checks))
    verdicts = tuple(terms.enforcement.enforced(found, EnforcementPoint.ADMISSION))
    decision = _decision(request, verdicts, transition)
    return decision if decision.allowed else _passed(decision, request, terms, now_s=now_s)


def _passed(decision: Decision, request: ReviewRequest, terms: Terms, *, now_s: int) -> Decision:
    """A refusal, passed where the account is exempt, or with the plea that the request makes."""
    exempt = [who for who in (request.user, *request.groups) if who in terms.exempt]
    if exempt:
        why = f"{exempt[0]} is exempt by setting"
        return overridden(decision, Override(Way.EXEMPT_ACCOUNT, why, refusing(decision)))
    if decision.change is None:
        return decision
    asked = plea(request, decision.change, now_s=now_s, api_servers=terms.api_servers)
    return replace(decision, plea=asked)


def is_judged(request: ReviewRequest) -> bool:
    """Whether any check has an opinion on the kind."""
    if request.operation is Asked.CONNECT or request.kind.group not in _GROUPS:
        return False
    return any(request.kind.kind in check.kinds for check in checks())


def _change(request: ReviewRequest, settings: CheckSettings) -> Change | None:
    """The change that is asked for; None if its kind is not read in that version.

    Raises: DecodeError.
    """
    before, after = (
        _decoded(raw, request, settings) for raw in (request.old_object, request.object)
    )
    if request.operation is Asked.DELETE:
        after = None
    elif request.operation is Asked.CREATE:
        before = None
    if before is None and after is None:
        return None
    return Change(Operation(request.operation.value), before, after)


def _decoded(
    raw: Mapping[str, object] | None, request: ReviewRequest, settings: CheckSettings
) -> Decoded[object] | None:
    if raw is None:
        return None
    decoded = decode_object(_named(raw, request), SourceLocation(file="admission request"))
    if not isinstance(decoded, Decoded):
        return None
    if request.dry_run and isinstance(decoded.obj, Service):
        return replace(decoded, obj=_without_dummies(decoded.obj, settings))
    return decoded


def _named(raw: Mapping[str, object], request: ReviewRequest) -> Mapping[str, object]:
    """The object with a name, which the server has yet to make where ``generateName`` is asked for."""
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name"):
        return raw
    name = request.name or f"{metadata.get('generateName') or ''}{_UNNAMED}"
    return {**raw, "metadata": {**metadata, "name": name}}


def _without_dummies(service: Service, settings: CheckSettings) -> Service:
    """A dry run's Service without the ports that the API server shows in place of allocated ones.

    Seen on kube-apiserver 1.36: 32769 and up, which no range of that server holds.
    """
    lo, hi = settings.node_port_range

    def real(port: int) -> int:
        return port if lo <= port <= hi else 0

    ports = tuple(replace(port, node_port=real(port.node_port)) for port in service.ports)
    health = real(service.health_check_node_port)
    return replace(service, ports=ports, health_check_node_port=health)


def _is_leaving(change: Change) -> bool:
    """Whether the object is being deleted: its finalizers must be let go."""
    return change.after is not None and change.after.meta.deleting


def _transition(world: World, change: Change) -> Transition:
    """The worlds before and after, as the request has them: the snapshot may be older, or newer."""
    standing = world.snapshot.find(change.ref)
    before = world
    if change.before is not None and not _agree(standing, change.before):
        before = world.with_change(Change(Operation.UPDATE, standing, change.before))
    elif change.before is None and standing is not None:
        before = world.with_change(Change(Operation.DELETE, standing, None))
    return Transition(before, before.with_change(change), change)


def _agree(standing: Decoded[object] | None, before: Decoded[object]) -> bool:
    """Whether an object stands as the request has it, so that the world serves as it is."""
    if standing is None or standing.raw.get("apiVersion") != before.raw.get("apiVersion"):
        return False
    return standing.raw.get("spec") == before.raw.get("spec") and _judged(standing) == _judged(
        before
    )


def _judged(one: Decoded[object]) -> tuple[object, ...]:
    """The part of an object's metadata that can change a verdict."""
    return one.meta.labels, one.meta.annotations, one.meta.deleting


def _decision(
    request: ReviewRequest, verdicts: tuple[Verdict, ...], transition: Transition
) -> Decision:
    refused = [one for one in verdicts if one.result is Result.FAIL]
    refused.sort(key=lambda one: -one.severity.score)
    told = [one for one in verdicts if one.result is Result.WARN]
    return Decision(
        request.uid,
        allowed=not refused,
        code=_FORBIDDEN if refused else _ALLOWED,
        message=_message(refused, transition.change),
        warnings=tuple(_line(one) for one in told),
        audit_annotations=_annotations(verdicts),
        verdicts=verdicts,
        revision=transition.before.snapshot.revision,
        change=transition.change,
    )


def _message(refused: list[Verdict], change: Change) -> str:
    """At most three lines: what, a packet that shows it, what to do."""
    if not refused:
        return ""
    first = refused[0]
    more = f" (and {len(refused) - 1} more findings)" if len(refused) > 1 else ""
    lines = [f"{_line(first)}{more}"]
    if first.witness:
        lines.append(f"for example {first.witness}")
    if advice := " ".join(filter(None, (first.advice, order_advice(first, change)))):
        lines.append(advice)
    return "\n".join(lines)


def _line(verdict: Verdict) -> str:
    return f"{verdict.check} ({verdict.reason}): {verdict.message}"


def _annotations(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    """What the API server's audit log keeps beside the request."""
    notable = [one for one in verdicts if one.result in {Result.FAIL, Result.WARN}]
    if not notable:
        return {}
    found = sorted({f"{one.check}/{one.reason}={one.result}" for one in notable})
    return {"findings": ",".join(found)}
