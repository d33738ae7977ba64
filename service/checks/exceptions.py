"""Which findings somebody answers for: the one evaluator of exceptions, for every door.

A finding that an exception covers is judged and told as ever, and does not count. An exception that
covers nothing, or whose time is over, is a finding itself: it was forgotten.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from service.checks.verdict import Result, Severity, Suppression, Verdict
from service.model.kinds.nodeward_exception import NodewardException
from service.model.moments import DAY_S, moment_text

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from service.model.refs import ObjectRef
    from service.policy.world import World

ID: Final = "exception-stale"
_NOT_PASSED: Final = frozenset({Result.FAIL, Result.WARN, Result.ERROR})


@dataclass(frozen=True, slots=True)
class Moment:
    """When is judged, in seconds since 1970, and for how many days an exception may hold at most."""

    now_s: int
    max_days: int = 90

    def end(self, exception: NodewardException) -> int:
        """When *exception* ends: as it says, and not later than it may."""
        return min(exception.expires, exception.not_before + self.max_days * DAY_S)

    def is_within(self, exception: NodewardException) -> bool:
        """Whether *exception* holds now."""
        return exception.not_before <= self.now_s < self.end(exception)


class Exceptions:
    """The exceptions of one world at one moment, and which of them have covered a finding so far."""

    def __init__(self, world: World, moment: Moment) -> None:
        """O(exceptions)."""
        self._all = sorted(world.snapshot.all(NodewardException).items())
        self._moment = moment
        self._used: set[ObjectRef] = set()
        self._by_check: dict[str, list[NodewardException]] = defaultdict(list)
        for _, one in self._all:
            if moment.is_within(one):
                self._by_check[one.check].append(one)

    def suppressed(self, verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
        """*verdicts*, each that an exception covers with its `Suppression`."""
        for verdict in verdicts:
            covering = self._covering(verdict)
            if covering is None:
                yield verdict
            else:
                self._used.add(covering.meta.ref)
                yield replace(verdict, suppression=_suppression(covering, self._moment))

    def stale(self, judged: Container[str]) -> Iterator[Verdict]:
        """The exceptions that are over, or covered nothing though their check was among the *judged*.

        Asked once `suppressed` has seen every verdict.
        """
        now_s = self._moment.now_s
        for ref, one in self._all:
            end_s = self._moment.end(one)
            if now_s >= end_s:
                message = f"{ref} ended at {moment_text(end_s)}; what it covered counts again"
                yield _stale(one, "expired", message)
            elif now_s >= one.not_before and one.check in judged and ref not in self._used:
                yield _stale(one, "unused", f"{ref} covers no finding of {one.check}")

    def _covering(self, verdict: Verdict) -> NodewardException | None:
        if verdict.result not in _NOT_PASSED:
            return None
        return next(
            (one for one in self._by_check.get(verdict.check, ()) if covers(one, verdict)), None
        )


def covers(exception: NodewardException, verdict: Verdict) -> bool:
    """Whether *exception* is about *verdict*, whatever the time."""
    scope, subject = exception.scope, verdict.subject
    return (
        exception.check == verdict.check
        and scope.kind == subject.kind
        and scope.namespace == subject.namespace
        and scope.name in {"", subject.name}
        and (not exception.reasons or verdict.reason in exception.reasons)
    )


def _suppression(exception: NodewardException, moment: Moment) -> Suppression:
    return Suppression(
        exception.meta.ref.name,
        reason=exception.reason,
        owner=exception.owner,
        ticket=exception.ticket,
        expires=moment_text(moment.end(exception)),
    )


def _stale(one: NodewardException, reason: str, message: str) -> Verdict:
    return Verdict(
        check=ID,
        subject=one.meta.ref,
        result=Result.WARN,
        severity=Severity.LOW,
        reason=reason,
        message=message,
        advice=f"Delete it, or have {one.owner} renew it ({one.ticket}).",
        location=one.meta.location,
    )
