"""What is derived from which objects, so that a change costs what it touches."""

from __future__ import annotations

from enum import Enum

from service.model.kinds.endpoint_slice import EndpointSlice
from service.model.kinds.felix_configuration import FelixConfiguration
from service.model.kinds.global_network_policy import GlobalNetworkPolicy
from service.model.kinds.host_endpoint import HostEndpoint
from service.model.kinds.k8s_service import Service
from service.model.kinds.kube_controllers_configuration import KubeControllersConfiguration
from service.model.kinds.namespace import Namespace
from service.model.kinds.network_set import NetworkSet
from service.model.kinds.node import Node
from service.model.kinds.staged_global_network_policy import StagedGlobalNetworkPolicy
from service.model.kinds.tier import Tier

Kinds = tuple[type, ...]

PLACED: Kinds = (Node, HostEndpoint, KubeControllersConfiguration)
"""What says which node has which address and endpoint."""
ADDRESSED: Kinds = (*PLACED, NetworkSet, Namespace, EndpointSlice)
"""What gives the selectors of rules their addresses."""
POLICED: Kinds = (
    *ADDRESSED,
    FelixConfiguration,
    Tier,
    GlobalNetworkPolicy,
    StagedGlobalNetworkPolicy,
)
"""What says what policy does: everything but Services."""
READ: Kinds = (*POLICED, Service)
"""Every kind that something is derived from."""


class Facts(Enum):
    """What facts that the floors above derive from a world rest on: the objects of these kinds.

    An overlay shares the facts whose objects its change leaves alone.
    """

    PLACES = PLACED
    """Which node has which address."""
    LIKENESS = (*PLACED, Namespace, FelixConfiguration)
    """Which nodes only policy can tell apart; keys hold `World.labels_that_matter`."""
    OPENINGS = (*PLACED, Service)
    """Which ports Services open."""
    POLICY = POLICED
    """What becomes of packets."""
