"""What is derived from which objects, so that a change costs what it touches."""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import TYPE_CHECKING

from service.model.kinds.endpoint_slice import EndpointSlice
from service.model.kinds.felix_configuration import FelixConfiguration
from service.model.kinds.host_endpoint import HostEndpoint
from service.model.kinds.ip_pool import IPPool
from service.model.kinds.k8s_service import Service
from service.model.kinds.kube_controllers_configuration import KubeControllersConfiguration
from service.model.kinds.namespace import Namespace
from service.model.kinds.network_set import NetworkSet
from service.model.kinds.node import Node
from service.model.kinds.pod import Pod
from service.model.kinds.profile import Profile
from service.model.kinds.service_account import ServiceAccount
from service.model.kinds.staged_global_network_policy import StagedGlobalNetworkPolicy
from service.model.kinds.tier import Tier
from service.model.workload import Workload
from service.policy.policies import POLICIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.model.snapshot import Change, Snapshot

Kinds = tuple[type, ...]

PLACED: Kinds = (Node, HostEndpoint, KubeControllersConfiguration)
"""What says which node has which address and endpoint."""
PROFILED: Kinds = (Namespace, ServiceAccount, Profile)
"""What gives the profiles of endpoints."""
LABELLED: Kinds = (Pod, *PROFILED)
"""What says which pods there are, and with which labels."""
ADDRESSED: Kinds = (*PLACED, *LABELLED, NetworkSet, EndpointSlice, Workload)
"""What gives the selectors of rules their addresses."""
POLICED: Kinds = (
    *ADDRESSED,
    FelixConfiguration,
    Tier,
    *POLICIES,
    StagedGlobalNetworkPolicy,
)
"""What says what policy does: everything but Services and routes."""
READ: Kinds = (*POLICED, Service, IPPool)
"""Every kind that something is derived from."""


class Facts(Enum):
    """What facts that the floors above derive from a world rest on: the objects of these kinds.

    An overlay shares the facts whose objects its change leaves alone.
    """

    PLACES = PLACED
    """Which node has which address."""
    LIKENESS = (*PLACED, *PROFILED, FelixConfiguration)
    """Which nodes only policy can tell apart; keys hold `World.labels_that_matter`."""
    PODS = (*PLACED, *LABELLED, FelixConfiguration)
    """Which pods only policy can tell apart; keys hold `World.labels_that_matter`."""
    OPENINGS = (*PLACED, Service)
    """Which ports Services open."""
    BACKENDS = (*PLACED, EndpointSlice)
    """Who answers at which address."""
    POLICY = POLICED
    """What becomes of packets."""
    WRITTEN = POLICIES
    """What policies say, whomever they select."""
    PATHS = READ
    """What becomes of packets on ways that Services and pools lead."""
    FATES = (*ADDRESSED, FelixConfiguration)
    """What becomes of packets by rules that the keys name (`World.content`), whatever other policies say."""


DERIVED: Mapping[str, Kinds] = {
    "nodes": (Node,),
    "namespaces": (Namespace,),
    "automatic": PLACED,
    "_endpoints": PLACED,
    "node_names": PLACED,
    "matcher": (*ADDRESSED, FelixConfiguration),
    "_workloads": LABELLED,
    "_tiers": (Tier,),
    "_policy_set": (Tier, *POLICIES),
    "_staged_prednat": (StagedGlobalNetworkPolicy,),
    "_labels_used": (Tier, *POLICIES, StagedGlobalNetworkPolicy),
    "_profiles": PROFILED,
    "_labels_present": (*PLACED, *PROFILED),
    "labels_that_matter": (*PLACED, *PROFILED, Tier, *POLICIES, StagedGlobalNetworkPolicy),
    "_felix_configurations": (FelixConfiguration,),
    "_felix_environment": (FelixConfiguration,),
    "_felix": (FelixConfiguration, Node),
    "_label_classes": (*PLACED, *PROFILED, Tier, *POLICIES, StagedGlobalNetworkPolicy),
    # Chains are keyed by their content, and fates by chains: only addresses come from elsewhere.
    "_chains": (),
    "_fates": (*ADDRESSED, FelixConfiguration),
}
"""What each cached value of a world is computed from, so that an overlay keeps what its change does not touch."""


def touched_by(change: Change, before: Snapshot, after: Snapshot) -> frozenset[type]:
    """The kinds of which *change* makes other objects; Felix's environment counts as its configuration."""
    both = [one.obj for one in (before.find(change.ref), change.after) if one is not None]
    kinds = {type(one) for one in both if before.all(type(one)) is not after.all(type(one))}
    settings = [one.felix for one in both if isinstance(one, Workload)]
    if any(settings) and settings != settings[:1] * 2:
        kinds.add(FelixConfiguration)
    return frozenset(kinds)


@cache
def untouched(kinds: frozenset[type]) -> tuple[tuple[str, ...], tuple[Facts, ...]]:
    """The cached values and the stores of facts that nothing of *kinds* is part of."""
    return (
        tuple(name for name, own in DERIVED.items() if not kinds.intersection(own)),
        tuple(one for one in Facts if not kinds.intersection(one.value)),
    )
