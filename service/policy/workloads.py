"""Workload endpoints: the pods that Calico polices, with the labels by which selectors see them.

Source: libcalico-go/lib/backend/k8s/conversion/{conversion,workload_endpoint_default}.go,
updateprocessors/workloadendpointprocessor.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.kinds.namespace import Namespace
from service.model.kinds.pod import Pod
from service.model.kinds.service_account import ServiceAccount
from service.model.workload import Workload
from service.policy.convert import (
    NAMESPACE,
    NAMESPACE_PREFIX,
    ORCHESTRATOR,
    SERVICE_ACCOUNT,
    SERVICE_ACCOUNT_PREFIX,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from service.model.pod_spec import ContainerPort
    from service.model.refs import ObjectRef
    from service.model.selector import Selector
    from service.model.snapshot import Snapshot
    from service.net.prefixes import Address, Family

NAMESPACE_PROFILE = "kns."
SERVICE_ACCOUNT_PROFILE = "ksa."
_NAME = "projectcalico.org/name"
_NAMESPACE_NAMES = (_NAME, "kubernetes.io/metadata.name")
_MAKERS = {"ReplicaSet": "Deployment", "Job": "CronJob"}
"""Who makes the owners of pods, whose names begin with the maker's."""
_DEFAULT_ACCOUNT = "default"
_INHERITED_ONLY = (NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX)


@dataclass(frozen=True, slots=True, eq=False)
class WorkloadEndpoint:
    """A pod as Calico sees it; ``labels`` are its own and those of its profiles. Compared by identity.

    ``open_prefixes`` begin the names of labels that it may have besides, because the object that would
    tell is not there. ``ports`` are its containers', named or not. ``asks_for_sources`` says that it
    wants to send from other addresses than its own.
    """

    pod: ObjectRef
    node: str
    addresses: tuple[Address, ...]
    labels: Mapping[str, str]
    profiles: tuple[str, ...]
    ports: tuple[ContainerPort, ...]
    open_prefixes: tuple[str, ...] = ()
    asks_for_sources: bool = False

    @property
    def name(self) -> str:
        """The pod's namespace and name."""
        return f"{self.pod.namespace}/{self.pod.name}"

    def address(self, family: Family) -> Address | None:
        """Its address of *family*; None where it has none."""
        return next((one for one in self.addresses if one[0] is family), None)


@dataclass(frozen=True, slots=True, eq=False)
class PodGroup:
    """Pods that selectors cannot tell apart: those with the same labels, which are as above."""

    labels: Mapping[str, str]
    open_prefixes: tuple[str, ...]
    pods: tuple[Pod, ...]

    def addresses(self) -> Iterator[Address]:
        """The addresses at which Calico knows them."""
        for pod in self.pods:
            yield from one_a_family(pod.ips)


@dataclass(frozen=True, slots=True, eq=False)
class PodTemplate:
    """What is known of pods that are not there: their labels and ports; ``open_prefixes`` as above."""

    labels: Mapping[str, str]
    ports: tuple[ContainerPort, ...]
    open_prefixes: tuple[str, ...] = ()


