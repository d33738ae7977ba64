"""One audit: what was read is judged, and becomes records."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import InitVar, asdict, dataclass, field, replace
from datetime import UTC
from itertools import chain
from typing import TYPE_CHECKING, Final

import orjson

from service import __version__
from service.admission.enforcement import EnforcementPoint
from service.admission.terms import terms
from service.checks.exceptions import ID as STALE
from service.checks.exceptions import Exceptions, Moment
from service.checks.finding import to_json
from service.checks.run import audit as judge
from service.checks.run import checks
from service.checks.verdict import Result, Severity
from service.cluster.kube import IN_POD
from service.errors import SettingsError
from service.policy.profile import DEFAULT_PROFILE
from service.policy.world import World
from service.settings import TABLE
from service.store.records import AuditRun, Finding, InputFault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from service.admission.terms import Terms
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json, Verdict
    from service.cluster.manifests import Loaded
    from service.errors import InputError
    from service.model.snapshot import Snapshot
    from service.policy.profile import ClusterProfile
    from service.settings import Settings

_ID_LENGTH: Final = 32
_NO_PART_OF_A_VERDICT: Final = frozenset(
    {"cluster.on_stale", "cluster.stale_after_s", "on_error", "limits.body_bytes"}
)


@dataclass(frozen=True, slots=True)
class Source:
    """What is audited: the objects, and the paths or names that they were read from.

    ``world`` is that of the objects, by the premises of ``profile``, or *known*, if somebody has made it
    already; after an audit it has worked out what the checks ask of it. ``age_s`` is how old the objects of
    a live cluster may be, None for those of manifests.
    """

    loaded: Loaded
    names: Sequence[str]
    profile: ClusterProfile = DEFAULT_PROFILE
    age_s: float | None = None
    known: InitVar[World | None] = None
    world: World = field(init=False, repr=False, compare=False)

    def __post_init__(self, known: World | None) -> None:
        world = known or World.of(self.loaded.snapshot, self.profile)
        object.__setattr__(self, "world", world)


def source_name(cluster: str) -> str:
    """How a live cluster is named among the sources of a run: as the command line names it."""
    return "--cluster" if cluster == IN_POD else f"--context={cluster}"


@dataclass(frozen=True, slots=True)
class Audit:
    """A run and its findings, in their order."""

    run: AuditRun
    findings: tuple[Finding, ...]

    def at_least(self, severity: Severity) -> bool:
        """Whether any finding is as bad as *severity* or worse."""
        return any(
            Severity(name).at_least(severity) for name, count in self.run.counts.items() if count
        )


def audit(
    source: Source,
    settings: Settings,
    *,
    at: datetime,
    only: Collection[str] = (),
    point: EnforcementPoint = EnforcementPoint.AUDIT,
    more: Callable[[Snapshot], Iterable[Verdict]] = lambda _snapshot: (),
) -> Audit:
    """The audit of *source* at the moment *at* by the checks *only*, or by all of them.

    The same arguments give the same audit, id included. What could not be read is in the run. What an
    exception covers, or a mode only records at *point*, is told and not counted. *more* gives what no check
    can tell of the objects alone.

    Raises: SettingsError for an unknown check or an unusable network.
    """
    chosen = chosen_checks(only)
    snapshot = source.loaded.snapshot
    told = judged(
        source, terms(settings), chosen, at_s=int(at.timestamp()), point=point, more=more(snapshot)
    )
    found = [one for one in told if one.result is not Result.PASS]
    tally = Counter(one.severity for one in found if one.counts)
    run = AuditRun(
        id="",
        started_at=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        version=__version__,
        digest=snapshot.digest,
        revision=snapshot.revision,
        age_s=source.age_s,
        sources=tuple(source.names),
        files=source.loaded.files,
        documents=source.loaded.documents,
        objects=sum(1 for _ in snapshot.decoded()),
        checks=chosen,
        settings=recorded(settings),
        skipped=dict(sorted(source.loaded.skipped.items())),
        errors=tuple(map(_fault, source.loaded.errors)),
        counts={severity.value: tally[severity] for severity in Severity},
    )
    findings = tuple(
        Finding(place, to_json(verdict, revision=run.revision, age_s=run.age_s))
        for place, verdict in enumerate(found)
    )
    return Audit(replace(run, id=_identity(run)), findings)


def judged(
    source: Source,
    agreed: Terms,
    only: Collection[str],
    *,
    at_s: int,
    point: EnforcementPoint = EnforcementPoint.AUDIT,
    more: Iterable[Verdict] = (),
) -> list[Verdict]:
    """*more*, and what the checks *only* say, passes included, the worst first, each as exceptions and modes have it."""
    exceptions = Exceptions(source.world, Moment(at_s, agreed.max_days))
    found = chain(verdicts(source, agreed.checks, only), more)
    told = list(exceptions.suppressed(found))
    if STALE in only:
        told += exceptions.stale(only)
    told = list(agreed.enforcement.enforced(told, point))
    told.sort(key=lambda one: -one.severity.score)
    return told


def verdicts(
    source: Source, settings: CheckSettings, only: Collection[str] | None = None
) -> Iterator[Verdict]:
    """What all checks, or *only* some, say of the manifests, then what they would once these are mended.

    A manifest that no cluster would take hides all that is wrong with what it means.
    """
    told = set()
    for verdict in judge(source.world, settings, only):
        told.add(verdict.fingerprint)
        yield verdict
    if source.loaded.mended is not None:
        for verdict in judge(World.of(source.loaded.mended, source.profile), settings, only):
            if verdict.fingerprint not in told:
                yield replace(verdict, message=f"once the manifests are mended: {verdict.message}")


def recorded(settings: Settings) -> dict[str, Json]:
    """The settings that a verdict may depend on, by their public names."""
    told: dict[str, Json] = {}
    for row in TABLE:
        if row.name not in _NO_PART_OF_A_VERDICT:
            told[row.name] = orjson.loads(orjson.dumps(getattr(settings, row.attribute)))
    return told


def chosen_checks(only: Collection[str] = ()) -> tuple[str, ...]:
    """The ids of the checks *only*, or of all. Raises: SettingsError for one that there is not."""
    known = [check.id for check in checks()]
    for name in only:
        if name not in known:
            raise SettingsError(f"there is no check {name}; there are {', '.join(known)}")
    return tuple(name for name in known if not only or name in only)


def _fault(error: InputError) -> InputFault:
    place = error.location
    return InputFault(
        error.code,
        error.detail,
        file=place.file,
        line=place.line,
        column=place.column,
        pointer=place.pointer,
    )


def _identity(run: AuditRun) -> str:
    canonical = orjson.dumps(asdict(run), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()[:_ID_LENGTH]
