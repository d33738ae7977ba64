"""A snapshot with everything that its verdicts need, worked out once and on demand."""

from __future__ import annotations

from bisect import insort
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from service.model.kinds.endpoint_slice import EndpointSlice
from service.model.kinds.felix_configuration import FelixConfiguration
from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.kinds.host_endpoint import HostEndpoint
from service.model.kinds.kube_controllers_configuration import KubeControllersConfiguration
from service.model.kinds.namespace import Namespace
from service.model.kinds.network_set import NetworkSet
from service.model.kinds.node import Node
from service.model.kinds.staged_global_network_policy import StagedGlobalNetworkPolicy
from service.model.kinds.tier import Tier
from service.policy.addresses import AddressBook, namespace_labels
from service.policy.cause import Direction, Hook
from service.policy.convert import Policy, global_policy
from service.policy.endpoints import WILDCARD, NodeEndpoints, automatic_endpoints, node_endpoints
from service.policy.felix import DEFAULT_VIEW, FelixView, felix_view
from service.policy.hooks import Chain, TierPolicies, evaluate, no_endpoint
from service.policy.match import Matcher
from service.policy.order import policy_key, tier_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.refs import ObjectRef
    from service.model.snapshot import Change, Snapshot
    from service.net.headerspace import Bounds
    from service.policy.partition import Partition

_ResolveKey = tuple[frozenset[tuple[str, str]], "Hook", "Direction"]
_NAMESPACE_PROFILE = "kns."
_MEMO_LIMIT = 20_000


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
        self.memo: dict[object, object] = {}
        """What the floors above derive from this world, by keys of their own; it goes with the world."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> World:
        """The world of *snapshot*."""
        return cls(snapshot)

    def with_change(self, change: Change) -> World:
        """The world after *change*, which shares with this one whatever the change leaves alone."""
        after = World(self.snapshot.with_change(change))
        before, now = self.snapshot, after.snapshot
        touched = {kind for kind in _ALL_KINDS if before.all(kind) is not now.all(kind)}
        for attribute, kinds in _DEPENDS.items():
            if attribute in self.__dict__ and not touched.intersection(kinds):
                after.__dict__[attribute] = self.__dict__[attribute]
        if touched == {GlobalNetworkPolicy} and "policies" in self.__dict__:
            after._splice(self, change)
        return after

    def without_failsafes(self) -> World:
        """The same world with every failsafe list empty: what policy alone would do. Shares all work."""
        if "stripped" not in self.memo:
            stripped = World(self.snapshot)
            for attribute in _DEPENDS:
                if attribute in self.__dict__ and attribute != "_felix":
                    stripped.__dict__[attribute] = self.__dict__[attribute]
            stripped._failsafes = False
            self.memo["stripped"] = stripped
        return cast("World", self.memo["stripped"])

    def _splice(self, base: World, change: Change) -> None:
        """Take over the policies of *base* with one of them exchanged, and what that leaves valid.

        O(policies) pointer copies and O(label classes); nothing is parsed, sorted or matched again.
        """
        ref = change.ref
        removed = [policy for policy in base.policies if policy.meta.ref == ref]
        kept = [policy for policy in base.policies if policy.meta.ref != ref]
        gnp = self.snapshot.all(GlobalNetworkPolicy).get(ref)
        added = [global_policy(gnp)] if gnp else []
        for policy in added:
            insort(kept, policy, key=self._order)
        self.__dict__["policies"] = tuple(kept)
        used = {
            label for policy in added if policy.applies_to for label in policy.applies_to.labels()
        }
        # A name too many splits classes finer than need be, and is never wrong.
        self.__dict__["_labels_used"] = base._labels_used | used
        if used <= base._labels_used:
            self._resolved = {
                key: tiers
                for key, tiers in base._resolved.items()
                if not any(policy.selects(dict(key[0])) for policy in (*removed, *added))
            }

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

    @cached_property
    def _endpoints(self) -> Mapping[str, NodeEndpoints]:
        by_node: dict[str, list[HostEndpoint]] = {}
        for hep in (*self.snapshot.all(HostEndpoint).values(), *self.automatic):
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
        labels: dict[str, str] = {}
        for profile in reversed(hep.profiles):
            if profile.startswith(_NAMESPACE_PROFILE):
                name = profile.removeprefix(_NAMESPACE_PROFILE)
                if name in self.namespaces:
                    labels |= namespace_labels(name, self.namespaces[name])
        labels.update(hep.meta.labels)
        return labels

    @cached_property
    def matcher(self) -> Matcher:
        """The packet sets of rules, over the labelled addresses of this snapshot."""
        heps = (*self.snapshot.all(HostEndpoint).values(), *self.automatic)
        return Matcher(
            AddressBook(
                heps=((hep, self.labels(hep)) for hep in heps),
                network_sets=self.snapshot.all(NetworkSet).values(),
                namespaces=self.namespaces,
                nodes=self.nodes.values(),
                slices=self.snapshot.all(EndpointSlice).values(),
            )
        )

    @cached_property
    def _tiers(self) -> Mapping[str, Tier]:
        return {ref.name: tier for ref, tier in self.snapshot.all(Tier).items()}

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy in effect, in the order in which Felix applies them."""
        converted = map(global_policy, self.snapshot.all(GlobalNetworkPolicy).values())
        return tuple(sorted(converted, key=self._order))

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

    @cached_property
    def _labels_used(self) -> frozenset[str]:
        """The label names that any policy's selector looks at: the rest cannot tell endpoints apart."""
        return frozenset().union(
            *(policy.applies_to.labels() for policy in self.policies if policy.applies_to)
        )

    def label_class(self, hep: HostEndpoint) -> frozenset[tuple[str, str]]:
        """The labels of *hep* that matter: endpoints that agree in them have the same policies."""
        return frozenset(
            (name, value) for name, value in self.labels(hep).items() if name in self._labels_used
        )

    def resolve(
        self, hep: HostEndpoint, hook: Hook, direction: Direction
    ) -> tuple[TierPolicies, ...]:
        """The tiers that govern *hep* at *hook*, in Felix's order, with their policies.

        Tiers without such a policy are left out: they have no end. O(policies), once per label class.
        """
        key = (self.label_class(hep), hook, direction)
        known = self._resolved.get(key)
        if known is None:
            known = self._resolved[key] = self._resolve(key)
        return known

    def _resolve(self, key: _ResolveKey) -> tuple[TierPolicies, ...]:
        label_class, hook, direction = key
        labels = dict(label_class)
        by_tier: dict[str, list[Policy]] = {}
        for policy in self.policies:
            if policy.governs(hook, direction) and policy.selects(labels):
                by_tier.setdefault(policy.tier, []).append(policy)
        return tuple(
            TierPolicies(tier_view(name, self._tiers), tuple(policies))
            for name, policies in by_tier.items()
        )

    @cached_property
    def _staged_prednat(self) -> tuple[Policy, ...]:
        staged = self.snapshot.all(StagedGlobalNetworkPolicy).values()
        converted = (global_policy(one.policy) for one in staged if one.policy.pre_dnat)
        return tuple(one for one in converted if one.governs(Hook.PRE_DNAT, Direction.INGRESS))

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
        chain = self.chain(hep, hook, direction)
        key = (id(chain), live)
        known = self._partitions.get(key)
        if known is None:
            if len(self._partitions) >= _MEMO_LIMIT:
                self._partitions.clear()
                self._chains.clear()
            partition = evaluate(chain, live, matcher=self.matcher, namespaces=self.namespaces)
            # The chain is kept beside its partition: its identity is the key.
            known = self._partitions[key] = (chain, partition)
        return known[1]


