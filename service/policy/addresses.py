"""Which addresses a selector stands for: Felix's IP sets, as bounds where the facts do not suffice.

Source: felix/labelindex/named_port_index.go, felix/serviceindex/serviceindex.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from service.model.kinds.endpoint_slice import EndpointSlice
from service.model.kinds.namespace import Namespace
from service.model.kinds.network_set import NetworkSet
from service.model.kinds.node import Node
from service.model.selector import All, Has
from service.net.intervals import IntervalSet
from service.policy.convert import NAMESPACE, NAMESPACE_PREFIX, ORCHESTRATOR
from service.policy.selector_index import LabelIndex
from service.policy.workloads import namespace_labels, one_a_family, selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from service.model.kinds.host_endpoint import EndpointPort, HostEndpoint
    from service.model.pod_spec import ContainerPort
    from service.model.rule import ServiceMatch
    from service.model.selector import Selector
    from service.model.snapshot import Snapshot
    from service.net.prefixes import Address, Family
    from service.policy.workloads import PodGroup, PodTemplate

_POD_LABELS = {ORCHESTRATOR: "k8s"}


@dataclass(frozen=True, slots=True)
class AddressBounds:
    """A set of addresses of one family: at least ``must``, at most ``may``; ``unknown`` says why."""

    must: IntervalSet
    may: IntervalSet
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortTriple:
    """An address, protocol and port of a named port or of a Service's endpoint."""

    address: Address
    protocol: int
    port: int | None


@dataclass(frozen=True, slots=True)
class NamedPorts:
    """What a port's name stands for: surely, and perhaps besides, by labels that are not known."""

    surely: tuple[PortTriple, ...]
    perhaps: tuple[PortTriple, ...] = ()


@dataclass(frozen=True, slots=True)
class _Member:
    """Something that a rule's selector may select: its labels and its addresses.

    ``open_prefixes`` begin the names of labels that it may have besides.
    """

    labels: Mapping[str, str]
    ranges: Mapping[Family, IntervalSet]
    open_prefixes: tuple[str, ...] = ()

    def selected(self, selector: Selector) -> bool | None:
        return _selected(selector, self.labels, self.open_prefixes)


@dataclass(frozen=True, slots=True)
class _PortOwner:
    """Endpoints with the same labels, which are as above, and their ports of one name."""

    labels: Mapping[str, str]
    open_prefixes: tuple[str, ...]
    triples: tuple[PortTriple, ...]


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods of a snapshot that holds any: those alike together, and templates that no live pod is of."""

    groups: tuple[PodGroup, ...] = ()
    templates: tuple[PodTemplate, ...] = ()


class AddressBook:
    """The labelled addresses of one snapshot; answers are kept, so a selector is resolved once.

    Without any pod in the snapshot, a selector that some pod could match is known only within bounds, the
    upper one being every address that is not a node's; so it is with templates whose pods are not there.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        heps: Iterable[tuple[HostEndpoint, Mapping[str, str]]],
        *,
        pods: Pods | None = None,
    ) -> None:
        """The book of *snapshot*; *heps* come with their labels, inherited ones included.

        *pods* None says that pods are not known.
        """
        self._heps = tuple(heps)
        self._pods = pods
        namespaces = {ref.name: one for ref, one in snapshot.all(Namespace).items()}
        network_sets = snapshot.all(NetworkSet).values()
        self._members = [
            *(_Member(labels, _ranges(hep.expected_ips)) for hep, labels in self._heps),
            *(_network_set_member(one, namespaces) for one in network_sets),
            *(_pod_members(pods.groups) if pods else ()),
        ]
        self._index = LabelIndex(
            [one.labels for one in self._members],
            opened=(one.open_prefixes for one in self._members),
        )
        nodes = snapshot.all(Node).values()
        self._host_addresses = _ranges(
            (
                *(address for hep, _ in self._heps for address in hep.expected_ips),
                *(ip for node in nodes for ip in (*node.internal_ips, *node.external_ips)),
            )
        )
        self._slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        for one in snapshot.all(EndpointSlice).values():
            self._slices.setdefault((one.meta.ref.namespace, one.service), []).append(one)
        self._selected: dict[tuple[Selector, Family], AddressBounds] = {}

    def selected(self, selector: Selector, family: Family) -> AddressBounds:
        """The addresses of everything that *selector* selects, on any node.

        Once: O(members that have one of the label values that it asks for).
        """
        key = (selector, family)
        known = self._selected.get(key)
        if known is None:
            known = self._selected[key] = self._select(selector, family)
        return known

    def _select(self, selector: Selector, family: Family) -> AddressBounds:
        surely: list[IntervalSet] = []
        perhaps: list[IntervalSet] = []
        unknown: list[str] = []
        for place in self._index.candidates(selector):
            member = self._members[place]
            ranges = member.ranges.get(family)
            verdict = member.selected(selector) if ranges else False
            if ranges and verdict is not False:
                (perhaps if verdict is None else surely).append(ranges)
                if verdict is None:
                    unknown.append("the labels of a namespace or a service account are not known")
        must = IntervalSet.union_all(surely)
        if self._may_select_unknown_pods(selector):
            unknown.append(f"the addresses of pods that match {selector.canonical()} are not known")
            perhaps.append(self._not_host(family))
        return AddressBounds(
            must, IntervalSet.union_all((must, *perhaps)), tuple(dict.fromkeys(unknown))
        )

    def _may_select_unknown_pods(self, selector: Selector) -> bool:
        if self._pods is None:
            return _may_select_pods(selector)
        return any(
            _selected(selector, one.labels, one.open_prefixes) is not False
            for one in self._pods.templates
        )

    def _not_host(self, family: Family) -> IntervalSet:
        """Where a pod's address can be: anywhere but on a node, whose own pods are no endpoints."""
        hosts = self._host_addresses.get(family, IntervalSet.empty())
        return hosts.complement(0, family.max_address)

    def named_ports(self, name: str, selector: Selector | None) -> NamedPorts:
        """The ports called *name* of host endpoints and pods that *selector* selects."""
        surely: list[PortTriple] = []
        perhaps: list[PortTriple] = []
        for owner in self._port_owners.get(name, ()):
            verdict = _selected(selector, owner.labels, owner.open_prefixes)
            if verdict is not False:
                (perhaps if verdict is None else surely).extend(owner.triples)
        return NamedPorts(tuple(surely), tuple(perhaps))

    @cached_property
    def _port_owners(self) -> Mapping[str, list[_PortOwner]]:
        """What has a port of a name."""
        found: dict[str, list[_PortOwner]] = {}
        for hep, labels in self._heps:
            for name, ports in _by_name(hep.ports, hep.expected_ips).items():
                found.setdefault(name, []).append(_PortOwner(labels, (), tuple(ports)))
        for group in self._pods.groups if self._pods else ():
            triples: dict[str, list[PortTriple]] = {}
            for pod in group.pods:
                for name, ports in _by_name(pod.ports, one_a_family(pod.ips)).items():
                    triples.setdefault(name, []).extend(ports)
            for name, ports in triples.items():
                owner = _PortOwner(group.labels, group.open_prefixes, tuple(ports))
                found.setdefault(name, []).append(owner)
        return found

    def unknown_pods(self, name: str, selector: Selector | None, family: Family) -> IntervalSet:
        """The addresses that pods may have of which nothing is known, and which have a port called *name*."""
        if self._pods is None:
            may_be = selector is None or _may_select_pods(selector)
        else:
            may_be = any(
                _selected(selector, one.labels, one.open_prefixes) is not False
                for one in self._pods.templates
                if any(port.name == name for port in one.ports)
            )
        return self._not_host(family) if may_be else IntervalSet.EMPTY

    def service(self, match: ServiceMatch) -> tuple[PortTriple, ...] | None:
        """The endpoints of a Service, ready or not, from its slices; None where they are not known.

        With the cluster's pods come its slices, so that a Service without any has no endpoint. An empty namespace finds nothing, whatever the API's comment says.
        Source: felix/serviceindex/serviceindex.go; updateprocessors/rules.go.
        """
        if not match.namespace:
            return ()
        are_complete = self._pods is not None and bool(self._slices)
        slices = self._slices.get((match.namespace, match.name), [])
        if not slices and not are_complete:
            return None
        return tuple(
            PortTriple(address, port.protocol, port.port)
            for one in slices
            for port in one.ports
            for endpoint in one.endpoints
            for address in endpoint.addresses
        )