class Labels:
    """The labels of pods and of what namespaces hold, those of their namespaces and accounts included."""

    def __init__(self, snapshot: Snapshot) -> None:
        """The labels in *snapshot*."""
        self._namespaces = {ref.name: one for ref, one in snapshot.all(Namespace).items()}
        self._accounts = {
            (ref.namespace, ref.name): one for ref, one in snapshot.all(ServiceAccount).items()
        }

    def of_pod(
        self, labels: Mapping[str, str], namespace: str, account: str
    ) -> tuple[dict[str, str], tuple[str, ...]]:
        """The labels of a pod with *labels* of its own, and the prefixes of those that are not known."""
        own = {
            name: value for name, value in labels.items() if not name.startswith(_INHERITED_ONLY)
        }
        found = {
            **self.of_account(namespace, account),
            **namespace_labels(namespace, self._namespaces.get(namespace)),
            **own,
            NAMESPACE: namespace,
            ORCHESTRATOR: "k8s",
        }
        if account:
            found[SERVICE_ACCOUNT] = account
        return found, tuple(self._unknown(namespace, account))

    def namespace(self, name: str) -> Namespace | None:
        """The Namespace of that name; None where it is not there."""
        return self._namespaces.get(name)

    def has_account(self, namespace: str, account: str) -> bool | None:
        """Whether the account exists; None where the accounts of its namespace are not listed."""
        if (namespace, account) in self._accounts:
            return True
        return False if self._is_absent(namespace, account) else None

    def of_account(self, namespace: str, account: str) -> dict[str, str]:
        """The labels of an account; none of one that surely does not exist, though a pod names it."""
        if not account or self._is_absent(namespace, account):
            return {}
        known = self._accounts.get((namespace, account))
        labels = known.meta.labels if known else {}
        return {
            **{f"{SERVICE_ACCOUNT_PREFIX}{name}": value for name, value in labels.items()},
            f"{SERVICE_ACCOUNT_PREFIX}{_NAME}": account,
        }

    def _is_absent(self, namespace: str, account: str) -> bool:
        """Whether the account is not there: a list of a namespace's accounts has its default one."""
        is_listed = (namespace, _DEFAULT_ACCOUNT) in self._accounts
        return is_listed and (namespace, account) not in self._accounts

    def _unknown(self, namespace: str, account: str) -> Iterator[str]:
        if namespace not in self._namespaces:
            yield NAMESPACE_PREFIX
        is_known = (namespace, account) in self._accounts or self._is_absent(namespace, account)
        if account and not is_known:
            yield SERVICE_ACCOUNT_PREFIX


def namespace_labels(name: str, namespace: Namespace | None) -> dict[str, str]:
    """The labels that whatever lives in a namespace inherits; those of its name need no object.

    Source: libcalico-go/lib/backend/k8s/conversion/conversion.go NamespaceToProfile.
    """
    own = namespace.meta.labels if namespace else {}
    return {
        **{f"{NAMESPACE_PREFIX}{label}": name for label in _NAMESPACE_NAMES},
        **{f"{NAMESPACE_PREFIX}{label}": value for label, value in own.items()},
    }


def selects(
    selector: Selector, labels: Mapping[str, str], open_prefixes: tuple[str, ...] = ()
) -> bool | None:
    """Whether *selector* selects what has *labels*; None where labels that begin so could decide."""
    if not open_prefixes:
        return selector.matches(labels)
    absent = {
        name
        for name in selector.labels()
        if name not in labels and not name.startswith(open_prefixes)
    }
    return selector.match_unknown(labels, absent)


def lists_pods(snapshot: Snapshot) -> bool:
    """Whether *snapshot* holds a cluster's own list of pods, and so all of them.

    Such a list has pods that run somewhere. A Pod that somebody wrote into a manifest names no node and
    has no address: what other pods there are, it does not tell.
    """
    return any(pod.node and pod.ips for pod in snapshot.all(Pod).values())


def workload_endpoints(snapshot: Snapshot) -> Iterator[WorkloadEndpoint]:
    """The endpoints of the pods that are scheduled, have an address and are not on the host's network."""
    labels = Labels(snapshot)
    for ref, pod in snapshot.all(Pod).items():
        if _is_endpoint(pod):
            yield _endpoint(ref, pod, labels)


def _is_endpoint(pod: Pod) -> bool:
    return bool(pod.node and pod.ips and not pod.host_network)


