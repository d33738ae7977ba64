"""A node such as every one will be, where manifests tell of no node and Calico makes the host endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.errors import SourceLocation
from service.model.decode import decode_object
from service.model.kinds.k8s_service import Service
from service.model.kinds.kube_controllers_configuration import KubeControllersConfiguration
from service.model.meta import Decoded
from service.model.snapshot import Change, Operation
from service.net.prefixes import Family
from service.policy.cause import Hook
from service.policy.endpoints import CREATED_BY

if TYPE_CHECKING:
    from service.policy.world import World

ANY_NODE = "any-node"
_LABELS = {"kubernetes.io/hostname": ANY_NODE, "kubernetes.io/os": "linux"}
"""The labels that a kubelet gives every node."""
_ADDRESSES = {Family.V4: "192.0.2.1", Family.V6: "2001:db8::1"}
"""Documentation addresses (RFC 5737, RFC 3849), which no cluster has."""


def makes_endpoints(world: World) -> bool:
    """Whether Calico makes a host endpoint for every node there will be, and no node is known."""
    configuration = world.snapshot.get(KubeControllersConfiguration, "default")
    made = configuration is not None and configuration.auto_create and configuration.create_default
    return made and not world.node_names


def with_any_node(world: World) -> World:
    """*world* with one node of which is known what is known of all, if that is enough to judge hosts.

    It is not where untracked or preDNAT policies select on other labels than every node has, or where
    nodes or host endpoints are known: then *world* itself.
    """
    if not makes_endpoints(world) or not _labels_asked(world) <= {*_LABELS, CREATED_BY}:
        return world
    if "any node" not in world.memo:
        decoded = decode_object(_node(world), SourceLocation())
        if isinstance(decoded, Decoded):
            change = Change(Operation.CREATE, None, decoded)
            world.memo["any node"] = world.with_change(change)
    return cast("World", world.memo["any node"])


def _node(world: World) -> dict[str, object]:
    """The node as raw object: with an IPv6 address where some Service asks for one."""
    asked = (family for one in world.snapshot.all(Service).values() for family in one.ip_families)
    addresses = [_ADDRESSES[family] for family in sorted({Family.V4, *asked})]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": ANY_NODE, "labels": {**_LABELS}},
        "spec": {},
        "status": {"addresses": [{"type": "InternalIP", "address": one} for one in addresses]},
    }


def _labels_asked(world: World) -> frozenset[str]:
    guards = (one for one in world.policies if one.hook in {Hook.UNTRACKED, Hook.PRE_DNAT})
    return frozenset().union(*(one.applies_to.labels() for one in guards if one.applies_to))
