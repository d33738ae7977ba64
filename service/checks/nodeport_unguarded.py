"""Is every node port guarded on every node? Only untracked and preDNAT policy can guard one.

kube-proxy's DNAT hides node port and node address from all later policy, so that what those two leave
undecided reaches the Service from anywhere. docs/checks/nodeport-unguarded.md.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, cast

from service.checks.contract import GUARDING_KINDS, Check, Transition
from service.checks.nodeport.any_node import makes_endpoints, with_any_node
from service.checks.nodeport.comparison import Comparison, touched
from service.checks.nodeport.diagnosis import idle_policies, refused_objects
from service.checks.nodeport.guard import Served
from service.checks.nodeport.judge import Judge
from service.checks.nodeport.openings import Opening, all_openings, openings
from service.checks.nodeport.question import ID, Question
from service.checks.nodeport.remedy import remedies
from service.checks.nodeport.standins import guard_selectors, stand_ins
from service.checks.nodeport.sweep import Sweep, ports_of
from service.checks.nodeport.unguarded import about_any_node, answered, others, verdicts
from service.checks.verdict import Result, Severity
from service.model.kinds.k8s_service import Service
from service.model.snapshot import Operation
from service.net.headerspace import Bounds, HeaderSpace
from service.net.intervals import IntervalSet
from service.net.prefixes import Family
from service.policy.entries import families
from service.policy.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from service.checks.contract import Verdicts
    from service.checks.settings import CheckSettings
    from service.checks.verdict import Verdict
    from service.model.refs import ObjectRef
    from service.policy.entries import Entry
    from service.policy.world import World


_OLD_FAULTS_TOLD = 10
"""How many Services with an old fault one review tells of; the audit tells of all."""
_SINGLY_TOLD = 20
"""Of how many node ports that a change exposes one review tells singly; the rest it names together."""


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """For each opening and family a pass, or a verdict for each reason why not.

    Where no node is known and Calico makes host endpoints for all, a node such as any is judged, and told.
    """
    judge = Judge(with_any_node(world), settings)
    for asked in _questions(judge).values():
        for question in asked:
            yield from answered(judge, question)
            if judge.world is not world and not question.opening.health:
                yield about_any_node(question)


def opening_families(judge: Judge, opening: Opening) -> tuple[Family, ...]:
    """The families to judge: the Service's own, else those of the nodes, else IPv4."""
    if opening.families:
        return opening.families
    known = judge.world.facts(Facts.PLACES)
    key = ("node families", judge.settings.nodes_exposed)
    if key not in known:
        found = {family for node in judge.nodes() for family in families(judge.world, node)}
        known[key] = tuple(one for one in Family if one in found) or (Family.V4,)
    return cast("tuple[Family, ...]", known[key])