_ADDRESSED: tuple[type, ...] = (
    Node,
    HostEndpoint,
    KubeControllersConfiguration,
    NetworkSet,
    Namespace,
    EndpointSlice,
)

_DEPENDS: dict[str, tuple[type, ...]] = {
    "nodes": (Node,),
    "namespaces": (Namespace,),
    "automatic": (Node, HostEndpoint, KubeControllersConfiguration),
    "_endpoints": (Node, HostEndpoint, KubeControllersConfiguration),
    "node_names": (Node, HostEndpoint, KubeControllersConfiguration),
    "matcher": _ADDRESSED,
    "_tiers": (Tier,),
    "policies": (Tier, GlobalNetworkPolicy),
    "_labels_used": (Tier, GlobalNetworkPolicy),
    "_staged_prednat": (StagedGlobalNetworkPolicy,),
    "_felix_configurations": (FelixConfiguration,),
    "_felix": (FelixConfiguration, Node),
    "_resolved": (Tier, GlobalNetworkPolicy),
    # Chains are keyed by their content, and partitions by chains: only addresses come from elsewhere.
    "_chains": (),
    "_partitions": _ADDRESSED,
}
"""What each cached value is computed from, so that an overlay keeps what its change does not touch."""

_ALL_KINDS = frozenset(kind for kinds in _DEPENDS.values() for kind in kinds)
