"""The objects that would guard a node port: endpoints where they lack, and a deny that ends the set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.checks.nodeport.guard import policeable
from service.checks.verdict import Result
from service.net.prefixes import format_ip
from service.policy.cause import Direction, Hook
from service.policy.endpoints import DEFAULT_ALLOW
from service.policy.entries import families, known_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.checks.settings import CheckSettings
    from service.checks.verdict import Json, Verdict
    from service.policy.convert import Policy
    from service.policy.world import World

_API_VERSION = "projectcalico.org/v3"
_REMEDIABLE = frozenset(
    {
        "node-without-host-endpoint",
        "no-policy",
        "selects-nothing",
        "no-trailing-deny",
        "family-open",
        "protocol-open",
        "port-open",
    }
)
NODES_LIMIT = 20
"""For more nodes than this, automatic host endpoints are the better advice."""
_FIRST_ORDER = 1000
_STEP = 10
_OWN_LABEL = {"nodeward.io/host-endpoint": "node"}


def remedies(
    world: World, settings: CheckSettings, verdict: Verdict
) -> Iterator[tuple[dict[str, Json], ...]]:
    """Sets of objects that may mend *verdict*, the smallest first; none is tried out yet."""
    nodes = nodes_of(verdict)
    # A warning is about what is meant to be open, such as the health check of a balancer.
    if verdict.reason not in _REMEDIABLE or verdict.result is not Result.FAIL:
        return
    endpoints: tuple[dict[str, Json], ...] = ()
    if verdict.reason == "node-without-host-endpoint":
        if len(nodes) > NODES_LIMIT:
            return
        endpoints = tuple(host_endpoint(world, node) for node in nodes if _can_have(world, node))
        if not endpoints:
            return
        yield endpoints
    yield (*endpoints, _deny(world, verdict))
    # Where other ports are as open, a deny of one alone would only say so in another way.
    yield (*endpoints, _deny_all(world, settings))


def nodes_of(verdict: Verdict) -> tuple[str, ...]:
    """The nodes that a finding is about, by its details; () where it tells none."""
    nodes = verdict.details.get("nodes")
    return tuple(str(node) for node in nodes) if isinstance(nodes, list) else ()


def _can_have(world: World, node: str) -> bool:
    return policeable(world, node) and bool(families(world, node))


def host_endpoint(world: World, node: str) -> dict[str, Json]:
    """An endpoint for the addresses of *node* that none has, labelled as one that policy selects.

    It lists addresses and no interface, so that nothing is guessed, and has the profile that allows:
    without one it would cut off the node's own traffic.
    """
    endpoints = world.endpoints(node)
    free = [one for one in known_addresses(world, node) if endpoints.listing(one) is None]
    return {
        "apiVersion": _API_VERSION,
        "kind": "HostEndpoint",
        "metadata": {"name": f"{node}-nodeward", "labels": {**_labels(world)}},
        "spec": {
            "node": node,
            "expectedIPs": [format_ip(family, value) for family, value in free],
            "profiles": [DEFAULT_ALLOW],
        },
    }


def _labels(world: World) -> Mapping[str, str]:
    """The labels of some endpoint that a preDNAT policy selects, less what is its node's own."""
    for node in world.node_names:
        for hep in world.endpoints(node).active:
            if world.resolve(hep, Hook.PRE_DNAT, Direction.INGRESS) and not hep.automatic:
                return hep.meta.labels
    return _OWN_LABEL


def _deny(world: World, verdict: Verdict) -> dict[str, Json]:
    """A preDNAT deny of the port for every host endpoint, behind all that the default tier allows."""
    protocol = str(verdict.details["protocol"])
    ports = str(verdict.details["nodePort"]).replace(" ", "").replace("-", ":").split(",")
    numbers: list[Json] = [int(one) if one.isdigit() else one for one in ports]
    rule: Json = {"action": "Deny", "protocol": protocol, "destination": {"ports": numbers}}
    return last_guard(world, f"{protocol.lower()}-{ports[0].replace(':', '-')}", [rule])


def _deny_all(world: World, settings: CheckSettings) -> dict[str, Json]:
    """The same of every port that a Service may be given."""
    lo, hi = settings.node_port_range
    rules: list[Json] = [
        {"action": "Deny", "protocol": protocol, "destination": {"ports": [f"{lo}:{hi}"]}}
        for protocol in ("TCP", "UDP", "SCTP")
    ]
    return last_guard(world, "node-ports", rules)


def last_guard(world: World, name: str, rules: list[Json]) -> dict[str, Json]:
    """A preDNAT policy of *rules* for every host endpoint, after all that the default tier has."""
    order = _order([policy for policy in world.policies if policy.hook is Hook.PRE_DNAT])
    # Without an order it stands last by its name alone.
    full = f"nodeward-guard-{name}" if order is not None else f"zz-nodeward-guard-{name}"
    spec: dict[str, Json] = {
        **({} if order is None else {"order": whole(order)}),
        "selector": "all()",
        "preDNAT": True,
        "applyOnForward": True,
        "types": ["Ingress"],
        "ingress": rules,
    }
    return {
        "apiVersion": _API_VERSION,
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": full},
        "spec": spec,
    }


def whole(order: float) -> int | float:
    """*order* as people write it: 30 and not 30.0."""
    return int(order) if order == int(order) else order


def _order(guards: list[Policy]) -> float | None:
    orders = [policy.order for policy in guards if policy.tier == "default"]
    if any(order is None for order in orders):
        return None
    return max((order for order in orders if order is not None), default=_FIRST_ORDER) + _STEP