def pod_groups(snapshot: Snapshot, discards: Callable[[Pod], bool]) -> Iterator[PodGroup]:
    """The pods behind `workload_endpoints` but those that Calico *discards*, in groups of the same labels.

    A cluster's pods are few kinds of many. O(pods), quick where they share their maps of labels.
    """
    known = Labels(snapshot)
    by_source: dict[tuple[int, str, str], list[Pod]] = {}
    for pod in snapshot.all(Pod).values():
        if _is_endpoint(pod) and not (pod.allowed_source_prefixes and discards(pod)):
            key = (id(pod.meta.labels), pod.meta.ref.namespace, pod.service_account)
            by_source.setdefault(key, []).append(pod)
    alike: dict[tuple[frozenset[tuple[str, str]], tuple[str, ...]], list[Pod]] = {}
    for (_, namespace, account), pods in by_source.items():
        labels, unknown = known.of_pod(pods[0].meta.labels, namespace, account)
        alike.setdefault((frozenset(labels.items()), unknown), []).extend(pods)
    for (content, unknown), pods in alike.items():
        yield PodGroup(dict(content), unknown, tuple(pods))


class _Live:
    """The live pods of a snapshot, by who owns them; by their labels where nobody does."""

    def __init__(self, snapshot: Snapshot) -> None:
        workloads = snapshot.all(Workload)
        self._owners: set[ObjectRef] = set()
        self._makers: set[tuple[str, str, str]] = set()
        self._orphans: dict[str, set[frozenset[tuple[str, str]]]] = {}
        for ref, pod in snapshot.all(Pod).items():
            owner = pod.owner
            if owner is None:
                own = frozenset(pod.meta.labels.items())
                self._orphans.setdefault(ref.namespace, set()).add(own)
                continue
            self._owners.add(owner)
            known = workloads.get(owner)
            if known is not None and known.owner is not None:
                self._owners.add(known.owner)
            elif known is None and owner.kind in _MAKERS:
                stem = owner.name.rpartition("-")[0]
                self._makers.add((owner.namespace, _MAKERS[owner.kind], stem))

    def has_pod_of(self, ref: ObjectRef, one: Workload) -> bool:
        """Whether a pod is of that workload: owned by it, or by what it makes.

        A pod that nobody owns, as in a manifest, is taken for one that has its template's labels.
        """
        if ref in self._owners or (ref.namespace, ref.kind, ref.name) in self._makers:
            return True
        wanted = frozenset(one.labels.items())
        return any(wanted <= own for own in self._orphans.get(ref.namespace, ()))


def pod_templates(snapshot: Snapshot) -> Iterator[PodTemplate]:
    """The templates of which no live pod is.

    One that another makes, such as the ReplicaSet of a Deployment, is told by its maker.
    """
    if not snapshot.all(Workload):
        return
    labels, live = Labels(snapshot), _Live(snapshot)
    for ref, one in snapshot.all(Workload).items():
        if one.host_network or one.owner or live.has_pod_of(ref, one):
            continue
        found, unknown = labels.of_pod(one.labels, ref.namespace, one.service_account)
        yield PodTemplate(found, one.ports, unknown)


def _endpoint(ref: ObjectRef, pod: Pod, labels: Labels) -> WorkloadEndpoint:
    found, unknown = labels.of_pod(pod.meta.labels, ref.namespace, pod.service_account)
    account = f"{SERVICE_ACCOUNT_PROFILE}{ref.namespace}.{pod.service_account}"
    return WorkloadEndpoint(
        pod=ref,
        node=pod.node,
        addresses=one_a_family(pod.ips),
        labels=found,
        profiles=(
            f"{NAMESPACE_PROFILE}{ref.namespace}",
            *((account,) if pod.service_account else ()),
        ),
        ports=pod.ports,
        open_prefixes=unknown,
        asks_for_sources=bool(pod.allowed_source_prefixes),
    )


def one_a_family(addresses: tuple[Address, ...]) -> tuple[Address, ...]:
    """The first address of each family, which are those that Calico takes."""
    if len(addresses) == 1:
        return addresses
    first: dict[Family, Address] = {}
    for address in addresses:
        first.setdefault(address[0], address)
    return tuple(first.values())
