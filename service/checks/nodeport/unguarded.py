"""The verdicts on one opening: what its exposures come to, said once per reason and group of nodes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
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
from service.checks.settings import Unknown
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import outside_packet
from service.net.headerspace import Bounds, Field, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import cidrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.nodeport.comparison import Worst
    from service.checks.nodeport.guard import Guarding
    from service.checks.nodeport.intent import Intent
    from service.checks.nodeport.judge import Everywhere, Judge
    from service.checks.nodeport.openings import Opening
    from service.checks.verdict import Json
    from service.net.prefixes import Family

ID = "nodeport-unguarded"
_OLD = " (it was so before this change)"
_NODES_SHOWN = 5
_CIDRS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Exposed:
    """One way in on some nodes that are alike; ``fresh`` is the part of its harm that counts as new."""

    nodes: tuple[str, ...]
    guarding: Guarding
    fresh: Bounds

    def within(self, packets: Bounds) -> Exposed:
        """The exposure of *packets* alone."""
        return Exposed(self.nodes, self.guarding.within(packets), self.fresh & packets)


@dataclass(frozen=True, slots=True)
class Question:
    """One opening in one family: is it guarded?"""

    opening: Opening
    family: Family
    was_open: Bounds | None = None
    """The packets that the Service's openings took up before a change; None where there is none."""

    @property
    def is_new(self) -> bool:
        """Whether the opening takes up packets that it did not before."""
        return self.was_open is None or bool(self.packets.may - self.was_open.may)

    @property
    def packets(self) -> Bounds:
        """The packets that the question is about."""
        return self.opening.packets(self.family)


def answered(judge: Judge, question: Question) -> Iterator[Verdict]:
    """All there is to say of an opening as things stand, a pass where that is nothing."""
    found = judge.answers(question.opening, question.family)
    if judge.world.nodes and all(answer.quiet for _, answer in found):
        yield _Told(judge, question, ()).guarded(judge.everywhere(question.family))
        return
    packets = question.packets
    was_open = question.was_open or Bounds.exact(HeaderSpace.nothing(question.family))
    cut = ((nodes, answer.guarding.within(packets)) for nodes, answer in found)
    ways = tuple(Exposed(nodes, one, fresh=one.harm - was_open) for nodes, one in cut)
    yield from verdicts(judge, question, ways)
    if not any(one.guarding.harm.may for one in ways) and judge.world.node_names:
        yield _Told(judge, question, ways).guarded(judge.everywhere(question.family))


def verdicts(judge: Judge, question: Question, ways: tuple[Exposed, ...]) -> Iterator[Verdict]:
    """A verdict for each reason why an opening is not guarded, then what rules let through."""
    told = _Told(judge, question, ways)
    yield from told.unguarded()
    yield from told.intended()


def about_any_node(judge: Judge, question: Question) -> Verdict:
    """That no node was known, and one such as any was judged."""
    return _Told(judge, question, ()).any_node()


def others(judge: Judge, questions: tuple[Question, ...], worst: Worst) -> Verdict:
    """One verdict for *questions* that one change answers ill, all of which it names."""
    family = questions[0].family
    harm = worst.fresh
    names = [f"{one.opening.service.meta.ref} {one.opening.label}" for one in questions]
    sure = bool(harm.must) or judge.settings.unknown is Unknown.DENY
    return Verdict(
        check=ID,
        subject=questions[0].opening.service.meta.ref,
        result=Result.FAIL if sure else Result.WARN,
        severity=Severity.HIGH if sure else Severity.MEDIUM,
        reason="others-exposed",
        message=f"{len(names)} more node ports (IPv{family}) are not guarded on {_nodes_text(worst.nodes)} "
        f"by the same change: {_some(names)}",
        advice="Keep the guard, or replace it in the same change.",
        key=("others", f"IPv{family}"),
        witness=outside_packet(harm.must or harm.may, worst.entry),
        unknown=() if harm.must else worst.unknown,
        details={"nodes": list(worst.nodes), "ports": [*names]},
        space=harm,
    )


