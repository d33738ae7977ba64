"""Every kind of policy in effect, in Calico's internal form; staged ones are never programmed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from service.model.kinds.admin_network_policy import AdminNetworkPolicy
from service.model.kinds.baseline_admin_network_policy import BaselineAdminNetworkPolicy
from service.model.kinds.cluster_network_policy import ClusterNetworkPolicy
from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.kinds.k8s_network_policy import NetworkPolicy as KubernetesNetworkPolicy
from service.model.kinds.network_policy import NetworkPolicy
from service.model.kinds.staged_global_network_policy import StagedGlobalNetworkPolicy
from service.policy.cause import Direction, Hook
from service.policy.convert import global_policy, namespaced_policy
from service.policy.convert_cluster import admin_policy, baseline_policy, cluster_policy
from service.policy.convert_kubernetes import kubernetes_policy
from service.policy.profile import DEFAULT_TIER, NEWEST
from service.policy.workloads import selects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from service.model.refs import ObjectRef
    from service.model.selector import Selector
    from service.model.snapshot import Snapshot
    from service.policy.convert import Policy
    from service.policy.profile import Release
    from service.policy.workloads import WorkloadEndpoint

T = TypeVar("T")

_ASKS_MEMO = 16_384


@dataclass(frozen=True, slots=True)
class _Conversion(Generic[T]):
    """How policies of one kind are converted; None is what Calico makes of some.

    ``since`` names the kind where not every release of Calico knows it.
    """

    kind: type[T]
    convert: Callable[[T], Policy | None]
    since: str = ""

    def of(self, objects: Iterable[T], release: Release) -> Iterator[Policy]:
        if self.since and self.since not in release.kinds:
            return
        for one in objects:
            policy = self.convert(one)
            if policy is not None:
                yield policy if release.has_tiers else replace(policy, tier=DEFAULT_TIER)


_CONVERSIONS: tuple[_Conversion[Any], ...] = (
    _Conversion(GlobalNetworkPolicy, global_policy),
    _Conversion(NetworkPolicy, namespaced_policy),
    _Conversion(KubernetesNetworkPolicy, kubernetes_policy),
    _Conversion(ClusterNetworkPolicy, cluster_policy, "ClusterNetworkPolicy"),
    _Conversion(AdminNetworkPolicy, admin_policy, "AdminNetworkPolicy"),
    _Conversion(BaselineAdminNetworkPolicy, baseline_policy, "BaselineAdminNetworkPolicy"),
)
POLICIES: tuple[type, ...] = tuple(one.kind for one in _CONVERSIONS)
"""The kinds of policies."""


def policies(snapshot: Snapshot, release: Release = NEWEST) -> Iterator[Policy]:
    """Every policy in effect, in no order."""
    for one in _CONVERSIONS:
        yield from one.of(snapshot.all(one.kind).values(), release)


def policy_at(snapshot: Snapshot, ref: ObjectRef, release: Release = NEWEST) -> Policy | None:
    """The policy in effect of that reference; None where there is none."""
    for one in _CONVERSIONS:
        found = snapshot.all(one.kind).get(ref)
        if found is not None:
            return next(one.of((found,), release), None)
    return None


def staged_prednat(snapshot: Snapshot) -> Iterator[Policy]:
    """The staged policies that would be preDNAT ones: never programmed, but counted by Felix."""
    for one in snapshot.all(StagedGlobalNetworkPolicy).values():
        # Felix is not sent those whose action is Delete.
        if one.policy.pre_dnat and one.action != "Delete":
            policy = global_policy(one.policy)
            if policy.governs(Hook.PRE_DNAT, Direction.INGRESS):
                yield policy


def doubtful(every: Iterable[Policy], pod: WorkloadEndpoint, direction: Direction) -> Iterator[str]:
    """Which policies may govern *pod*, by labels that are not known, told as doubts."""
    for policy in every if pod.open_prefixes else ():
        if policy.applies_to is None or not policy.governs(Hook.WORKLOAD, direction):
            continue
        if not _asks(policy.applies_to, pod.open_prefixes):
            continue
        if selects(policy.applies_to, pod.labels, pod.open_prefixes) is None:
            yield f"whether {policy.meta.ref} selects pod {pod.name} hangs on labels not known"


@lru_cache(maxsize=_ASKS_MEMO)
def _asks(selector: Selector, prefixes: tuple[str, ...]) -> bool:
    """Whether *selector* looks at a label that begins so; one answer for all pods of a cluster."""
    return any(name.startswith(prefixes) for name in selector.labels())
