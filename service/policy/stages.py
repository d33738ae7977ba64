"""What a trace is made of: the stages that a packet passes, in the words of the trace format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from service.policy.cause import Cause, Decision, Direction, Reason, StageHook

if TYPE_CHECKING:
    from service.policy.explain import Look
    from service.policy.partition import Part, Partition


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


def told(blank: Stage, partition: Partition) -> Stage:
    """*blank* with what *partition* makes of all its packets."""
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


def cause_of(stage: Stage) -> Cause:
    """What a stage that no policy is behind says of the packets."""
    reason = Reason(stage.reason) if stage.reason else Reason.DEFAULT_ACTION
    return Cause(reason, stage.hook, stage.direction, note=stage.note)