def review(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """FAIL for what a change newly leaves unguarded, WARN for what was so before it."""
    old, new = Judge(transition.before, settings), Judge(transition.after, settings)
    if transition.change.ref.kind != "Service":
        yield from _review_guards(old, new, transition.change.ref)
    elif transition.change.operation is not Operation.DELETE:
        yield from _review_service(old, new, transition.change.ref)


def _review_service(old: Judge, new: Judge, ref: ObjectRef) -> Iterator[Verdict]:
    """A Service changes nobody's policy: new is what its openings did not take up before."""
    standing = _openings_of(old, ref)
    for opening in _openings_of(new, ref):
        for family in opening_families(new, opening):
            taken = Bounds.union_all(
                family,
                (
                    one.packets(family)
                    for one in standing
                    if one.allocated and family in opening_families(old, one)
                ),
            )
            yield from answered(new, Question(opening, family, was_open=taken))


def reaudit(transition: Transition, settings: CheckSettings, known: Verdicts) -> Verdicts | None:
    """The verdicts on the Services that a change touches; None where it may move nodes or addresses."""
    old, new = Judge(transition.before, settings), Judge(transition.after, settings)
    ref = transition.change.ref
    if any(makes_endpoints(one) for one in (transition.before, transition.after)):
        return None
    if ref.kind == "Service":
        return {ref: _answers(new, ref)}
    if old.world.facts(Facts.FATES) is not new.world.facts(Facts.FATES):
        return None
    return {one: _answers(new, one) for one in touched_services(old, new, known, ref=ref)}


def _answers(judge: Judge, ref: ObjectRef) -> tuple[Verdict, ...]:
    return tuple(
        verdict
        for opening in _openings_of(judge, ref)
        for family in opening_families(judge, opening)
        for verdict in answered(judge, Question(opening, family))
    )


def touched_services(
    old: Judge, new: Judge, known: Verdicts, *, ref: ObjectRef
) -> Iterator[ObjectRef]:
    """The Services of which a change of policy, that of *ref*, may make another verdict.

    One that is guarded stays so where its packets are guarded on all nodes that are judged otherwise now.
    What is told of any other rests on more than the rules that its packets meet.
    """
    loud = {
        subject
        for subject, verdicts in known.items()
        if any(one.result is not Result.PASS for one in verdicts)
    }
    same_remarks = not loud or _remarks(old) == _remarks(new)
    for (family, served), asked in _questions(new).items():
        ways = _touched_ways(old, new, family, served=served)
        refs = {one.opening.service.meta.ref for one in asked}
        if ways or not same_remarks:
            yield from refs & loud
        quiet = [one for one in asked if one.opening.service.meta.ref not in loud]
        if served is Served.BEHIND_DNAT:
            quiet = _louder(old, new, quiet, ref=ref, family=family)
        for question in quiet:
            if not all(new.answer(entry, question.opening).quiet for entry in ways):
                yield question.opening.service.meta.ref


def _louder(
    old: Judge, new: Judge, asked: Sequence[Question], *, ref: ObjectRef, family: Family
) -> list[Question]:
    """Of questions that had nothing to tell those that may have, asked of all their packets at once."""
    sweep = Sweep(old, new, asked, ref=ref, family=family)
    spaces = (sweep.loud(one.before, one.after) for one in touched(old, new, family))
    protocols = {one.opening.protocol for one in asked}
    ports = ports_of(HeaderSpace.union_all(family, spaces), protocols)
    return [
        one
        for one in asked
        if ports.get(one.opening.protocol, IntervalSet.EMPTY) & one.opening.ports
    ]


def _touched_ways(old: Judge, new: Judge, family: Family, *, served: Served) -> tuple[Entry, ...]:
    """The entries that are judged otherwise; all, for ports that normal policy sees too."""
    if served is Served.BY_HOST:
        return tuple(entry for one in new.classes(family) for entry in one.entries)
    return tuple(entry for one in touched(old, new, family) for entry in one.after)


def _remarks(judge: Judge) -> object:
    """What verdicts tell besides rules: which objects are not in effect, select nothing, or cannot guard."""
    world = judge.world
    refused = tuple(map(id, refused_objects(world)))
    return refused, idle_policies(world), guard_selectors(world), stand_ins(world)


def _openings_of(judge: Judge, ref: ObjectRef) -> tuple[Opening, ...]:
    service = judge.world.snapshot.all(Service).get(ref)
    return tuple(openings(service, judge.settings)) if service else ()


def _review_guards(old: Judge, new: Judge, ref: ObjectRef) -> Iterator[Verdict]:
    """What a change to anything but a Service does to the openings of all of them.

    Nodes whose chains are the same before and after are left out: the cost is that of the kinds of nodes
    that the change touches.
    """
    for (family, served), asked in _questions(new).items():
        if served is Served.BY_HOST:  # such a port only ever warns: the audit tells
            continue
        compared = Comparison(old, new, asked, ref=ref, family=family)
        found = [*compared.found()]
        worse = tuple(one for one, is_worse, _ in found if is_worse)
        singly = worse[:_SINGLY_TOLD]
        old_faults = (one for one, _, is_old in found if is_old and one not in singly)
        for question in (*singly, *islice(old_faults, _OLD_FAULTS_TOLD)):
            yield from verdicts(new, question, tuple(compared.exposed(question)))
        if worse[_SINGLY_TOLD:]:
            yield others(new, worse[_SINGLY_TOLD:], compared.worst(worse[_SINGLY_TOLD:]))


def _questions(judge: Judge) -> Mapping[tuple[Family, Served], tuple[Question, ...]]:
    """The openings of all Services by family and by who answers; once for all policies."""
    settings = judge.settings
    key = ("questions", settings.nodes_exposed, settings.node_port_range)
    known = judge.world.facts(Facts.OPENINGS)
    if key not in known:
        groups: defaultdict[tuple[Family, Served], list[Question]] = defaultdict(list)
        for opening in all_openings(judge.world, settings):
            for family in opening_families(judge, opening):
                groups[family, opening.served].append(Question(opening, family))
        known[key] = {group: tuple(questions) for group, questions in groups.items()}
    return cast("Mapping[tuple[Family, Served], tuple[Question, ...]]", known[key])


CHECK = Check(
    id=ID,
    title="A node port that no policy guards",
    severity=Severity.HIGH,
    subjects=frozenset({"Service"}),
    kinds=GUARDING_KINDS,
    reasons={
        "guarded": "Every source is decided by a rule on every exposed node.",
        "interface-assumed": "Guarded, if the node's address is on an interface that an endpoint names.",
        "node-without-host-endpoint": "No host endpoint governs the node's address or interface.",
        "no-policy": "There is no policy that could guard the node's host endpoint.",
        "selects-nothing": "No untracked or preDNAT policy selects the node's host endpoint.",
        "no-trailing-deny": "Rules decide for some sources, and nothing denies the rest.",
        "shadowed-by-order": "A rule is hidden by one of the opposite action that comes before it.",
        "family-open": "The deny rules do not apply to this address family.",
        "protocol-open": "The deny rules are for another protocol.",
        "port-open": "The deny rules are for other ports.",
        "policy-discarded": "The policy that should guard is not in effect.",
        "allow-all": "An Allow rule that bounds neither source nor port comes first.",
        "failsafe": "The port is a failsafe port, which passes before any policy.",
        "not-policeable": "Calico cannot police the node.",
        "unknown": "The facts do not suffice to tell.",
        "allowed-from-everywhere": "A rule lets every source through on purpose.",
        "source-not-permitted": "Rules let through sources that sources.permitted does not name.",
        "others-exposed": "One change exposes more node ports than are told one by one.",
        "behind-proxy": "A rule lets a balancer through that hides its clients.",
    },
    audit=audit,
    review=review,
    remedies=remedies,
    reaudit=reaudit,
)
