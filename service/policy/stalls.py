"""What stops Felix, on some nodes or on all, from programming any policy: the one in force stays as it was.

Source: measured with Calico v3.34 (felix/nftables refuses the table, and retries for ever);
libcalico-go/lib/backend/k8s/resources/list_pager.go (a list with an object that does not decode).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from service.model.kinds.felix_configuration import FelixConfiguration
from service.model.meta import Layer
from service.model.refs import CALICO_V3
from service.net.flow import PORT_PROTOCOLS
from service.policy.cause import Direction
from service.policy.facts import Facts
from service.policy.profile import Dataplane

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.errors import SourceLocation
    from service.model.meta import Decoded
    from service.model.refs import ObjectRef
    from service.model.rule import Icmp, Rule
    from service.policy.convert import Policy
    from service.policy.workloads import WorkloadEndpoint
    from service.policy.world import World


class Effect(StrEnum):
    """When programming stops."""

    AT_ONCE = "at once"
    AT_RESTART = "at the next restart of Felix"


@dataclass(frozen=True, slots=True)
class Stall:
    """An object that stops Felix on *nodes*, None for every node; ``message`` says how.

    ``is_sure`` is False where it is not known whether the nodes run in nftables mode, or whether Calico's
    client reads the list that the object is in.
    """

    ref: ObjectRef
    effect: Effect
    message: str
    location: SourceLocation
    nodes: frozenset[str] | None = None
    is_sure: bool = True

    def holds_on(self, node: str) -> bool:
        """Whether *node* is one of those that it stops."""
        return self.nodes is None or node in self.nodes


_NFTABLES = frozenset({Dataplane.NFTABLES, Dataplane.AUTO})


def stalls(world: World) -> tuple[Stall, ...]:
    """Everything that stops programming somewhere, the undecodable first. O(policies), once a world."""
    if __name__ not in world.memo:
        refused = _refused_by_nftables(world, _refusing(world))
        found = (*_undecodable(world), *refused, *_rejecting(world))
        world.memo[__name__] = found
    return cast("tuple[Stall, ...]", world.memo[__name__])


def stalls_by(world: World, ref: ObjectRef) -> tuple[Stall, ...]:
    """Those of `stalls` that the object under *ref* brings by itself: what it says, not what it configures.

    O(nodes) for a policy that nftables refuses, else O(1).
    """
    decoded = world.snapshot.find(ref)
    policy = world.find_policy(ref)
    return (
        *_not_decoding(world, (decoded,) if decoded else ()),
        *(_refused_by_nftables(world, (policy,)) if policy else ()),
    )


def stalled(world: World, node: str) -> tuple[str, ...]:
    """Why it is not known which policy is in force on *node*; () where what is written is."""
    return tuple(
        f"what is in force on {node} is not known: {one.message}"
        for one in stalls(world)
        if one.effect is Effect.AT_ONCE and one.holds_on(node)
    )


def _undecodable(world: World) -> Iterator[Stall]:
    return _not_decoding(world, world.snapshot.problems())


def _not_decoding(world: World, objects: Iterable[Decoded[object]]) -> Iterator[Stall]:
    """Those of *objects* that an API server takes and Calico's client does not, nor perhaps their list."""
    snapshot = world.snapshot
    for decoded in objects:
        layers = {problem.layer for problem in decoded.problems}
        is_stored = Layer.SCHEMA not in layers and snapshot.find(decoded.ref) is decoded
        if decoded.ref.group != CALICO_V3 or Layer.DECODE not in layers or not is_stored:
            continue
        where = next(one.location for one in decoded.problems if one.layer is Layer.DECODE)
        message = f"Calico cannot decode {decoded.ref}, nor perhaps any of its kind"
        yield Stall(decoded.ref, Effect.AT_ONCE, message, where, None, is_sure=False)


