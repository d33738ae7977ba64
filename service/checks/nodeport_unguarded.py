"""Is every node port guarded on every node? Only untracked and preDNAT policy can guard one.

kube-proxy's DNAT hides node port and node address from all later policy, so that what those two leave
undecided reaches the Service from anywhere. docs/checks/nodeport-unguarded.md.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, cast

from service.checks.contract import GUARDING_KINDS, Check, Transition
from service.checks.nodeport.guard import Judge, Served
from service.checks.nodeport.openings import Opening, all_openings, openings
from service.checks.nodeport.remedy import remedies
from service.checks.nodeport.unguarded import ID, Exposed, Question, others, verdicts
from service.checks.verdict import Severity
from service.model.kinds.k8s_service import Service
from service.model.snapshot import Operation
from service.net.headerspace import Bounds, HeaderSpace
from service.net.prefixes import Family
from service.policy.entries import families
from service.policy.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Verdict
    from service.model.refs import ObjectRef
    from service.policy.world import World


_OLD_FAULTS_TOLD = 10
"""How many Services with an old fault one review tells of; the audit tells of all."""
_SINGLY_TOLD = 20
"""Of how many node ports that a change exposes one review tells singly; the rest it names together."""


def audit(world: World, settings: CheckSettings) -> Iterator[Verdict]:
    """For each opening and family a pass, or a verdict for each reason why not.

    The guards are asked about all ports at once, and each opening gets what concerns it.
    """
    judge = Judge(world, settings)
    for (family, served), asked in _questions(judge).items():
        nothing = Bounds.exact(HeaderSpace.nothing(family))
        ways = tuple(_exposed(judge, asked.packets, served=served, was_open=nothing))
        for question in asked.questions:
            yield from verdicts(judge, question, (one.within(question.packets) for one in ways))


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


def _exposed(
    judge: Judge, packets: Bounds, *, served: Served, was_open: Bounds
) -> Iterator[Exposed]:
    """What is harmed on each class of nodes; what *was_open* before is no new harm."""
    for one in judge.classes(packets.may.family):
        for entry in one.entries:
            guarding = judge.guarding(entry, packets, served)
            yield Exposed(one.nodes, guarding, fresh=guarding.harm - was_open)


def _served(opening: Opening) -> Served:
    return Served.BY_HOST if opening.health else Served.BEHIND_DNAT


def review(transition: Transition, settings: CheckSettings) -> Iterator[Verdict]:
    """FAIL for what a change newly leaves unguarded, WARN for what was so before it."""
    old, new = Judge(transition.before, settings), Judge(transition.after, settings)
    if transition.change.ref.kind != "Service":
        yield from _review_guards(old, new)
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
            question = Question(opening, family, was_open=taken)
            found = _exposed(new, question.packets, served=_served(opening), was_open=taken)
            yield from verdicts(new, question, found)


def _openings_of(judge: Judge, ref: ObjectRef) -> tuple[Opening, ...]:
    service = judge.world.snapshot.all(Service).get(ref)
    return tuple(openings(service, judge.settings)) if service else ()


def _review_guards(old: Judge, new: Judge) -> Iterator[Verdict]:
    """What a change to anything but a Service does to the openings of all of them.

    Nodes whose chains are the same before and after are left out, and of the others one of each kind is
    asked about all ports at once: the cost is that of the kinds of nodes that the change touches.
    """
    for (family, served), asked in _questions(new).items():
        if served is Served.BY_HOST:  # such a port only ever warns: the audit tells
            continue
        ways = [
            one
            for nodes in _touched(old, new, family)
            for one in _compared(old, new, nodes=nodes, live=asked.packets)
        ]
        fresh = Bounds.union_all(family, (one.fresh for one in ways)).may
        harm = Bounds.union_all(family, (one.guarding.harm for one in ways)).may
        worse = tuple(asked.meeting(fresh))
        old_faults = islice(asked.meeting(harm - fresh), _OLD_FAULTS_TOLD)
        for question in (*worse[:_SINGLY_TOLD], *old_faults):
            cut = (one.within(question.packets) for one in ways)
            yield from verdicts(new, question, (one for one in cut if one.guarding.harm.may))
        if worse[_SINGLY_TOLD:]:
            yield others(new, worse[_SINGLY_TOLD:], ways)


@dataclass(frozen=True, slots=True)
class _Asked:
    """All questions in one family, and the packets of all of them."""

    questions: tuple[Question, ...]
    packets: Bounds

    def meeting(self, space: HeaderSpace) -> Iterator[Question]:
        """The questions about some packet of *space*."""
        if space:
            yield from (one for one in self.questions if one.packets.may & space)


def _questions(judge: Judge) -> Mapping[tuple[Family, Served], _Asked]:
    """The openings of all Services by family and by who answers; once for all policies."""
    settings = judge.settings
    key = ("questions", settings.nodes_exposed, settings.node_port_range)
    known = judge.world.facts(Facts.OPENINGS)
    if key not in known:
        groups: defaultdict[tuple[Family, Served], list[Question]] = defaultdict(list)
        for opening in all_openings(judge.world, settings):
            for family in opening_families(judge, opening):
                groups[family, _served(opening)].append(Question(opening, family))
        known[key] = {
            group: _Asked(
                tuple(questions), Bounds.union_all(group[0], (one.packets for one in questions))
            )
            for group, questions in groups.items()
        }
    return cast("Mapping[tuple[Family, Served], _Asked]", known[key])


def _touched(old: Judge, new: Judge, family: Family) -> Iterator[tuple[str, ...]]:
    """The nodes that *new* judges otherwise than *old*, in groups that are alike in both.

    O(kinds of nodes) where a change leaves the kinds as they are.
    """
    same_addresses = old.world.matcher is new.world.matcher
    before = old.likenesses(family)
    groups: defaultdict[tuple[object, object], list[str]] = defaultdict(list)
    for nodes, likeness in new.likenesses(family).items():
        if nodes in before:
            groups[before[nodes], likeness] += nodes
        else:
            singly = _by_node(old, family)
            for node in nodes:
                groups[singly.get(node), likeness].append(node)
    for (was, likeness), alike in groups.items():
        if was != likeness or not same_addresses:
            yield tuple(sorted(alike))


def _by_node(judge: Judge, family: Family) -> Mapping[str, object]:
    known = judge.world.facts(Facts.POLICY)
    key = (
        "likeness by node",
        judge.settings.nodes_exposed,
        judge.settings.node_port_addresses,
        family,
    )
    if key not in known:
        known[key] = {
            node: likeness for nodes, likeness in judge.likenesses(family).items() for node in nodes
        }
    return cast("Mapping[str, object]", known[key])


def _compared(old: Judge, new: Judge, *, nodes: tuple[str, ...], live: Bounds) -> Iterator[Exposed]:
    """What is harmed of *live* at the entries of the first of *nodes*, and how much of it is new."""
    family = live.may.family
    before = (old.guarding(entry, live).harm for entry in old.ways_in(nodes[0], family))
    was_open = Bounds.union_all(family, before)
    for entry in new.ways_in(nodes[0], family):
        guarding = new.guarding(entry, live)
        yield Exposed(nodes, guarding, fresh=guarding.harm - was_open)


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
)
