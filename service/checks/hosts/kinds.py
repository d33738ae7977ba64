"""Endpoints in classes that no policy can tell apart, so that a check costs what the classes cost."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, cast

from service.model.selector import AbsentLabels, All, Has
from service.policy.convert import (
    NAMESPACE,
    NAMESPACE_PREFIX,
    ORCHESTRATOR,
    SERVICE_ACCOUNT,
    SERVICE_ACCOUNT_PREFIX,
)
from service.policy.workloads import pod_templates, selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.model.kinds.host_endpoint import HostEndpoint
    from service.model.selector import Selector
    from service.policy.convert import Policy
    from service.policy.workloads import PodTemplate, WorkloadEndpoint
    from service.policy.world import World

Labels = frozenset[tuple[str, str]]

NO_HOST_HAS = AbsentLabels(
    frozenset({NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT}),
    (NAMESPACE_PREFIX, SERVICE_ACCOUNT_PREFIX),
)
"""The labels that mark pods and what lives in namespaces."""


def host_classes(world: World) -> Mapping[Labels, tuple[HostEndpoint, ...]]:
    """Every host endpoint, by the labels that policy can tell endpoints apart by."""
    if "host classes" not in world.memo:
        found: defaultdict[Labels, list[HostEndpoint]] = defaultdict(list)
        for hep in sorted(world.heps, key=lambda one: one.meta.ref):
            found[world.label_class(hep)].append(hep)
        world.memo["host classes"] = {labels: tuple(heps) for labels, heps in found.items()}
    return cast("Mapping[Labels, tuple[HostEndpoint, ...]]", world.memo["host classes"])


def selected_hosts(world: World, policy: Policy) -> tuple[HostEndpoint, ...]:
    """The host endpoints that *policy* selects. O(classes)."""
    return tuple(
        hep
        for labels, heps in host_classes(world).items()
        if policy.selects(dict(labels))
        for hep in heps
    )


def may_select_pods(world: World, policy: Policy) -> bool:
    """Whether *policy* may select a pod: one that is there, is made by a template, or is not known."""
    selector = policy.applies_to
    if selector is None:
        return True
    if not world.knows_pods:
        return _may_match_a_pod(selector)
    return any(
        selects(selector, labels, open_prefixes) is not False
        for labels, open_prefixes in _pods_near(world, selector)
    )


def may_select_hosts(policy: Policy) -> bool:
    """Whether some host endpoint could be selected, with whatever labels it might have."""
    if policy.applies_to is None:
        return True
    return policy.applies_to.match_unknown({}, NO_HOST_HAS) is not False


def _may_match_a_pod(selector: Selector) -> bool:
    namespaced = selector.rewritten(lambda leaf: All() if leaf == Has(NAMESPACE) else leaf)
    return namespaced.match_unknown({ORCHESTRATOR: "k8s"}) is not False


_PodLabels = tuple["Mapping[str, str]", tuple[str, ...]]


def _pods_near(world: World, selector: Selector) -> Iterable[_PodLabels]:
    """The kinds of pods in the namespaces that *selector* names, or in all where it names none."""
    by_namespace = _pods_by_namespace(world)
    restriction = selector.restrictions().get(NAMESPACE)
    names = restriction.must_have_one_of_values if restriction else None
    for name in by_namespace if names is None else sorted(names):
        yield from by_namespace.get(name, ())


def _pods_by_namespace(world: World) -> Mapping[str, tuple[_PodLabels, ...]]:
    if "kinds of pods" not in world.memo:
        found: defaultdict[str, dict[object, _PodLabels]] = defaultdict(dict)
        pods: Iterable[WorkloadEndpoint | PodTemplate] = chain(
            world.workloads.values(), pod_templates(world.snapshot)
        )
        for one in pods:
            alike = (frozenset(one.labels.items()), one.open_prefixes)
            found[one.labels[NAMESPACE]][alike] = (one.labels, one.open_prefixes)
        world.memo["kinds of pods"] = {name: tuple(kinds.values()) for name, kinds in found.items()}
    return cast("Mapping[str, tuple[_PodLabels, ...]]", world.memo["kinds of pods"])
