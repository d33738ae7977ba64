"""A snapshot with everything that its verdicts need, worked out once and on demand."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, replace
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
from service.policy.facts import DERIVED, READ, Facts
from service.policy.felix import DEFAULT_VIEW, FelixView, felix_view
from service.policy.hooks import Chain, TierPolicies, evaluate, in_tiers, no_endpoint
from service.policy.match import Matcher
from service.policy.order import policy_key, tier_view
from service.policy.partition import whole
from service.policy.policies import POLICIES, doubtful, policies, policy_at, staged_prednat

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from service.model.refs import ObjectRef
    from service.model.snapshot import Change, Snapshot
    from service.net.headerspace import Bounds
    from service.policy.convert import Policy
    from service.policy.partition import Partition
    from service.policy.workloads import WorkloadEndpoint

_ResolveKey = tuple[frozenset[tuple[str, str]], "Hook", "Direction"]
_MEMO_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class _Exchange:
    """How a world differs from *base*: by one policy."""

    base: World
    removed: Policy | None
    added: Policy | None


class World:
    """What Calico would do in one snapshot. Immutable to its readers; fills its caches as it is asked.

    Threads may share one: a cache entry that two of them compute is the same value twice.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """The world of *snapshot*; nothing is computed yet."""
        self.snapshot = snapshot
        self._felix: dict[str, FelixView] = {}
        self._resolved: dict[_ResolveKey, tuple[TierPolicies, ...]] = {}
        self._chains: dict[Chain, Chain] = {}
        self._partitions: dict[tuple[int, Bounds], tuple[Chain, Partition]] = {}
        self._failsafes = True
        self._exchange: _Exchange | None = None
        self._facts: dict[Facts, dict[object, object]] = {one: {} for one in Facts}
        self.memo: dict[object, object] = {}
        """What the floors above derive from this world, by keys of their own; it goes with the world."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> World:
        """As the constructor."""
        return cls(snapshot)

    def facts(self, kind: Facts) -> dict[object, object]:
        """The store of facts of one kind, by the keys of whoever derives them; overlays share it."""
        return self._facts[kind]

    def with_change(self, change: Change) -> World:
        """The world after *change*, which shares with this one whatever the change leaves alone.

        What can be shared is worked out here first, so that it is worked out once for all overlays.
        """
        after = World(self.snapshot.with_change(change))
        before, now = self.snapshot, after.snapshot
        touched = {kind for kind in READ if before.all(kind) is not now.all(kind)}
        for attribute, kinds in DERIVED.items():
            if not touched.intersection(kinds):
                after.__dict__[attribute] = getattr(self, attribute)
        after._facts |= {
            one: store for one, store in self._facts.items() if not touched.intersection(one.value)
        }
        if len(touched) == 1 and touched.issubset(POLICIES):
            after._splice(self, change)
        return after

    def without_failsafes(self) -> World:
        """The same world with every failsafe list empty: what policy alone would do. Shares all work."""
        if "stripped" not in self.memo:
            stripped = World(self.snapshot)
            for attribute in DERIVED:
                if attribute != "_felix":
                    stripped.__dict__[attribute] = getattr(self, attribute)
            for one in (Facts.PLACES, Facts.OPENINGS):
                stripped._facts[one] = self._facts[one]
            alike = self._facts[Facts.LIKENESS].setdefault("without failsafes", {})
            stripped._facts[Facts.LIKENESS] = cast("dict[object, object]", alike)
            stripped._exchange = self._exchange
            stripped._failsafes = False
            self.memo["stripped"] = stripped
        return cast("World", self.memo["stripped"])

    def _splice(self, base: World, change: Change) -> None:
        """Take over the policies of *base* with one of them exchanged, and what that leaves valid.

        O(policies) pointer copies; nothing is parsed, sorted or matched again.
        """
        ref = change.ref
        added = policy_at(self.snapshot, ref)
        exchange = _Exchange(base, base._policies_by_ref.get(ref), added)
        self.__dict__["policies"] = self._exchanged(base.policies, exchange)
        by_ref = {**base._policies_by_ref}
        by_ref.pop(ref, None)
        self.__dict__["_policies_by_ref"] = by_ref | ({ref: added} if added else {})
        used = added.applies_to.labels() if added and added.applies_to else frozenset()
        # A name too many splits classes finer than need be, and is never wrong.
        self.__dict__["_labels_used"] = base._labels_used | used
        if self.labels_that_matter == base.labels_that_matter:
            self._exchange = exchange

    def _exchanged(self, policies: Iterable[Policy], exchange: _Exchange) -> tuple[Policy, ...]:
        """*policies*, which are in order, with the removed one gone and the added one in its place."""
        every = list(policies)
        if exchange.removed is not None:
            del every[bisect_left(every, self._order(exchange.removed), key=self._order)]
        if exchange.added is not None:
            insort(every, exchange.added, key=self._order)
        return tuple(every)

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
        return workloads.inherited_labels(hep.profiles, self.namespaces) | dict(hep.meta.labels)

    @cached_property
    def matcher(self) -> Matcher:
        """The packet sets of rules, over the labelled addresses of this snapshot."""
        kept = tuple(one for one in self.workloads.values() if not self._discards(one))
        pods = Pods(kept, tuple(workloads.pod_templates(self.snapshot)))
        heps = ((hep, self.labels(hep)) for hep in self.heps)
        return Matcher(AddressBook(self.snapshot, heps, pods=pods if self.knows_pods else None))

    @property
    def knows_pods(self) -> bool:
        """Whether the snapshot holds all of the cluster's pods."""
        return workloads.lists_pods(self.snapshot)

    @cached_property
    def workloads(self) -> Mapping[ObjectRef, WorkloadEndpoint]:
        """The pods that Calico polices."""
        return {one.pod: one for one in workloads.workload_endpoints(self.snapshot)}

    @cached_property
    def _tiers(self) -> Mapping[str, Tier]:
        return {ref.name: tier for ref, tier in self.snapshot.all(Tier).items()}

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy in effect, in the order in which Felix applies them."""
        return tuple(sorted(policies(self.snapshot), key=self._order))

    def _order(self, policy: Policy) -> tuple[object, ...]:
        return (tier_view(policy.tier, self._tiers).key, policy_key(policy))

    @cached_property
    def _policies_by_ref(self) -> Mapping[ObjectRef, Policy]:
        return {policy.meta.ref: policy for policy in self.policies}

    def policy(self, ref: ObjectRef) -> Policy:
        """The policy in effect of that reference.

        Raises: KeyError where there is none.
        """
        return self._policies_by_ref[ref]

    def find_policy(self, ref: ObjectRef) -> Policy | None:
        """As `policy`; None where none of that reference is in effect."""
        return self._policies_by_ref.get(ref)

    @cached_property
    def _labels_used(self) -> frozenset[str]:
        """The label names that any policy's selector looks at: the rest cannot tell endpoints apart."""
        policies = (*self.policies, *self._staged_prednat)
        return frozenset().union(*(one.applies_to.labels() for one in policies if one.applies_to))

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
        return self.label_class(hep), hep.profiles, self.felix(hep.node), is_wildcard

    def label_class(self, hep: HostEndpoint) -> frozenset[tuple[str, str]]:
        """The labels of *hep* that matter: endpoints that agree in them have the same policies."""
        matter = self.labels_that_matter
        return frozenset(one for one in self.labels(hep).items() if one[0] in matter)

    def resolve(
        self, hep: HostEndpoint, hook: Hook, direction: Direction
    ) -> tuple[TierPolicies, ...]:
        """The tiers that govern *hep* at *hook*, in Felix's order, with their policies.

        Tiers without such a policy are left out: they have no end. O(policies), once per label class.
        """
        return self._tiers_at((self.label_class(hep), hook, direction))

    def _tiers_at(self, key: _ResolveKey) -> tuple[TierPolicies, ...]:
        known = self._resolved.get(key)
        if known is None:
            known = self._resolved[key] = self._resolve(key)
        return known

    def _resolve(self, key: _ResolveKey) -> tuple[TierPolicies, ...]:
        """By way of the world that this one is an overlay of, where its classes are the same."""
        label_class, hook, direction = key
        labels = dict(label_class)

        def here(policy: Policy | None) -> Policy | None:
            if policy is None or not policy.governs(hook, direction):
                return None
            return policy if policy.selects(labels) else None

        if self._exchange is None:
            return in_tiers(filter(here, self.policies), self._tiers)
        exchange = replace(
            self._exchange, removed=here(self._exchange.removed), added=here(self._exchange.added)
        )
        tiers = self._exchange.base._tiers_at(key)  # noqa: SLF001 - a World too
        if exchange.removed is None and exchange.added is None:
            return tiers
        standing = (policy for tier in tiers for policy in tier.policies)
        return in_tiers(self._exchanged(standing, exchange), self._tiers)

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
            known = self._felix[node] = self._felix_view(node)
        return known

    @cached_property
    def _felix_configurations(self) -> Mapping[str, FelixConfiguration]:
        return {ref.name: one for ref, one in self.snapshot.all(FelixConfiguration).items()}

    def _felix_view(self, node: str) -> FelixView:
        view = DEFAULT_VIEW
        if self._felix_configurations:
            known = self.nodes.get(node)
            labels = known.meta.labels if known else None
            view = felix_view(self._felix_configurations, node, labels)
        return view if self._failsafes else replace(view, failsafe_inbound=(), failsafe_outbound=())

    def chain(self, hep: HostEndpoint, hook: Hook, direction: Direction) -> Chain:
        """The chain of *hep* at *hook*: one object for all endpoints that are alike."""
        chain = Chain(
            hook,
            direction,
            tiers=self.resolve(hep, hook, direction),
            felix=self.felix(hep.node),
            profiles=hep.profiles,
            wildcard=hep.interface_name == WILDCARD,
        )
        return self._chains.setdefault(chain, chain)

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
        """The chain of a pod: one object for all that are alike."""
        labels = frozenset(one for one in pod.labels.items() if one[0] in self._labels_used)
        chain = Chain(
            Hook.WORKLOAD,
            direction,
            tiers=self._tiers_at((labels, Hook.WORKLOAD, direction)),
            felix=self.felix(pod.node),
            profiles=pod.profiles,
            doubts=tuple(doubtful(self.policies, pod, direction)),
        )
        return self._chains.setdefault(chain, chain)

    def evaluate_workload(
        self, pod: WorkloadEndpoint, live: Bounds, direction: Direction
    ) -> Partition:
        """The fate of *live* packets at a pod's own hook, memoised as `evaluate`."""
        if self._discards(pod):
            note = "Calico discards the endpoint: Felix lets no pod send from other addresses"
            cause = Cause(Reason.DEFAULT_ACTION, Hook.WORKLOAD, direction, note=note)
            return whole(live, Decision.DENY, cause)
        # A pod's namespace exists, be it an object here or not.
        return self._fate(self.workload_chain(pod, direction), live, (pod.pod.namespace,))

    def _discards(self, pod: WorkloadEndpoint) -> bool:
        """Source: felix/calc/validation_filter.go, by ``workloadSourceSpoofing``."""
        return pod.asks_for_sources and not self.felix(pod.node).workloads_may_spoof

    def _fate(self, chain: Chain, live: Bounds, namespaces: Container[str]) -> Partition:
        key = (id(chain), live)
        known = self._partitions.get(key)
        if known is None:
            if len(self._partitions) >= _MEMO_LIMIT:
                self._partitions.clear()
                self._chains.clear()
            partition = evaluate(chain, live, matcher=self.matcher, namespaces=namespaces)
            # The chain is kept beside its partition: its identity is the key.
            known = self._partitions[key] = (chain, partition)
        return known[1]
