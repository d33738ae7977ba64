"""A walk: packets on their way from hook to hook, and what is left of them after each.

A trace walks one packet, a question of `reach` many of them at once, by the same steps: what a hook or a
change does is said here once, of sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from service.net.headerspace import Bounds, Field, HeaderSpace
from service.policy.cause import Decision, Direction, Hook, Reason
from service.policy.crowds import fate_in_crowds
from service.policy.explain import looks
from service.policy.extent import DividedError, Extent
from service.policy.hooks import evaluate
from service.policy.ledger import BLANK, Change, Ledger
from service.policy.stages import (
    Connection,
    Detail,
    Disposition,
    PodPolicy,
    Stage,
    Verdict,
    cause_of,
    told,
)
from service.policy.stalls import stalled

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from service.net.intervals import IntervalSet
    from service.policy.crowds import FateAt
    from service.policy.explain import Look
    from service.policy.hooks import Chain
    from service.policy.partition import Partition
    from service.policy.topology import Link
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World


@dataclass(frozen=True, slots=True)
class Walk:
    """Packets on their way: of one question, all that it leaves open.

    ``open`` are those that no hook of the present node has accepted yet, ``accepted`` the others; what
    was denied is gone, and ``lost`` says that some may be. ``unknown`` are reasons for verdicts that
    could not be told, ``beyond`` for a way that leads out of what is modelled; ``halted`` says that
    the way itself is not known. ``varies`` names what the packets differ in. ``ledger`` keeps what
    became of which of the packets that were sent.
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
    extent: Extent = Extent.ONE
    ledger: Ledger = BLANK

    @classmethod
    def start(cls, world: World, packets: HeaderSpace, extent: Extent = Extent.ONE) -> Walk:
        """The walk of *packets*, at its beginning."""
        return cls(world, Bounds.exact(packets), _nothing(packets), extent=extent)

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

    def within(self, packets: HeaderSpace) -> bool:
        """Whether the packets are all among *packets*.

        Raises: DividedError where that is a matter of which packet.
        """
        outside = self.live.may - packets
        if self.extent is Extent.ONE:
            return not outside
        return not self._some(outside)

    def comes_from(self, addresses: IntervalSet) -> bool:
        """Whether the packets have their source among *addresses*. Raises: as `within`."""
        return self.within(HeaderSpace.box(self.live.may.family, {Field.SRC: addresses}))

    @property
    def may_be_open(self) -> bool:
        """Whether the packets may be open still. Raises: as `within`."""
        return self._some(self.open.may)

    @property
    def may_be_accepted(self) -> bool:
        """Whether the packets may be accepted already. Raises: as `within`."""
        return self._some(self.accepted.may)

    def _some(self, packets: HeaderSpace) -> bool:
        """Whether *packets*, which are live, may be what becomes of each packet sent, or of none."""
        if self.extent is Extent.ONE or not packets:
            return bool(packets)
        sent = self.ledger.sent(packets)
        if self.ledger.sent(self.live.may) <= sent:
            return True
        raise DividedError(sent)

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
            return self._telling(replace(blank, note="accepted before"))
        if hep and self._is_known(blank):
            return self._established(blank)
        halts = stalled(self.world, link.node) if hep else ()
        if halts:
            return self._telling(replace(blank, verdict=Verdict.UNKNOWN)).stopped(*halts)
        partition = self.world.evaluate(hep, self.open, hook=hook, direction=direction)
        seen: tuple[Look, ...] = ()
        if hep and self._tells_rules:
            chain = self.world.chain(hep, hook, direction)
            seen = looks(self.world, chain, self.open, namespaces=self.world.namespaces)
        return self._judged(blank, partition, seen)

    def judge_chain(self, blank: Stage, chain: Chain, namespaces: Container[str]) -> Walk:
        """The walk after *chain*, whoever made it; *blank* is its stage."""
        if self.ended:
            return self
        if not self.open.may:
            return self._telling(replace(blank, note="accepted before"))
        if self._is_known(blank):
            return self._established(blank)
        partition = evaluate(chain, self.open, matcher=self.world.matcher, namespaces=namespaces)
        seen: tuple[Look, ...] = ()
        if self._tells_rules:
            seen = looks(self.world, chain, self.open, namespaces=namespaces)
        return self._judged(blank, partition, seen)

    def judge_workload(self, pod: WorkloadEndpoint, direction: Direction) -> Walk:
        """The walk after the hook of *pod*, which heeds no earlier acceptance."""
        if self.ended or self.pod_policy is PodPolicy.IGNORED:
            return self
        return self.reopened()._at_pod(pod, direction)  # noqa: SLF001 - a Walk too

    def _at_pod(self, pod: WorkloadEndpoint, direction: Direction) -> Walk:
        blank = Stage(pod.node, Hook.WORKLOAD, direction, Verdict.SKIPPED, endpoint=pod.name)
        if self._is_known(blank):
            return self._established(blank)
        halts = stalled(self.world, pod.node)
        if halts:
            return self._telling(replace(blank, verdict=Verdict.UNKNOWN)).stopped(*halts)
        if self.extent is Extent.MANY:
            return self.judge_crowd(
                blank, pod, lambda one, live: self.world.evaluate_workload(one, live, direction)
            )
        partition = self.world.evaluate_workload(pod, self.open, direction)
        seen: tuple[Look, ...] = ()
        if self._tells_rules and not self.world.discards(pod):
            chain = self.world.workload_chain(pod, direction)
            seen = looks(self.world, chain, self.open, namespaces=(pod.pod.namespace,))
        return self._judged(blank, partition, seen)

    def judge_crowd(self, blank: Stage, pod: WorkloadEndpoint, fate: FateAt) -> Walk:
        """The walk of many packets after the hooks of pods of the node of *pod*, each at its own."""
        if self.ended:
            return self
        if self._is_known(blank):
            return self._established(blank)
        partition = fate_in_crowds(self.world, pod, self.open, direction=blank.direction, fate=fate)
        return self._judged(blank, partition, ())

    @property
    def _tells_rules(self) -> bool:
        return self.detail is Detail.RULES

    def _judged(self, blank: Stage, partition: Partition, seen: tuple[Look, ...]) -> Walk:
        """The walk after *partition*; *seen* is what was looked at."""
        beside = bool(self.accepted.may)
        ledger = self.ledger.judged(partition, lambda: self._doubts(partition), beside=beside)
        if self.extent is Extent.MANY:
            return replace(
                self,
                open=partition.bounds(Decision.UNDECIDED),
                accepted=self.accepted | partition.bounds(Decision.ALLOW),
                ledger=ledger,
            )
        stage = replace(told(blank, partition), looks=seen)
        after = replace(self._telling(stage), ledger=ledger)
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
        if self.ended:
            return self
        packets, ledger = self.live.may, self.ledger
        match stage.verdict:
            case Verdict.ALLOW:
                ledger = ledger.accepted(packets, cause_of(stage))
            case Verdict.UNDECIDED | Verdict.SKIPPED:
                ledger = ledger.left_alone(packets, cause_of(stage))
            case _:
                pass
        return replace(self._telling(stage), ledger=ledger)

    def accepted_by(self, stage: Stage) -> Walk:
        """The walk whose packets *stage* accepts all, so that the hooks of the node leave them alone."""
        if self.ended:
            return self
        return replace(self.told(stage), open=_nothing(self.open.may), accepted=self.live)

    def refused(self, stage: Stage) -> Walk:
        """The walk of which *stage* denies everything."""
        if self.ended:
            return self
        nothing = _nothing(self.open.may)
        ledger = self.ledger.refused(self.live.may, cause_of(stage))
        return replace(self._telling(stage), open=nothing, accepted=nothing, ledger=ledger)

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
            ledger=self.ledger.changed(Change(self.live.may, fields, names)),
            varies=_unique(*self.varies, *((varies,) if varies else ())),
        )

    def stopped(self, *reasons: str) -> Walk:
        """The walk whose further way is not known, for *reasons*."""
        if self.ended:
            return self
        return replace(
            self,
            halted=True,
            unknown=_unique(*self.unknown, *reasons),
            ledger=self._doubted(reasons),
        )

    def carrying(self, packets: HeaderSpace) -> Walk:
        """The walk, from its own beginning, of the packets that carry those of this one."""
        varies = ("the source port of the packet that carries it",)
        return replace(Walk.start(self.world, packets), detail=self.detail, varies=varies)

    def behind(self, carrier: Walk) -> Walk:
        """The walk of packets that travel inside those of *carrier*."""
        if self.ended:
            return self
        walk = replace(self, stages=(*self.stages, *carrier.stages))
        ledger = self.ledger.behind(self.live.may, carrier.ledger)
        match carrier.disposition:
            case Disposition.ALLOWED:
                return replace(walk, ledger=ledger)
            case Disposition.DENIED:
                nothing = _nothing(self.open.may)
                return replace(walk, open=nothing, accepted=nothing, ledger=ledger)
            case Disposition.UNKNOWN:
                return walk.stopped(*carrier.unknown, *carrier.beyond)

    def left(self, reason: str) -> Walk:
        """The walk whose packets go on to what is not modelled, of which *reason* tells."""
        if self.ended:
            return self
        return replace(self, beyond=(reason,), ledger=self._doubted((reason,)))

    def joined(self, ways: Sequence[Walk], doubt: str) -> Walk:
        """The walk that goes on as one of *ways*, nobody knows which: *doubt* says what decides.

        Its packets are those of the fork again, whatever the ways made of them.
        """
        if len(ways) == 1:
            return ways[0]
        fates = {way.disposition for way in ways}
        stages = tuple(stage for way in ways for stage in way.stages[len(self.stages) :])
        doubts = (doubt,) if len(fates) > 1 and self.extent is Extent.ONE else ()
        family = self.open.may.family
        return replace(
            self,
            stages=(*self.stages, *stages),
            open=Bounds.union_all(family, (self._home(way, way.open) for way in ways)),
            accepted=Bounds.union_all(family, (self._home(way, way.accepted) for way in ways)),
            lost=any(way.lost or not way.live.may for way in ways),
            halted=any(way.halted for way in ways),
            unknown=_unique(*doubts, *(why for way in ways for why in way.unknown)),
            beyond=_unique(*(why for way in ways for why in way.beyond)),
            ledger=self.ledger.joined(
                self.live.may, [(way.ledger, way.live.may) for way in ways], doubt
            ),
        )

    def _home(self, way: Walk, packets: Bounds) -> Bounds:
        """What *packets* of *way* are here, where it began."""
        here = len(self.ledger.changes)
        if len(way.ledger.changes) == here:
            return packets
        may = way.ledger.sent(packets.may, since=here)
        return Bounds(HeaderSpace.nothing(may.family), may)

    def _doubted(self, reasons: tuple[str, ...]) -> Ledger:
        return self.ledger.doubted(self.ledger.sent(self.live.may), reasons)

    def _telling(self, stage: Stage) -> Walk:
        return replace(self, stages=(*self.stages, stage))

    def _is_known(self, blank: Stage) -> bool:
        """Whether Felix lets conntrack decide at this hook: not where it programs nothing for the family."""
        if self.connection is Connection.NEW or blank.hook is Hook.UNTRACKED:
            return False
        return self.world.felix(blank.node).programs(self.open.may.family)

    def _established(self, blank: Stage) -> Walk:
        """Conntrack lets the packet by: accepted in the filter table, out of the mangle table.

        Those that an earlier hook accepted never come here.
        """
        met, ledger = self.open.may, self.ledger
        is_kept = blank.hook is not Hook.PRE_DNAT
        verdict = Verdict.ALLOW if is_kept else Verdict.UNDECIDED
        stage = replace(blank, verdict=verdict, reason=Reason.ESTABLISHED.value)
        after, cause = self._telling(stage), cause_of(stage)
        if not is_kept:
            return replace(after, ledger=ledger.left_alone(met, cause))
        ledger = ledger.accepted(met, cause, beside=bool(self.accepted.may))
        return replace(after, open=_nothing(met), accepted=self.live, ledger=ledger)

    def _doubts(self, partition: Partition) -> tuple[str, ...]:
        """Why the verdict of a hook is not one; if all facts are known, the packets are not."""
        unknown = partition.unknown()
        if unknown or not self.varies:
            return unknown
        return (f"the verdict depends on {' and on '.join(self.varies)}",)


def _nothing(packets: HeaderSpace) -> Bounds:
    return Bounds.exact(HeaderSpace.nothing(packets.family))


def _unique(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
