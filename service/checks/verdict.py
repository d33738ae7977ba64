"""What a check answers: a verdict with its proof."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from service.errors import SourceLocation
    from service.model.refs import ObjectRef
    from service.net.flow import Flow
    from service.net.headerspace import Bounds
    from service.policy.cause import Cause

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


class Result(StrEnum):
    """The words of PolicyReport."""

    PASS = "pass"  # noqa: S105 - the result, not a password
    FAIL = "fail"
    WARN = "warn"
    ERROR = "error"
    SKIP = "skip"


class Severity(StrEnum):
    """How bad a finding is; ``score`` orders them and is what SARIF calls security-severity."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def score(self) -> float:
        """CVSS-like score, 0 to 10."""
        return _SCORES[self]

    def at_least(self, other: Severity) -> bool:
        """Whether this is as bad as *other* or worse."""
        return self.score >= other.score


_SCORES = {
    Severity.CRITICAL: 9.5,
    Severity.HIGH: 8.0,
    Severity.MEDIUM: 5.5,
    Severity.LOW: 3.0,
    Severity.INFO: 0.0,
}


@dataclass(frozen=True, slots=True)
class Witness:
    """One concrete packet that proves a verdict, and where it enters or leaves the cluster.

    ``sender`` is the node that sends it, if one does. ``dst_known`` is false where an address stands in
    for one of the receiving node's that nobody listed.
    """

    flow: Flow
    node: str = ""
    interface: str = ""
    sender: str = ""
    dst_known: bool = True

    def __str__(self) -> str:
        where = f" via {self.node}" if self.node else ""
        if self.node and self.interface:
            where = f" via {self.node} {self.interface}"
        return f"{self.flow}{where}"


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that the engine has re-verified: ``yaml`` is a multi-document manifest."""

    summary: str
    yaml: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """The exception that somebody answers with for a finding, by its name, and until when."""

    exception: str
    reason: str
    owner: str
    ticket: str
    expires: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer of one check about one subject.

    ``key`` names what in the subject is meant (port, family, node …) and is, with check, subject and
    reason, the identity of a finding over time; line numbers never are. ``space`` is the set of
    packets harmed, None where the verdict is not about packets. ``unknown`` says what was not known.
    """

    check: str
    subject: ObjectRef
    result: Result
    severity: Severity
    reason: str
    message: str
    advice: str = ""
    location: SourceLocation | None = None
    key: tuple[str, ...] = ()
    witness: Witness | None = None
    causes: tuple[Cause, ...] = ()
    unknown: tuple[str, ...] = ()
    details: dict[str, Json] = field(default_factory=dict)
    space: Bounds | None = None
    fix: Fix | None = None
    suppression: Suppression | None = None

    @property
    def counts(self) -> bool:
        """Whether it is harm that nobody answers for, and not merely recorded."""
        return self.suppression is None and self.result not in {Result.PASS, Result.SKIP}

    @property
    def fingerprint(self) -> str:
        """Sha256 (hex) of check, subject, reason and key: the same finding in every run."""
        parts = (self.check, str(self.subject), self.reason, *self.key)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
