"""Who calls and is called: the workloads of a cluster, each by pods that policy cannot tell apart."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from service.model.kinds.k8s_service import Service
from service.model.kinds.pod import Pod
from service.model.workload import Workload
from service.net.intervals import IntervalSet
from service.policy.selector_index import LabelIndex
from service.policy.workloads import (
    NAMESPACE_PROFILE,
    SERVICE_ACCOUNT_PROFILE,
    Labels,
    WorkloadEndpoint,
    selects,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.errors import SourceLocation
    from service.model.refs import ObjectRef
    from service.model.selector import Selector
    from service.net.prefixes import Family
    from service.policy.convert import Policy
    from service.policy.world import World

_HASH = "pod-template-hash"
_OWNERS_LIMIT = 4


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """Pods of one workload that are alike to every policy and Service; ``endpoint`` is one of them.

    ``ref`` is the workload, or the pod where nothing made it. ``pods`` is empty, and no address known,
    where only the template is there. ``pod_labels`` are the pods' own, as Services see them.
    """

    ref: ObjectRef
    location: SourceLocation
    endpoint: WorkloadEndpoint
    pod_labels: Mapping[str, str]
    pods: tuple[WorkloadEndpoint, ...] = ()

    @property
    def namespace(self) -> str:
        """The namespace that it lives in."""
        return self.ref.namespace

    @property
    def name(self) -> str:
        """As people write it: "Deployment shop/web"."""
        return str(self.ref)

    def selected(self, selector: Selector | None) -> bool | None:
        """Whether *selector* selects it; None where labels that are not known decide."""
        if selector is None:
            return True
        return selects(selector, self.endpoint.labels, self.endpoint.open_prefixes)

    def addresses(self, family: Family) -> IntervalSet:
        """The addresses of its pods, as far as they are known."""
        found = (pod.address(family) for pod in self.pods)
        return IntervalSet.of(*((one[1], one[1]) for one in found if one is not None))


@dataclass(frozen=True, slots=True)
class Parties:
    """The parties of a world, by name, and by namespace.

    ``complete`` says that the snapshot lists all pods; otherwise there may be more than are known.
    """

    every: tuple[Party, ...]
    by_namespace: Mapping[str, tuple[Party, ...]]
    complete: bool
    index: LabelIndex

    def of(self, ref: ObjectRef) -> tuple[Party, ...]:
        """The parties of a workload, or the one that a pod is of."""
        return tuple(
            one
            for one in self.by_namespace.get(ref.namespace, ())
            if one.ref == ref or any(pod.pod == ref for pod in one.pods)
        )

    def represent(self, selector: Selector) -> bool:
        """Whether what *selector* selects is all known: a list of pods is there, or it confines itself to
        namespaces of which workloads are.
        """
        if self.complete:
            return True
        names = _namespaces(selector)
        return names is not None and all(name in self.by_namespace for name in names)

    def selected(self, selector: Selector | None) -> Iterator[tuple[Party, bool]]:
        """The parties that *selector* may select, with whether it surely does.

        O(parties that have one of the label values that it asks for).
        """
        if selector is None:
            yield from ((one, True) for one in self.every)
            return
        for place in self.index.candidates(selector):
            verdict = self.every[place].selected(selector)
            if verdict is not False:
                yield self.every[place], verdict is True


_NAMESPACE_LABELS = (
    "projectcalico.org/namespace",
    "pcns.projectcalico.org/name",
    "pcns.kubernetes.io/metadata.name",
)


def _namespaces(selector: Selector) -> frozenset[str] | None:
    """The namespaces to which *selector* confines itself; None for any."""
    restrictions = selector.restrictions()
    for label in _NAMESPACE_LABELS:
        found = restrictions.get(label)
        if found is not None and found.must_have_one_of_values is not None:
            return found.must_have_one_of_values
    return None


def parties(world: World) -> Parties:
    """The parties of *world*, worked out once: O(pods + workloads)."""
    if "parties" not in world.memo:
        found = tuple(sorted(_parties(world), key=lambda one: (one.ref, one.endpoint.pod)))
        by_namespace: defaultdict[str, list[Party]] = defaultdict(list)
        for one in found:
            by_namespace[one.namespace].append(one)
        grouped = {name: tuple(group) for name, group in by_namespace.items()}
        labels = [one.endpoint.labels for one in found]
        index = LabelIndex(labels, (one.endpoint.open_prefixes for one in found))
        world.memo["parties"] = Parties(found, grouped, world.knows_pods, index)
    return cast("Parties", world.memo["parties"])


def _parties(world: World) -> Iterator[Party]:
    relevant = _labels_that_matter(world)
    groups: defaultdict[tuple[object, ...], list[WorkloadEndpoint]] = defaultdict(list)
    pods = world.snapshot.all(Pod)
    for endpoint in world.workloads.values():
        owner = top_owner(world, endpoint.pod)
        labels = frozenset(one for one in endpoint.labels.items() if one[0] in relevant)
        groups[owner, labels, endpoint.profiles, endpoint.ports].append(endpoint)
    for key, endpoints in groups.items():
        ref = cast("ObjectRef", key[0])
        first = min(endpoints, key=lambda one: one.pod)
        own = pods[first.pod].meta
        located = world.snapshot.find(ref)
        yield Party(
            ref,
            located.meta.location if located else own.location,
            first,
            own.labels,
            tuple(sorted(endpoints, key=lambda one: one.pod)),
        )
    yield from _templates(world, {cast("ObjectRef", key[0]) for key in groups})


def _templates(world: World, live: set[ObjectRef]) -> Iterator[Party]:
    """The workloads of which no pod is there, by their templates, and pods that do not run (yet)."""
    labels = Labels(world.snapshot)
    for ref, one in world.snapshot.all(Workload).items():
        if not (one.host_network or one.owner or ref in live):
            yield _planned(labels, ref, one, pod_labels=one.labels)
    for ref, pod in world.snapshot.all(Pod).items():
        if not (pod.host_network or pod.owner or pod.phase or pod.node):
            yield _planned(labels, ref, pod, pod_labels=pod.meta.labels)


def _planned(
    labels: Labels, ref: ObjectRef, one: Workload | Pod, *, pod_labels: Mapping[str, str]
) -> Party:
    account = one.service_account or "default"
    found, unknown = labels.of_pod(pod_labels, ref.namespace, account)
    profiles = (
        f"{NAMESPACE_PROFILE}{ref.namespace}",
        f"{SERVICE_ACCOUNT_PROFILE}{ref.namespace}.{account}",
    )
    endpoint = WorkloadEndpoint(ref, "", (), found, profiles, one.ports, unknown)
    return Party(ref, one.meta.location, endpoint, pod_labels)


def top_owner(world: World, pod: ObjectRef) -> ObjectRef:
    """What made a pod in the end: the Deployment of its ReplicaSet, the CronJob of its Job; else itself.

    A ReplicaSet that is not there is told by the hash that its Deployment gave it.
    """
    found = world.snapshot.all(Pod)[pod]
    ref = found.owner
    if ref is None:
        return pod
    for _ in range(_OWNERS_LIMIT):
        workload = world.snapshot.all(Workload).get(ref)
        if workload is None or workload.owner is None:
            break
        ref = workload.owner
    suffix = f"-{found.meta.labels.get(_HASH, '')}"
    if ref.kind == "ReplicaSet" and len(suffix) > 1 and ref.name.endswith(suffix):
        return replace(ref, kind="Deployment", name=ref.name.removesuffix(suffix))
    return ref


def _labels_that_matter(world: World) -> frozenset[str]:
    """The label names by which a policy, a rule or a Service can tell pods apart."""
    names: set[str] = set()
    for policy in world.policies:
        names.update(policy.applies_to.labels() if policy.applies_to else ())
        names.update(*(one.labels() for one in _selectors(policy)))
    for service in world.snapshot.all(Service).values():
        names.update(service.selector or ())
    return frozenset(names)


def _selectors(policy: Policy) -> Iterator[Selector]:
    for rule in (*policy.ingress, *policy.egress):
        for entity in (rule.source, rule.destination):
            yield from (one for one in (entity.positive, entity.negative) if one is not None)
