"""Which workloads Services lead to, and from how far away."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from service.checks.workload.parties import parties
from service.model.kinds.k8s_service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.checks.workload.parties import Party
    from service.policy.world import World

_OUTSIDE_TYPES = frozenset({"NodePort", "LoadBalancer"})


def behind(world: World, service: Service) -> Iterator[Party]:
    """The parties that the selector of *service* selects."""
    selector = service.selector
    if not selector:
        return
    for party in parties(world).by_namespace.get(service.meta.ref.namespace, ()):
        if selector.items() <= party.pod_labels.items():
            yield party


def is_outward(service: Service) -> bool:
    """Whether outsiders may reach *service* at a node, or at an address of its own."""
    return service.type in _OUTSIDE_TYPES or bool(service.external_ips)


def exposed(world: World) -> Mapping[Party, tuple[Service, ...]]:
    """The parties behind Services that outsiders may reach, each with those Services, in order of name."""
    if "exposed parties" not in world.memo:
        found: dict[Party, list[Service]] = {}
        services = world.snapshot.all(Service)
        for ref in sorted(services):
            if is_outward(services[ref]):
                for party in behind(world, services[ref]):
                    found.setdefault(party, []).append(services[ref])
        world.memo["exposed parties"] = {party: tuple(one) for party, one in found.items()}
    return cast("Mapping[Party, tuple[Service, ...]]", world.memo["exposed parties"])