def _ranges(addresses: Iterable[Address]) -> dict[Family, IntervalSet]:
    by_family: dict[Family, list[tuple[int, int]]] = {}
    for family, value in addresses:
        by_family.setdefault(family, []).append((value, value))
    return {family: IntervalSet.of(*ranges) for family, ranges in by_family.items()}


def _network_set_member(one: NetworkSet, namespaces: Mapping[str, Namespace]) -> _Member:
    by_family: dict[Family, list[tuple[int, int]]] = {}
    for net in one.nets:
        by_family.setdefault(net.family, []).append((net.lo, net.hi))
    ranges = {family: IntervalSet.of(*nets) for family, nets in by_family.items()}
    namespace = one.meta.ref.namespace
    if not namespace:
        return _Member(one.meta.labels, ranges)
    known = namespaces.get(namespace)
    labels = {**namespace_labels(namespace, known), **one.meta.labels, NAMESPACE: namespace}
    return _Member(labels, ranges, () if known else (NAMESPACE_PREFIX,))


def _pod_members(groups: Iterable[PodGroup]) -> Iterator[_Member]:
    for group in groups:
        yield _Member(group.labels, _ranges(group.addresses()), group.open_prefixes)


def _by_name(
    ports: Iterable[EndpointPort | ContainerPort], addresses: Iterable[Address]
) -> dict[str, list[PortTriple]]:
    """The named ones of *ports* at each of *addresses*."""
    found: dict[str, list[PortTriple]] = {}
    for port in ports:
        if port.name:
            triples = (PortTriple(one, port.protocol, port.port) for one in addresses)
            found.setdefault(port.name, []).extend(triples)
    return found


def _selected(
    selector: Selector | None, labels: Mapping[str, str], open_prefixes: tuple[str, ...]
) -> bool | None:
    """Whether *selector* selects what has *labels* and perhaps more; None where the rest decides."""
    if selector is None:
        return True
    return selects(selector, labels, open_prefixes)


def _may_select_pods(selector: Selector) -> bool:
    """Whether some pod could match: each has a namespace and the orchestrator label, the rest is open."""
    namespaced = selector.rewritten(lambda leaf: All() if leaf == Has(NAMESPACE) else leaf)
    return namespaced.match_unknown(_POD_LABELS) is not False
