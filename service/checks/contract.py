"""What a check is. One file under ``service/checks`` exports one as ``CHECK``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json, Severity, Verdict
    from service.model.refs import ObjectRef
    from service.model.snapshot import Change
    from service.policy.world import World


GUARDING_KINDS = frozenset(
    {
        "Service",
        "GlobalNetworkPolicy",
        "HostEndpoint",
        "Tier",
        "GlobalNetworkSet",
        "NetworkSet",
        "FelixConfiguration",
        "KubeControllersConfiguration",
    }
)
"""The kinds whose change can open a node port or cut off the API server."""

DECIDING_KINDS = GUARDING_KINDS | {"Node", "NodewardException"}
"""The kinds of which an object that is not known yet could turn a refusal into a permission."""
POLICY_KINDS = frozenset(
    {
        "GlobalNetworkPolicy",
        "NetworkPolicy",
        "ClusterNetworkPolicy",
        "AdminNetworkPolicy",
        "BaselineAdminNetworkPolicy",
    }
)
"""The kinds of policies, of Kubernetes and Calico; a NetworkPolicy is of either."""
WORKLOAD_KINDS = frozenset(
    {
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "StatefulSet",
    }
)
"""The kinds that pods are told by: what made them, or themselves where nothing did."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change, with the world before it and the world that it would make."""

    before: World
    after: World
    change: Change


Audit: TypeAlias = "Callable[[World, CheckSettings], Iterable[Verdict]]"
Review: TypeAlias = "Callable[[Transition, CheckSettings], Iterable[Verdict]]"
Verdicts: TypeAlias = "Mapping[ObjectRef, tuple[Verdict, ...]]"
"""Verdicts by their subject."""
Reaudit: TypeAlias = "Callable[[Transition, CheckSettings, Verdicts], Verdicts | None]"
Remedies: TypeAlias = (
    "Callable[[World, CheckSettings, Verdict], Iterable[tuple[dict[str, Json], ...]]]"
)


@dataclass(frozen=True, slots=True)
class Check:
    """A question about a cluster.

    ``audit`` judges everything that stands. ``review`` judges one change: a verdict FAIL is new harm
    (it refuses the request), WARN is told and let through; it answers nothing for what the change leaves
    alone. ``kinds`` are the kinds whose change is reviewed, ``subjects`` those that a verdict may be about
    (empty: of any kind that is read); ``severity`` is that of the worst verdict. ``reasons`` maps every
    reason code to its one-line meaning. ``remedies`` proposes sets of objects for a verdict, the smallest
    first. ``reaudit`` gives, from the verdicts before a change, all verdicts of each subject of which it
    may make others, none for one that has none any more; or None where that is not known, so that all
    has to be judged anew.
    """

    id: str
    title: str
    severity: Severity
    subjects: frozenset[str]
    reasons: dict[str, str]
    audit: Audit
    kinds: frozenset[str] = frozenset()
    review: Review | None = None
    remedies: Remedies | None = None
    reaudit: Reaudit | None = None
