"""What is done about a finding, and where: refuse, warn, or only record."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from service.checks.verdict import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.checks.verdict import Verdict


class EnforcementAction(StrEnum):
    """The words of Gatekeeper. A dry run is judged and recorded, and tells the caller nothing."""

    DENY = "deny"
    WARN = "warn"
    DRYRUN = "dryrun"


class EnforcementPoint(StrEnum):
    """Where a finding is met."""

    ADMISSION = "admission"
    AUDIT = "audit"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Mode:
    """What *action* is taken on findings; an empty field does not restrict to which.

    ``namespace`` is that of the subject.
    """

    action: EnforcementAction
    check: str = ""
    point: EnforcementPoint | None = None
    namespace: str = ""

    def is_about(self, verdict: Verdict, point: EnforcementPoint) -> bool:
        """Whether it says something about a verdict at a point."""
        return (
            self.check in {"", verdict.check}
            and self.point in {None, point}
            and self.namespace in {"", verdict.subject.namespace}
        )

    @property
    def narrowness(self) -> tuple[bool, bool, bool]:
        """The narrower mode wins: first the one that names a namespace, then a check, then a point."""
        return bool(self.namespace), bool(self.check), self.point is not None


_MODE: Final = re.compile(
    r"(?P<check>\*|[a-z0-9]+(?:-[a-z0-9]+)*)"
    r"(?:@(?P<point>[a-z]+))?"
    r"(?::(?P<namespace>[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?))?"
    r"=(?P<action>[a-z]+)"
)


def parse_mode(text: str) -> Mode:
    """``check[@point][:namespace]=action``; the check may be ``*``.

    Raises: ValueError.
    """
    found = _MODE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:80]!r} is no mode like nodeport-unguarded@admission:dev=warn")
    check, point = found["check"], found["point"]
    return Mode(
        EnforcementAction(found["action"]),
        "" if check == "*" else check,
        EnforcementPoint(point) if point else None,
        found["namespace"] or "",
    )


@dataclass(frozen=True, slots=True)
class Enforcement:
    """All modes that are set; a finding that none is about is denied."""

    modes: tuple[Mode, ...] = ()

    def action(self, verdict: Verdict, point: EnforcementPoint) -> EnforcementAction:
        """What is done about *verdict* at *point*; of equally narrow modes the last one counts."""
        chosen = EnforcementAction.DENY
        narrowest = (False, False, False)
        for mode in self.modes:
            if mode.is_about(verdict, point) and mode.narrowness >= narrowest:
                chosen, narrowest = mode.action, mode.narrowness
        return chosen

    def enforced(self, verdicts: Iterable[Verdict], point: EnforcementPoint) -> Iterator[Verdict]:
        """*verdicts* as they count at *point*: a failure that only warns is a warning there.

        What is suppressed, or only a dry run, counts as skipped. Nothing else is changed.
        """
        for verdict in verdicts:
            yield replace(verdict, result=self._result(verdict, point))

    def _result(self, verdict: Verdict, point: EnforcementPoint) -> Result:
        if verdict.result not in {Result.FAIL, Result.WARN}:
            return verdict.result
        if verdict.suppression is not None:
            return Result.WARN if point is EnforcementPoint.ADMISSION else verdict.result
        match self.action(verdict, point):
            case EnforcementAction.DENY:
                return verdict.result
            case EnforcementAction.WARN:
                return Result.WARN
            case EnforcementAction.DRYRUN:
                return Result.SKIP
