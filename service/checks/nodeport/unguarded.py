"""The verdicts on one opening: what its exposures come to, said once per reason and group of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.checks.nodeport.by_failsafe import by_failsafe
from service.checks.nodeport.diagnosis import refused_objects
from service.checks.nodeport.question import ID, Exposed, nodes_text, some
from service.checks.nodeport.remarks import any_node, guarded, remarks
from service.checks.settings import Unknown
from service.checks.verdict import Result, Severity, Verdict
from service.checks.witness import outside_packet
from service.net.headerspace import Bounds, HeaderSpace
from service.policy.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.checks.nodeport.comparison import Worst
    from service.checks.nodeport.judge import Answer, Judge
    from service.checks.nodeport.question import Question, Remark


def answered(judge: Judge, question: Question) -> Iterator[Verdict]:
    """All there is to say of an opening as things stand, a pass where that is nothing."""
    found = judge.answers(question.opening, question.family)
    if question.was_open is not None and not all(answer.quiet for _, answer in found):
        told = _told(judge, question, found)
    else:
        told = _known(judge, question, found)
    past = tuple(by_failsafe(judge, question))
    if past:
        told = (*(one for one in told if one.result is not Result.PASS), *past)
    return (one.verdict(question) for one in told)


def _known(
    judge: Judge, question: Question, found: list[tuple[tuple[str, ...], Answer]]
) -> tuple[Remark, ...]:
    """The remarks that all openings with these answers share."""
    opening = question.opening
    kind = (opening.protocol, opening.allocated or opening.ports, opening.health)
    # Facts about policy do not tell what is not in effect, and is told of where a port is open.
    is_open = not all(answer.quiet for _, answer in found)
    refused = refused_objects(judge.world) if is_open else ()
    answers = tuple(id(answer) for _, answer in found)
    key = ("remarks", question.family, *kind, answers, tuple(map(id, refused)))
    known = judge.memo(Facts.POLICY)
    if key not in known:
        # What the key names by identity is kept beside the remarks.
        known[key] = (_told(judge, question, found), found, refused)
    return cast("tuple[tuple[Remark, ...], object, object]", known[key])[0]


def _told(
    judge: Judge, question: Question, found: list[tuple[tuple[str, ...], Answer]]
) -> tuple[Remark, ...]:
    nothing = Bounds.exact(HeaderSpace.nothing(question.family))
    if judge.world.nodes and all(answer.quiet for _, answer in found):
        return (guarded(judge, question.family),)
    was_open = question.was_open or nothing
    ways = tuple(
        Exposed(nodes, answer.guarding, fresh=answer.guarding.harm - was_open)
        for nodes, answer in found
    )
    if question.was_open is not None:
        ways = tuple(one.within(question.packets) for one in ways)
    told = remarks(judge, question, ways)
    if judge.world.node_names and not any(one.guarding.harm.may for one in ways):
        return (*told, guarded(judge, question.family))
    return tuple(told)


def verdicts(judge: Judge, question: Question, ways: tuple[Exposed, ...]) -> Iterator[Verdict]:
    """A verdict for each reason why an opening is not guarded, then what rules let through."""
    return (one.verdict(question) for one in remarks(judge, question, ways))


def about_any_node(question: Question) -> Verdict:
    """That no node was known, and one such as any was judged."""
    return any_node().verdict(question)


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
        message=f"{len(names)} more node ports (IPv{family}) are not guarded on {nodes_text(worst.nodes)} "
        f"by the same change: {some(names)}",
        advice="Keep the guard, or replace it in the same change.",
        key=("others", f"IPv{family}"),
        witness=outside_packet(harm.must or harm.may, worst.entry),
        unknown=() if harm.must else worst.unknown,
        details={"nodes": list(worst.nodes), "ports": [*names]},
        space=harm,
    )