def _refusing(world: World) -> tuple[Policy, ...]:
    """The policies with a rule that nft does not take. O(policies), once for all that share them."""
    known = world.facts(Facts.WRITTEN)
    if __name__ not in known:
        known[__name__] = tuple(one for one in world.policies if any(True for _ in _refusals(one)))
    return cast("tuple[Policy, ...]", known[__name__])


def _refused_by_nftables(world: World, policies: Iterable[Policy]) -> Iterator[Stall]:
    for policy in policies:
        for effect, why, rule in _refusals(policy):
            nodes = frozenset(_active_on(world, policy))
            surely = {one for one in nodes if world.felix(one).dataplane is Dataplane.NFTABLES}
            if nodes:
                where = policy.meta.location.at(rule.pointer)
                message = f"{policy.meta.ref} {why}"
                yield Stall(policy.meta.ref, effect, message, where, nodes, surely == nodes)
            break


def _refusals(policy: Policy) -> Iterator[tuple[Effect, str, Rule]]:
    """The rules of *policy* that nft does not take, those first that stop Felix at once."""
    rules = [rule.rule for direction in Direction for rule in policy.rules(direction)]
    for rule in rules:
        if _has_code(rule.icmp) or _has_code(rule.not_icmp):
            yield Effect.AT_ONCE, "has an ICMP type with a code, which nft refuses", rule
    for rule in rules:
        if rule.destination.services and rule.protocol not in {None, *PORT_PROTOCOLS}:
            why = "has destination.services with a protocol without ports, which nft cannot list again"
            yield Effect.AT_RESTART, why, rule


def _has_code(icmp: Icmp | None) -> bool:
    return icmp is not None and icmp.type is not None and icmp.code is not None


def _active_on(world: World, policy: Policy) -> Iterator[str]:
    """The nodes, perhaps in nftables mode, with an endpoint that *policy* selects."""
    for node in world.node_names:
        if world.felix(node).dataplane in _NFTABLES and _selects_on(world, node, policy):
            yield node


def _selects_on(world: World, node: str, policy: Policy) -> bool:
    heps = world.endpoints(node).active
    return any(policy.selects(world.labels(hep)) for hep in heps) or any(
        policy.selects(dict(pod.labels)) for pod in _pods_of(world).get(node, ())
    )


def _rejecting(world: World) -> Iterator[Stall]:
    """The configurations that let nftables reject where host endpoints are, each with its nodes."""
    configurations = world.snapshot.all(FelixConfiguration)
    rejecting = {ref: one for ref, one in configurations.items() if _rejects(one)}
    for ref, one in sorted(rejecting.items()):
        nodes = frozenset(_rejecting_nodes(world, one, rejecting.values()))
        if nodes:
            surely = {node for node in nodes if world.felix(node).dataplane is Dataplane.NFTABLES}
            why = (
                f"{ref} has nftablesFilterDenyAction Reject, which nft refuses with host endpoints"
            )
            where = one.meta.location.at("/spec/nftablesFilterDenyAction")
            yield Stall(ref, Effect.AT_ONCE, why, where, nodes, surely == nodes)


def _rejects(configuration: FelixConfiguration) -> bool:
    return configuration.nftables_filter_deny_action.lower() == "reject"


def _rejecting_nodes(
    world: World, one: FelixConfiguration, others: Iterable[FelixConfiguration]
) -> Iterator[str]:
    for node in world.node_names:
        view = world.felix(node)
        if not (view.nft_rejects and view.dataplane in _NFTABLES and world.endpoints(node).active):
            continue
        own = [other for other in others if other.meta.ref.name == f"node.{node}"]
        if one in (own or others):
            yield node


def _pods_of(world: World) -> Mapping[str, list[WorkloadEndpoint]]:
    key = (__name__, "pods")
    if key not in world.memo:
        found: dict[str, list[WorkloadEndpoint]] = {}
        for pod in world.workloads.values():
            found.setdefault(pod.node, []).append(pod)
        world.memo[key] = found
    return cast("Mapping[str, list[WorkloadEndpoint]]", world.memo[key])
