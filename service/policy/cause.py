"""Why a packet was decided: the deciding rule, or what stood in its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from service.errors import SourceLocation
    from service.model.refs import ObjectRef


class Hook(StrEnum):
    """Where in the packet's path policy is applied (the words of the trace format)."""

    UNTRACKED = "untracked"
    PRE_DNAT = "preDNAT"
    FORWARD = "forward"
    NORMAL = "normal"
    WORKLOAD = "workload"
    """The one hook of a pod's own policy."""


class Passage(StrEnum):
    """Where a packet is changed without any policy (the words of the trace format)."""

    DNAT = "dnat"


StageHook: TypeAlias = Hook | Passage


class Direction(StrEnum):
    """Ingress enters the host (or pod) through the endpoint, egress leaves it."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Decision(StrEnum):
    """What one hook says of a packet. UNDECIDED goes on to the next hook."""

    ALLOW = "allow"
    DENY = "deny"
    UNDECIDED = "undecided"


class Reason(StrEnum):
    """What decided (the words of the trace format)."""

    RULE = "rule"
    END_OF_TIER = "end-of-tier"
    PROFILE = "profile"
    FAILSAFE = "failsafe"
    NO_HOST_ENDPOINT = "no-host-endpoint"
    ESTABLISHED = "established"
    DEFAULT_ACTION = "default-action"
    ENCAPSULATION = "encapsulation"


@dataclass(frozen=True, slots=True)
class Cause:
    """What decided a set of packets at one hook.

    ``policy`` is set for RULE, with ``rule`` its index in its direction, and for END_OF_TIER, as the
    last of the tier's policies there. Which endpoint it was is left out: endpoints alike share causes.
    """

    reason: Reason
    hook: StageHook
    direction: Direction
    tier: str = ""
    policy: ObjectRef | None = None
    rule: int | None = None
    location: SourceLocation | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.reason is Reason.RULE and self.policy is not None:
            return f"{self.policy.kind} {self.policy.name}, {self.direction} rule {self.rule}"
        if self.reason is Reason.END_OF_TIER:
            return f"end of tier {self.tier}"
        return str(self.reason)
