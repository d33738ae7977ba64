"""What a trace is made of: the stages that a packet passes, and what is left of it after each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, TypeAlias

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.policy.cause import Decision, Direction, Hook, Reason
from service.policy.explain import Look, looks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.policy.cause import Cause
    from service.policy.hooks import TierPolicies
    from service.policy.partition import Part, Partition
    from service.policy.topology import Link
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World


class Passage(StrEnum):
    """Where a packet is changed without any policy (the words of the trace format)."""

    DNAT = "dnat"


class Verdict(StrEnum):
    """What a stage says of the packet (the words of the trace format)."""

    ALLOW = "allow"
    DENY = "deny"
    UNDECIDED = "undecided"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    TRANSLATED = "translated"


class Disposition(StrEnum):
    """What becomes of the packet (the words of the trace format)."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Connection(StrEnum):
    """The state in which connection tracking finds the packet."""

    NEW = "new"
    ESTABLISHED = "established"


class Detail(StrEnum):
    """How much a trace tells."""

    STAGES = "stages"
    RULES = "rules"
    """Every policy and rule that was looked at, too."""


class PodPolicy(Enum):
    """Whether a walk heeds the policies of pods, or only those of hosts."""

    HEEDED = "heeded"
    IGNORED = "ignored"


StageHook: TypeAlias = Hook | Passage


