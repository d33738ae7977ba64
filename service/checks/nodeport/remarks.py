"""The remarks on one opening: what its exposures come to, said once per reason and group of nodes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from service.checks.nodeport.any_node import makes_endpoints
from service.checks.nodeport.diagnosis import (
    Diagnosis,
    diagnose,
    idle_policies,
    idle_text,
    refused_objects,
)
from service.checks.nodeport.intent import intents
from service.checks.nodeport.openings import ranges_text
from service.checks.nodeport.question import Remark, Shown, nodes_text
from service.checks.settings import Unknown
from service.checks.verdict import Result, Severity
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import cidrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.nodeport.intent import Intent
    from service.checks.nodeport.judge import Judge
    from service.checks.nodeport.question import Exposed, Question
    from service.checks.verdict import Json
    from service.net.prefixes import Family

_OLD = " (it was so before this change)"
_CIDRS_SHOWN = 50


def remarks(judge: Judge, question: Question, ways: tuple[Exposed, ...]) -> list[Remark]:
    """A remark for each reason why an opening is not guarded, then what rules let through."""
    told = _Told(judge, question, ways)
    return [*told.unguarded(), *told.intended()]


def guarded(judge: Judge, family: Family) -> Remark:
    """The pass, with what it rests on."""
    everywhere = judge.everywhere(family)
    note = ""
    if everywhere.assumed:
        note = (
            f", if the address of {nodes_text(everywhere.assumed)} is on an interface that one "
            "of its host endpoints names"
        )
    if not judge.nodes():
        note = ": no node is exposed"
    return Remark(
        reason="interface-assumed" if everywhere.assumed else "guarded",
        result=Result.PASS,
        severity=Severity.INFO,
        said=f" is guarded on {nodes_text(everywhere.nodes)}{note}",
        details={"nodes": everywhere.listed},
    )


def any_node() -> Remark:
    """That no node was known, and one such as any was judged."""
    return Remark(
        reason="node-without-host-endpoint",
        result=Result.WARN,
        severity=Severity.INFO,
        said=" is open on every node of the cluster, but no Node is given: judged is one such as "
        "Calico makes a host endpoint for",
        advice="Give the Node objects too, so that each is judged by its own labels.",
        unknown=("the nodes of the cluster are not known",),
        details={"nodes": []},
        key="nodes unknown",
    )


class _Told:
    """One opening in one family, being told: in words that hold for all that have the same answers."""

    def __init__(self, judge: Judge, question: Question, ways: tuple[Exposed, ...]) -> None:
        self.judge = judge
        self.question = question
        self.opening = question.opening
        self.family = question.family
        self.ways = ways

    def unguarded(self) -> Iterator[Remark]:
        """The harm, by its reason."""
        if not self.judge.world.node_names:
            yield self._nowhere()
            if idle_policies(self.judge.world) and not makes_endpoints(self.judge.world):
                yield self._idle()
            return
        groups: defaultdict[str, list[tuple[Exposed, Diagnosis]]] = defaultdict(list)
        for one in self.ways:
            if one.guarding.harm.may:
                diagnosis = diagnose(self.judge.world, one.guarding, self.opening)
                groups[diagnosis.reason].append((one, diagnosis))
        for reason in sorted(groups):
            yield self._harm(groups[reason])
        idle = idle_policies(self.judge.world) if groups else ()
        if idle and "selects-nothing" not in groups:
            yield self._idle()
        if not self.judge.world.nodes and not self.opening.health:
            yield self._unnamed_nodes()

    def _harm(self, group: list[tuple[Exposed, Diagnosis]]) -> Remark:
        exposed = [one for one, _ in group]
        diagnosis = group[0][1]
        result, aside = self._result(exposed)
        harm = Bounds.union_all(self.family, (one.guarding.harm for one in exposed))
        nodes = _names(exposed)
        shown = next((one for one in exposed if one.fresh.must), exposed[0])
        proof = shown.fresh.must or shown.guarding.harm.must or shown.guarding.harm.may
        unknown = tuple(
            dict.fromkeys(why for one in exposed for why in one.guarding.partition.unknown())
        )
        return Remark(
            reason=diagnosis.reason,
            result=result,
            said=f" {'is not' if harm.must else 'may not be'} guarded on {nodes_text(nodes)}: "
            f"{diagnosis.because}{aside}",
            advice=diagnosis.advice,
            shown=Shown(proof, shown.guarding.entry),
            causes=diagnosis.causes,
            unknown=unknown if not harm.is_exact else (),
            details={"nodes": list(nodes), "sources": _sources(harm.may)},
            space=harm,
        )

    def _result(self, exposed: list[Exposed]) -> tuple[Result, str]:
        """Fail for new harm that is sure; what else it is, and the words for that."""
        if self.opening.health:
            return Result.WARN, " (kube-proxy's health check answers anyone)"
        if not any(one.fresh.may for one in exposed):
            return Result.WARN, _OLD
        if not any(one.fresh.must for one in exposed):
            denied = self.judge.settings.unknown is Unknown.DENY
            known = any(one.guarding.harm.must for one in exposed)
            aside = " (how much of it is new is not known)" if known else ""
            return (Result.FAIL if denied else Result.WARN), aside
        if self.opening.allocated:
            return Result.FAIL, ""
        return self._range_result()

    def _range_result(self) -> tuple[Result, str]:
        """A port to be taken from a range: fail only if there is none in it that would be guarded."""
        open_ports = IntervalSet.union_all(
            one.guarding.harm.may.project(Field.DST_PORT) for one in self.ways
        )
        guarded = self.opening.ports - open_ports
        if not guarded:
            return Result.FAIL, " (no port of the range is)"
        return Result.WARN, f" (guarded are {ranges_text(guarded)})"

    def _nowhere(self) -> Remark:
        """No node is known: every one that there is has no host endpoint, unless Calico makes them."""
        world = self.judge.world
        refused = [one.ref.name for one in refused_objects(world) if one.ref.kind == "HostEndpoint"]
        aside = f" (HostEndpoint {', '.join(refused)} is not in effect)" if refused else ""
        everything = HeaderSpace.everything(self.family)
        if makes_endpoints(world):
            return self._made_for_others()
        is_new = self.question.is_new
        return Remark(
            reason="node-without-host-endpoint",
            result=Result.FAIL if is_new else Result.WARN,
            said=" is open on every node, and no host endpoint is in effect on "
            f"any{aside}{'' if is_new else _OLD}",
            advice="Create a host endpoint for every node, or turn on automatic host endpoints.",
            details={"nodes": [], "sources": _sources(everything)},
            space=Bounds.exact(everything),
        )

    def _made_for_others(self) -> Remark:
        """Calico makes the endpoints, and policies select on labels of nodes that are not known."""
        return Remark(
            reason="unknown",
            result=Result.FAIL if self.judge.settings.unknown is Unknown.DENY else Result.WARN,
            said=" may not be guarded: Calico makes a host endpoint for every node, and which labels "
            "nodes have is not known",
            advice="Give the Node objects too.",
            unknown=("the nodes of the cluster are not known",),
            details={"nodes": []},
            space=Bounds.exact(HeaderSpace.everything(self.family)),
        )

    def _idle(self) -> Remark:
        world = self.judge.world
        return Remark(
            reason="selects-nothing",
            result=self._result(list(self.ways))[0] if self.ways else Result.FAIL,
            said=f" has no guard: {idle_text(world, idle_policies(world))}",
            advice="Make the policy's selector and the host endpoint's labels agree.",
            details={},
        )

    def _unnamed_nodes(self) -> Remark:
        nodes = self.judge.nodes()
        return Remark(
            reason="node-without-host-endpoint",
            result=Result.WARN,
            severity=Severity.INFO,
            said=" is open on every node of the cluster, but no Node is given: "
            f"judged are only those that host endpoints name ({nodes_text(nodes)}). "
            "A host endpoint guards its own node and no other",
            advice="Give the Node objects too, so that nodes without host endpoint are found.",
            unknown=("the nodes of the cluster are not known",),
            details={"nodes": list(nodes)},
            key="nodes unknown",
        )

    def intended(self) -> Iterator[Remark]:
        """What rules let through, each remark once with all of its nodes."""
        groups: defaultdict[tuple[str, str], list[tuple[Exposed, Intent]]] = defaultdict(list)
        for one in self.ways:
            for intent in intents(self.judge, one.guarding, self.opening):
                groups[intent.reason, intent.because].append((one, intent))
        for (reason, because), group in sorted(groups.items()):
            exposed, intent = group[0]
            nodes = _names([one for one, _ in group])
            yield Remark(
                reason=reason,
                result=intent.result,
                severity=intent.severity,
                said=f" on {nodes_text(nodes)}: {because}",
                advice=intent.advice,
                shown=Shown(intent.space, exposed.guarding.entry),
                causes=intent.causes,
                details={"nodes": list(nodes), "sources": _sources(intent.space)},
                key=because,
            )


def _names(exposed: Iterable[Exposed]) -> tuple[str, ...]:
    return tuple(sorted({node for one in exposed for node in one.nodes}))


def _sources(space: HeaderSpace) -> list[Json]:
    return [*cidrs(space.family, space.project(Field.SRC))[:_CIDRS_SHOWN]]
