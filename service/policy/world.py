"""A snapshot with everything that its verdicts need, worked out once and on demand."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from service.model.kinds.felix_configuration import FelixConfiguration
from service.model.kinds.host_endpoint import HostEndpoint
from service.model.kinds.kube_controllers_configuration import KubeControllersConfiguration
from service.model.kinds.namespace import Namespace
from service.model.kinds.node import Node
from service.model.kinds.tier import Tier
from service.policy import workloads
from service.policy.addresses import AddressBook, Pods
from service.policy.cause import Cause, Decision, Direction, Hook, Reason
from service.policy.endpoints import WILDCARD, NodeEndpoints, automatic_endpoints, node_endpoints
from service.policy.facts import DERIVED, Facts, touched_by, untouched
from service.policy.fates import Chains, Fates
from service.policy.felix import FelixView, felix_view
from service.policy.felix_environment import felix_environment
from service.policy.hooks import Chain, no_endpoint
from service.policy.match import Matcher
from service.policy.partition import whole
from service.policy.policies import POLICIES, doubtful, policies, policy_at, staged_prednat
from service.policy.policy_set import PolicySet
from service.policy.profile import DEFAULT_PROFILE
from service.policy.profiles import Profiles

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from service.model.refs import ObjectRef
    from service.model.snapshot import Change, Snapshot
    from service.net.headerspace import Bounds, HeaderSpace
    from service.policy.convert import Policy
    from service.policy.felix_environment import FelixEnvironment
    from service.policy.hooks import TierPolicies
    from service.policy.partition import Partition
    from service.policy.policy_set import Labels
    from service.policy.profile import ClusterProfile
    from service.policy.relevance import RuleIndex
    from service.policy.workloads import WorkloadEndpoint

_FOR_ALL = "default"
"""The FelixConfiguration of all nodes."""


class _Deferred:
    """The pods that Calico polices, worked out when one is asked for: overlays share them before that."""

    def __init__(self, make: Callable[[], Iterable[WorkloadEndpoint]]) -> None:
        self._make = make

    @cached_property
    def by_ref(self) -> Mapping[ObjectRef, WorkloadEndpoint]:
        return {one.pod: one for one in self._make()}


class World:
    """What Calico would do in one snapshot. Immutable to its readers; fills its caches as it is asked.

    Threads may share one: a cache entry that two of them compute is the same value twice.
    """

    def __init__(self, snapshot: Snapshot, profile: ClusterProfile = DEFAULT_PROFILE) -> None:
        """The world of *snapshot*, by the premises of *profile*; nothing is computed yet."""
        self.snapshot = snapshot
        self.profile = profile
        self._felix: dict[str, FelixView] = {}
        self._chains = Chains()
        self._pod_chains: dict[Direction, dict[WorkloadEndpoint, Chain]] = {
            one: {} for one in Direction
        }
        self._fates = Fates()
        self._label_classes: dict[int, tuple[HostEndpoint, Labels]] = {}
        self._workloads = _Deferred(lambda: workloads.workload_endpoints(snapshot))
        self._failsafes = True
        self._facts: dict[Facts, dict[object, object]] = {one: {} for one in Facts}
        self.memo: dict[object, object] = {}
        """What the floors above derive from this world, by keys of their own; it goes with the world."""

    @classmethod
    def of(cls, snapshot: Snapshot, profile: ClusterProfile = DEFAULT_PROFILE) -> World:
        """As the constructor."""
        return cls(snapshot, profile)

    def facts(self, kind: Facts) -> dict[object, object]:
        """The store of facts of one kind, by the keys of whoever derives them; overlays share it."""
        return self._facts[kind]

    def with_change(self, change: Change) -> World:
        """The world after *change*, which shares with this one whatever the change leaves alone.

        What can be shared is worked out here first, so that it is worked out once for all overlays.
        """
        after = World(self.snapshot.with_change(change), self.profile)
        touched = touched_by(change, self.snapshot, after.snapshot)
        attributes, stores = untouched(touched)
        for attribute in attributes:
            after.__dict__[attribute] = getattr(self, attribute)
        after._facts |= {one: self._facts[one] for one in stores}
        if len(touched) == 1 and touched.issubset(POLICIES):
            after._splice(self, change)
        return after

    def without_failsafes(self) -> World:
        """The same world with every failsafe list empty: what policy alone would do. Shares all work."""
        if "stripped" not in self.memo:
            stripped = World(self.snapshot, self.profile)
            for attribute in DERIVED:
                if attribute != "_felix":
                    stripped.__dict__[attribute] = getattr(self, attribute)
            for one in (Facts.PLACES, Facts.OPENINGS, Facts.BACKENDS):
                stripped._facts[one] = self._facts[one]
            alike = self._facts[Facts.LIKENESS].setdefault("without failsafes", {})
            stripped._facts[Facts.LIKENESS] = cast("dict[object, object]", alike)
            stripped._failsafes = False
            self.memo["stripped"] = stripped
        return cast("World", self.memo["stripped"])

    def _splice(self, base: World, change: Change) -> None:
        """Take over the policies of *base* with one of them exchanged, and what that leaves valid."""
        added = policy_at(self.snapshot, change.ref, self.profile.release)
        self.__dict__["_policy_set"] = base._policy_set.exchanged(change.ref, added)
        if self.labels_that_matter == base.labels_that_matter:
            self._label_classes = base._label_classes

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """The Nodes by name."""
        return {ref.name: node for ref, node in self.snapshot.all(Node).items()}

    @cached_property
    def namespaces(self) -> Mapping[str, Namespace]:
        """The Namespaces by name."""
        return {ref.name: one for ref, one in self.snapshot.all(Namespace).items()}

    @cached_property
    def automatic(self) -> tuple[HostEndpoint, ...]:
        """The endpoints that Calico's controller would make and that are not there (yet)."""
        configurations = self.snapshot.all(KubeControllersConfiguration)
        configuration = next(
            (one for ref, one in configurations.items() if ref.name == "default"), None
        )
        present = {ref.name for ref in self.snapshot.all(HostEndpoint)}
        return tuple(
            hep
            for node in self.nodes.values()
            for hep in automatic_endpoints(node, configuration)
            if hep.meta.ref.name not in present
        )

    @property
    def heps(self) -> tuple[HostEndpoint, ...]:
        """Every host endpoint: those in effect, and those that Calico's controller would make."""
        return (*self.snapshot.all(HostEndpoint).values(), *self.automatic)

    @cached_property
    def _endpoints(self) -> Mapping[str, NodeEndpoints]:
        by_node: dict[str, list[HostEndpoint]] = {}
        for hep in self.heps:
            by_node.setdefault(hep.node, []).append(hep)
        return {node: node_endpoints(heps) for node, heps in by_node.items()}

    @property
    def has_endpoints(self) -> bool:
        """Whether any host endpoint is in effect, or will be made."""
        return bool(self._endpoints)

    def endpoints(self, node: str) -> NodeEndpoints:
        """The host endpoints of a node, by its name."""
        return self._endpoints.get(node) or NodeEndpoints()

    @cached_property
    def node_names(self) -> tuple[str, ...]:
        """Every node that is known: the Nodes, or, without any, those that host endpoints name."""
        return tuple(sorted(self.nodes or self._endpoints))

    def labels(self, hep: HostEndpoint) -> dict[str, str]:
        """The labels by which selectors see a host endpoint: its own over those of its profiles."""
        return self._profiles.labels(hep.profiles) | dict(hep.meta.labels)

    @cached_property
    def _profiles(self) -> Profiles:
        return Profiles(self.snapshot)

    @cached_property
    def matcher(self) -> Matcher:
        """The packet sets of rules, over the labelled addresses of this snapshot."""
        heps = ((hep, self.labels(hep)) for hep in self.heps)
        return Matcher(
            AddressBook(self.snapshot, heps, pods=self._pods() if self.knows_pods else None)
        )

    def _pods(self) -> Pods:
        groups = workloads.pod_groups(
            self.snapshot, lambda pod: not self.felix(pod.node).workloads_may_spoof
        )
        return Pods(tuple(groups), tuple(workloads.pod_templates(self.snapshot)))

    @property
    def knows_pods(self) -> bool:
        """Whether the snapshot holds all of the cluster's pods."""
        return workloads.lists_pods(self.snapshot)

    @property
    def workloads(self) -> Mapping[ObjectRef, WorkloadEndpoint]:
        """The pods that Calico polices."""
        return self._workloads.by_ref

    @cached_property
    def _tiers(self) -> Mapping[str, Tier]:
        return {ref.name: tier for ref, tier in self.snapshot.all(Tier).items()}

    @cached_property
    def _policy_set(self) -> PolicySet:
        release = self.profile.release
        return PolicySet(policies(self.snapshot, release), self._tiers, release)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy in effect, in the order in which Felix applies them."""
        return self._policy_set.every

    def policy(self, ref: ObjectRef) -> Policy:
        """The policy in effect of that reference.

        Raises: KeyError where there is none.
        """
        return self._policy_set.by_ref[ref]

    def find_policy(self, ref: ObjectRef) -> Policy | None:
        """As `policy`; None where none of that reference is in effect."""
        return self._policy_set.by_ref.get(ref)

    @cached_property
    def _labels_used(self) -> frozenset[str]:
        """The label names that any policy's selector looks at: the rest cannot tell endpoints apart."""
        staged = (one.applies_to.labels() for one in self._staged_prednat if one.applies_to)
        return self._policy_set.labels.union(*staged)

    @cached_property
    def _labels_present(self) -> frozenset[str]:
        """The label names that any host endpoint has."""
        return frozenset().union(*map(self.labels, self.heps))

    @cached_property
    def labels_that_matter(self) -> frozenset[str]:
        """The label names that can tell endpoints apart: those that a policy asks for and one has."""
        return self._labels_used & self._labels_present

    def likeness(self, hep: HostEndpoint) -> object:
        """What host endpoints agree in that have the same chains at every hook."""
        is_wildcard = hep.interface_name == WILDCARD
        felix = self.felix(hep.node).at(hep.interface_name)
        return self.label_class(hep), hep.profiles, felix, is_wildcard

    def label_class(self, hep: HostEndpoint) -> Labels:
        """The labels of *hep* that matter: endpoints that agree in them have the same policies."""
        known = self._label_classes.get(id(hep))
        if known is None:
            matter = self.labels_that_matter
            labels = frozenset(one for one in self.labels(hep).items() if one[0] in matter)
            # The endpoint is kept beside its labels: its identity is the key.
            known = self._label_classes[id(hep)] = (hep, labels)
        return known[1]

    @property
    def kinds_of_heps(self) -> tuple[HostEndpoint, ...]:
        """One host endpoint for each label class."""
        known = self.facts(Facts.LIKENESS)
        key = ("kinds of host endpoints", self.labels_that_matter)
        if key not in known:
            known[key] = tuple({self.label_class(hep): hep for hep in self.heps}.values())
        return cast("tuple[HostEndpoint, ...]", known[key])

    def resolve(
        self, hep: HostEndpoint, hook: Hook, direction: Direction
    ) -> tuple[TierPolicies, ...]:
        """The tiers that govern *hep* at *hook*, in Felix's order, with their policies."""
        return self._policy_set.governing(self.label_class(hep), hook, direction)

    @cached_property
    def _staged_prednat(self) -> tuple[Policy, ...]:
        return tuple(staged_prednat(self.snapshot))

    def has_prednat(self, hep: HostEndpoint) -> bool:
        """Whether a preDNAT policy selects *hep*, if only a staged one: then none of ``*`` stands in.

        Source: felix/dataplane/linux/endpoint_mgr.go updateHostEndpoints.
        """
        if self.resolve(hep, Hook.PRE_DNAT, Direction.INGRESS):
            return True
        return bool(self._staged_prednat) and any(
            policy.selects(self.labels(hep)) for policy in self._staged_prednat
        )

    def felix(self, node: str) -> FelixView:
        """The Felix configuration of a node."""
        known = self._felix.get(node)
        if known is None:
            here = self.nodes.get(node)
            is_like_others = here is None or here.interfaces is None
            if node and is_like_others and self._felix_configurations.keys() <= {_FOR_ALL}:
                known = self.felix("")  # nothing tells the node from any other
            else:
                known = self._felix_view(node, here)
            self._felix[node] = known
        return known

    def _felix_view(self, node: str, here: Node | None) -> FelixView:
        told, profile = self._felix_environment, self.profile
        view = felix_view(self._felix_configurations, node, here, profile=profile, environment=told)
        return view if self._failsafes else view.without_failsafes()

    @cached_property
    def _felix_configurations(self) -> Mapping[str, FelixConfiguration]:
        return {ref.name: one for ref, one in self.snapshot.all(FelixConfiguration).items()}

    @cached_property
    def _felix_environment(self) -> FelixEnvironment:
        return felix_environment(self.snapshot)

    def chain(self, hep: HostEndpoint, hook: Hook, direction: Direction) -> Chain:
        """The chain of *hep* at *hook*: one object for all endpoints that are alike."""
        chain = Chain(
            hook,
            direction,
            tiers=self.resolve(hep, hook, direction),
            felix=self.felix(hep.node).at(hep.interface_name, hook),
            profiles=self._profiles.entries(hep.profiles),
            doubts=self._profiles.doubts(hep.profiles) if hook is Hook.NORMAL else (),
            wildcard=hep.interface_name == WILDCARD,
        )
        return self._chains.one(chain)

    def evaluate(
        self, hep: HostEndpoint | None, live: Bounds, *, hook: Hook, direction: Direction
    ) -> Partition:
        """The fate of *live* packets at a hook of *hep*; None where no endpoint governs.

        Memoised per chain, so that endpoints with the same policies, profiles and Felix configuration
        share the work.
        """
        if hep is None:
            return no_endpoint(live, hook, direction)
        return self._fate(self.chain(hep, hook, direction), live, self.namespaces)

    def workload_chain(self, pod: WorkloadEndpoint, direction: Direction) -> Chain:
        """The chain of a pod: one object for all that are alike; worked out once for each pod."""
        known = self._pod_chains[direction].get(pod)
        if known is None:
            known = self._pod_chains[direction][pod] = self._workload_chain(pod, direction)
        return known

    def _workload_chain(self, pod: WorkloadEndpoint, direction: Direction) -> Chain:
        labels = frozenset(one for one in pod.labels.items() if one[0] in self._labels_used)
        chain = Chain(
            Hook.WORKLOAD,
            direction,
            tiers=self._policy_set.governing(labels, Hook.WORKLOAD, direction),
            felix=self.felix(pod.node),
            profiles=self._profiles.entries(pod.profiles),
            doubts=tuple(doubtful(self.policies, pod, direction)),
        )
        return self._chains.one(chain)

    def evaluate_workload(
        self, pod: WorkloadEndpoint, live: Bounds, direction: Direction
    ) -> Partition:
        """The fate of *live* packets at a pod's own hook, memoised as `evaluate`."""
        if self.discards(pod):
            note = "Calico discards the endpoint: Felix lets no pod send from other addresses"
            cause = Cause(Reason.DEFAULT_ACTION, Hook.WORKLOAD, direction, note=note)
            return whole(live, Decision.DENY, cause)
        # A pod's namespace exists, be it an object here or not.
        return self._fate(self.workload_chain(pod, direction), live, (pod.pod.namespace,))

    def discards(self, pod: WorkloadEndpoint) -> bool:
        """Whether Calico leaves the endpoint of *pod* out. Source: felix/calc/validation_filter.go, by ``workloadSourceSpoofing``."""
        return pod.asks_for_sources and not self.felix(pod.node).workloads_may_spoof

    def _fate(self, chain: Chain, live: Bounds, namespaces: Container[str]) -> Partition:
        return self._fates.of(
            chain, live, self._chains, matcher=self.matcher, namespaces=namespaces
        )

    def index(self, chain: Chain) -> RuleIndex:
        """The rules of a chain that `chain` gave, by what they ask of protocol and port."""
        return self._chains.index(chain)

    def content(self, chain: Chain, packets: HeaderSpace) -> object:
        """What *packets* can meet in *chain*; the same object in overlays where that is the same."""
        return self._chains.content(chain, packets)