class _Told:
    """One opening in one family, being told."""

    def __init__(self, judge: Judge, question: Question, ways: tuple[Exposed, ...]) -> None:
        self.judge = judge
        self.question = question
        self.opening = question.opening
        self.family = question.family
        self.ways = ways

    def unguarded(self) -> Iterator[Verdict]:
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

    def _harm(self, group: list[tuple[Exposed, Diagnosis]]) -> Verdict:
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
        return self._verdict(
            diagnosis.reason,
            result,
            message=f"{self._subject()} {'is not' if harm.must else 'may not be'} guarded on "
            f"{_nodes_text(nodes)}: {diagnosis.because}{aside}",
            advice=diagnosis.advice,
            witness=outside_packet(proof, shown.guarding.entry),
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

    def _nowhere(self) -> Verdict:
        """No node is known: every one that there is has no host endpoint, unless Calico makes them."""
        world = self.judge.world
        refused = [one.ref.name for one in refused_objects(world) if one.ref.kind == "HostEndpoint"]
        aside = f" (HostEndpoint {', '.join(refused)} is not in effect)" if refused else ""
        if makes_endpoints(world):
            return self._made_for_others()
        everything = HeaderSpace.everything(self.family)
        is_new = self.question.is_new
        return self._verdict(
            "node-without-host-endpoint",
            Result.FAIL if is_new else Result.WARN,
            message=f"{self._subject()} is open on every node, and no host endpoint is in effect on "
            f"any{aside}{'' if is_new else _OLD}",
            advice="Create a host endpoint for every node, or turn on automatic host endpoints.",
            details={"nodes": [], "sources": _sources(everything)},
            space=self.opening.packets(self.family),
        )

    def _made_for_others(self) -> Verdict:
        """Calico makes the endpoints, and policies select on labels of nodes that are not known."""
        return self._verdict(
            "unknown",
            Result.FAIL if self.judge.settings.unknown is Unknown.DENY else Result.WARN,
            message=f"{self._subject()} may not be guarded: Calico makes a host endpoint for every node, and "
            "which labels nodes have is not known",
            advice="Give the Node objects too.",
            unknown=("the nodes of the cluster are not known",),
            details={"nodes": []},
            space=self.opening.packets(self.family),
        )

    def _idle(self) -> Verdict:
        world = self.judge.world
        return self._verdict(
            "selects-nothing",
            self._result(list(self.ways))[0] if self.ways else Result.FAIL,
            message=f"{self._subject()} has no guard: {idle_text(world, idle_policies(world))}",
            advice="Make the policy's selector and the host endpoint's labels agree.",
        )

    def _unnamed_nodes(self) -> Verdict:
        nodes = self.judge.nodes()
        return self._verdict(
            "node-without-host-endpoint",
            Result.WARN,
            severity=Severity.INFO,
            message=f"{self._subject()} is open on every node of the cluster, but no Node is given: "
            f"judged are only those that host endpoints name ({_nodes_text(nodes)}). "
            "A host endpoint guards its own node and no other",
            advice="Give the Node objects too, so that nodes without host endpoint are found.",
            unknown=("the nodes of the cluster are not known",),
            details={"nodes": list(nodes)},
            key="nodes unknown",
        )

    def any_node(self) -> Verdict:
        """As `about_any_node`."""
        return self._verdict(
            "node-without-host-endpoint",
            Result.WARN,
            severity=Severity.INFO,
            message=f"{self._subject()} is open on every node of the cluster, but no Node is given: judged is "
            "one such as Calico makes a host endpoint for",
            advice="Give the Node objects too, so that each is judged by its own labels.",
            unknown=("the nodes of the cluster are not known",),
            details={"nodes": []},
            key="nodes unknown",
        )

    def intended(self) -> Iterator[Verdict]:
        """What rules let through, each remark once with all of its nodes."""
        groups: defaultdict[tuple[str, str], list[tuple[Exposed, Intent]]] = defaultdict(list)
        for one in self.ways:
            for intent in intents(self.judge, one.guarding, self.opening):
                groups[intent.reason, intent.because].append((one, intent))
        for (reason, because), group in sorted(groups.items()):
            exposed, intent = group[0]
            nodes = _names([one for one, _ in group])
            yield self._verdict(
                reason,
                intent.result,
                severity=intent.severity,
                message=f"{self._subject()} on {_nodes_text(nodes)}: {because}",
                advice=intent.advice,
                witness=outside_packet(intent.space, exposed.guarding.entry),
                causes=intent.causes,
                details={"nodes": list(nodes), "sources": _sources(intent.space)},
                key=because,
            )

    def guarded(self, everywhere: Everywhere) -> Verdict:
        """The pass, with what it rests on."""
        note = ""
        if everywhere.assumed:
            note = (
                f", if the address of {_nodes_text(everywhere.assumed)} is on an interface that one "
                "of its host endpoints names"
            )
        if not self.judge.nodes():
            note = ": no node is exposed"
        return self._verdict(
            "interface-assumed" if everywhere.assumed else "guarded",
            Result.PASS,
            severity=Severity.INFO,
            message=f"{self._subject()} is guarded on {_nodes_text(everywhere.nodes)}{note}",
            details={"nodes": everywhere.listed},
        )

    def _subject(self) -> str:
        ref = self.opening.service.meta.ref
        what = "health-check port" if self.opening.health else "node port"
        return f"{what} {self.opening.label} (IPv{self.family}) of {ref}"

    def _verdict(
        self,
        reason: str,
        result: Result,
        *,
        message: str,
        severity: Severity | None = None,
        key: str = "",
        details: dict[str, Json] | None = None,
        **proof: object,
    ) -> Verdict:
        known = {Result.WARN: Severity.MEDIUM, Result.PASS: Severity.INFO}
        opening = self.opening
        named: dict[str, Json] = {
            "port": opening.name,
            "nodePort": ranges_text(opening.ports),
            "protocol": opening.label.split(" ", 1)[0],
            "family": int(self.family),
        }
        return Verdict(
            check=ID,
            subject=opening.service.meta.ref,
            result=result,
            severity=severity or known.get(result, Severity.HIGH),
            reason=reason,
            message=message,
            location=opening.service.meta.location,
            key=(opening.label, f"IPv{self.family}", *((key,) if key else ())),
            details=named | (details or {}),
            **proof,  # type: ignore[arg-type]  # the fields of a verdict, by name
        )


def _names(exposed: Iterable[Exposed]) -> tuple[str, ...]:
    return tuple(sorted({node for one in exposed for node in one.nodes}))


def _some(names: list[str]) -> str:
    more = len(names) - _NODES_SHOWN
    return ", ".join(names[:_NODES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _nodes_text(nodes: tuple[str, ...]) -> str:
    shown = ", ".join(nodes[:_NODES_SHOWN])
    more = len(nodes) - _NODES_SHOWN
    return f"{shown} and {more} more nodes" if more > 0 else shown or "no node"


def _sources(space: HeaderSpace) -> list[Json]:
    return [*cidrs(space.family, space.project(Field.SRC))[:_CIDRS_SHOWN]]