@dataclass(frozen=True, slots=True)
class Stage:
    """One hook that the packet meets. Text is "" where nothing of the sort decided; ``rule`` is None.

    ``looks`` are the rules that were looked at, where the trace was asked for them.
    """

    node: str
    hook: StageHook
    direction: Direction
    verdict: Verdict
    endpoint: str = ""
    tier: str = ""
    policy: str = ""
    rule: int | None = None
    reason: str = ""
    note: str = ""
    looks: tuple[Look, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The stage in the trace format; ``looked_at`` only where there is something to tell."""
        stage: dict[str, object] = {
            "node": self.node,
            "hook": self.hook.value,
            "direction": self.direction.value,
            "endpoint": self.endpoint,
            "verdict": self.verdict.value,
            "tier": self.tier,
            "policy": self.policy,
            "rule": self.rule,
            "reason": self.reason,
            "note": self.note,
        }
        if self.looks:
            stage["looked_at"] = [look.to_json() for look in self.looks]
        return stage

    def to_text(self) -> str:
        """The stage on one line, and one more for each rule that was looked at."""
        endpoint = f" [{self.endpoint}]" if self.endpoint else ""
        why = ", ".join(filter(None, (self._decider(), self.note)))
        head = f"{self.node} {self.hook} {self.direction}{endpoint}: {self.verdict}"
        line = f"  {head} ({why})" if why else f"  {head}"
        return "\n".join((line, *(f"      {look}" for look in self.looks)))

    def _decider(self) -> str:
        if self.rule is not None:
            return f"policy {self.policy} rule {self.rule}, tier {self.tier}"
        if self.reason == Reason.END_OF_TIER:
            return f"end of tier {self.tier}, last policy {self.policy}"
        return self.reason


@dataclass(frozen=True, slots=True)
class Walk:
    """A packet on its way, or several alike: those that one question leaves open.

    ``open`` are those that no hook of the present node has accepted yet, ``accepted`` the others; what
    was denied is gone, and ``lost`` says that some may be. ``unknown`` are reasons for verdicts that
    could not be told, ``beyond`` for a way that leads out of what is modelled; ``halted`` says that
    the way itself is not known. ``varies`` names what the packets differ in.
    """

    world: World
    open: Bounds
    accepted: Bounds
    connection: Connection = Connection.NEW
    detail: Detail = Detail.STAGES
    pod_policy: PodPolicy = PodPolicy.HEEDED
    stages: tuple[Stage, ...] = ()
    lost: bool = False
    halted: bool = False
    unknown: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()

    @classmethod
    def start(cls, world: World, packets: HeaderSpace) -> Walk:
        """The walk of *packets*, at its beginning."""
        return cls(world, Bounds.exact(packets), _nothing(packets))

    @property
    def live(self) -> Bounds:
        """The packets that nobody has denied."""
        return self.open | self.accepted

    @property
    def at_host(self) -> Disposition:
        """The disposition by the hosts' own hooks, whatever pods' policies may say beyond them."""
        if not self.live.may:
            return Disposition.DENIED
        return Disposition.UNKNOWN if self.lost or self.halted else Disposition.ALLOWED

    @property
    def disposition(self) -> Disposition:
        """The disposition at the packet's final destination."""
        if self.beyond and self.at_host is Disposition.ALLOWED:
            return Disposition.UNKNOWN
        return self.at_host

    @property
    def ended(self) -> bool:
        """Whether there is no next stage to tell of."""
        return self.halted or bool(self.beyond) or not self.live.may

    def judge(self, link: Link, hook: Hook, direction: Direction) -> Walk:
        """The walk after a hook of the endpoint that governs *link* there."""
        if self.ended:
            return self
        hep = link.gate.endpoint(self.world, hook)
        blank = Stage(
            node=link.node,
            hook=hook,
            direction=direction,
            verdict=Verdict.SKIPPED,
            endpoint=hep.meta.ref.name if hep else "",
        )
        if not self.open.may:
            return self._with(replace(blank, note="accepted before"))
        if hep and self.connection is Connection.ESTABLISHED and hook is not Hook.UNTRACKED:
            return self._established(blank)
        partition = self.world.evaluate(hep, self.open, hook=hook, direction=direction)
        tiers = self.world.resolve(hep, hook, direction) if hep and self._tells_rules else ()
        return self._judged(blank, partition, tiers)

    def judge_workload(self, pod: WorkloadEndpoint, direction: Direction) -> Walk:
        """The walk after the hook of *pod*, which heeds no earlier acceptance."""
        if self.ended or self.pod_policy is PodPolicy.IGNORED:
            return self
        return self.reopened()._at_pod(pod, direction)  # noqa: SLF001 - a Walk too

    def _at_pod(self, pod: WorkloadEndpoint, direction: Direction) -> Walk:
        blank = Stage(pod.node, Hook.WORKLOAD, direction, Verdict.SKIPPED, endpoint=pod.name)
        if self.connection is Connection.ESTABLISHED:
            return self._established(blank)
        partition = self.world.evaluate_workload(pod, self.open, direction)
        chain = self.world.workload_chain(pod, direction)
        return self._judged(blank, partition, chain.tiers if self._tells_rules else ())

    @property
    def _tells_rules(self) -> bool:
        return self.detail is Detail.RULES

    def _judged(self, blank: Stage, partition: Partition, tiers: tuple[TierPolicies, ...]) -> Walk:
        """The walk after *partition*, of which *tiers* are to be told, too."""
        stage = self._told(blank, partition)
        if tiers:
            found = looks(self.world, tiers, blank.direction, packets=self.open)
            stage = replace(stage, looks=tuple(found))
        after = self._with(stage)
        nothing = _nothing(self.open.may)
        match stage.verdict:
            case Verdict.UNDECIDED:
                return after
            case Verdict.ALLOW:
                return replace(after, open=nothing, accepted=self.live)
            case Verdict.DENY:
                return replace(after, open=nothing, lost=True)
            case _:
                return replace(
                    after,
                    open=partition.bounds(Decision.UNDECIDED),
                    accepted=self.accepted | partition.bounds(Decision.ALLOW),
                    lost=self.lost or bool(partition.may(Decision.DENY)),
                    unknown=_unique(*self.unknown, *self._doubts(partition)),
                )

    def reopened(self) -> Walk:
        """The walk at a hook that heeds no earlier acceptance, such as those of another node."""
        return replace(self, open=self.live, accepted=_nothing(self.open.may))

    def told(self, stage: Stage) -> Walk:
        """The walk with a stage that leaves the packet as it is."""
        return self if self.ended else self._with(stage)

    def refused(self, stage: Stage) -> Walk:
        """The walk of which *stage* denies everything."""
        if self.ended:
            return self
        nothing = _nothing(self.open.may)
        return replace(self._with(stage), open=nothing, accepted=nothing)

    def rewritten(self, fields: HeaderSpace, *names: Field, varies: str = "") -> Walk:
        """The walk whose packets take their fields *names* from *fields*, in every combination."""
        if self.ended:
            return self

        def changed(packets: Bounds) -> Bounds:
            may = packets.may.forget(*names) & fields if packets.may else packets.may
            must = may if packets.is_exact else packets.must.forget(*names) & fields
            return Bounds(must, may)

        return replace(
            self,
            open=changed(self.open),
            accepted=changed(self.accepted),
            varies=_unique(*self.varies, *((varies,) if varies else ())),
        )

    def stopped(self, *reasons: str) -> Walk:
        """The walk whose further way is not known, for *reasons*."""
        if self.ended:
            return self
        return replace(self, halted=True, unknown=_unique(*self.unknown, *reasons))

    def carrying(self, packets: HeaderSpace) -> Walk:
        """The walk, from its own beginning, of the packets that carry those of this one."""
        return replace(Walk.start(self.world, packets), detail=self.detail)

    def behind(self, carrier: Walk) -> Walk:
        """The walk of packets that travel inside those of *carrier*."""
        if self.ended:
            return self
        walk = replace(self, stages=(*self.stages, *carrier.stages))
        match carrier.disposition:
            case Disposition.ALLOWED:
                return walk
            case Disposition.DENIED:
                return replace(walk, open=_nothing(self.open.may), accepted=_nothing(self.open.may))
            case Disposition.UNKNOWN:
                return walk.stopped(*carrier.unknown, *carrier.beyond)

    def left(self, reason: str) -> Walk:
        """The walk whose packets go on to what is not modelled, of which *reason* tells."""
        return self if self.ended else replace(self, beyond=(reason,))

    def joined(self, ways: Sequence[Walk], doubt: str) -> Walk:
        """The walk that goes on as one of *ways*, nobody knows which: *doubt* says what decides."""
        if len(ways) == 1:
            return ways[0]
        fates = {way.disposition for way in ways}
        stages = tuple(stage for way in ways for stage in way.stages[len(self.stages) :])
        doubts = (doubt,) if len(fates) > 1 else ()
        family = self.open.may.family
        return replace(
            self,
            stages=(*self.stages, *stages),
            open=Bounds.union_all(family, (way.open for way in ways)),
            accepted=Bounds.union_all(family, (way.accepted for way in ways)),
            lost=any(way.lost or not way.live.may for way in ways),
            halted=any(way.halted for way in ways),
            unknown=_unique(*doubts, *(why for way in ways for why in way.unknown)),
            beyond=_unique(*(why for way in ways for why in way.beyond)),
        )

    def _with(self, stage: Stage) -> Walk:
        return replace(self, stages=(*self.stages, stage))

    def _established(self, blank: Stage) -> Walk:
        """Conntrack lets the packet by: accepted in the filter table, out of the mangle table."""
        if blank.hook is Hook.PRE_DNAT:
            verdict, after = Verdict.UNDECIDED, self
        else:
            nothing = _nothing(self.open.may)
            verdict, after = Verdict.ALLOW, replace(self, open=nothing, accepted=self.live)
        stage = replace(blank, verdict=verdict, reason=Reason.ESTABLISHED.value)
        return after.told(stage)

    def _told(self, blank: Stage, partition: Partition) -> Stage:
        parts = [part for part in partition.parts if part.space.may]
        possible = list(dict.fromkeys(part.decision for part in parts))
        if len(possible) > 1:
            note = "; ".join(_possibility(part) for part in parts)
            return replace(blank, verdict=Verdict.UNKNOWN, note=note)
        verdict = _VERDICTS[possible[0]]
        if verdict is not Verdict.UNDECIDED and len({part.cause for part in parts}) > 1:
            note = "whichever of these decides: " + "; ".join(str(part.cause) for part in parts)
            return replace(blank, verdict=verdict, note=note)
        return _decided(replace(blank, verdict=verdict), parts[-1].cause)

    def _doubts(self, partition: Partition) -> tuple[str, ...]:
        """Why the verdict of a hook is not one; if all facts are known, the packets are not."""
        unknown = partition.unknown()
        if unknown or not self.varies:
            return unknown
        return (f"the verdict depends on {' and on '.join(self.varies)}",)


_VERDICTS = {
    Decision.ALLOW: Verdict.ALLOW,
    Decision.DENY: Verdict.DENY,
    Decision.UNDECIDED: Verdict.UNDECIDED,
}


def _decided(stage: Stage, cause: Cause) -> Stage:
    return replace(
        stage,
        tier=cause.tier,
        policy=_policy(cause),
        rule=cause.rule,
        reason=cause.reason.value,
        note=cause.note,
    )


def _policy(cause: Cause) -> str:
    if cause.policy is None:
        return ""
    namespace, name = cause.policy.namespace, cause.policy.name
    return f"{namespace}/{name}" if namespace else name


def _possibility(part: Part) -> str:
    return f"{part.decision} by {part.cause}"


def _nothing(packets: HeaderSpace) -> Bounds:
    return Bounds.exact(HeaderSpace.nothing(packets.family))


def _unique(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
