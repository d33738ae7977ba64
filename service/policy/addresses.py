"""Which addresses a selector stands for: Felix's IP sets, as bounds where the facts do not suffice.

Source: felix/labelindex/named_port_index.go, felix/serviceindex/serviceindex.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.model.selector import All, Has
from service.net.intervals import IntervalSet
from service.policy.convert import NAMESPACE, NAMESPACE_PREFIX, ORCHESTRATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.model.kinds.endpoint_slice import EndpointSlice
    from service.model.kinds.host_endpoint import HostEndpoint
    from service.model.kinds.namespace import Namespace
    from service.model.kinds.network_set import NetworkSet
    from service.model.kinds.node import Node
    from service.model.rule import ServiceMatch
    from service.model.selector import Selector
    from service.net.prefixes import Address, Family

_POD_LABELS = {ORCHESTRATOR: "k8s"}
_NAMESPACE_NAME_LABELS = ("projectcalico.org/name", "kubernetes.io/metadata.name")


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
class _Member:
    """Something that a rule's selector may select: its labels and its addresses.

    ``open_prefix`` is the prefix of the labels that it may have besides; "" for none.
    """

    labels: Mapping[str, str]
    ranges: Mapping[Family, IntervalSet]
    open_prefix: str = ""

    def selected(self, selector: Selector) -> bool | None:
        if not self.open_prefix:
            return selector.matches(self.labels)
        absent = {
            name
            for name in selector.labels()
            if name not in self.labels and not name.startswith(self.open_prefix)
        }
        return selector.match_unknown(self.labels, absent)


class AddressBook:
    """The labelled addresses of one snapshot; answers are kept, so a selector is resolved once.

    Pods are not modelled yet: a selector that some pod could match is known only within bounds, the
    upper one being every address that is not a node's.
    """

    def __init__(
        self,
        *,
        heps: Iterable[tuple[HostEndpoint, Mapping[str, str]]],
        network_sets: Iterable[NetworkSet],
        namespaces: Mapping[str, Namespace],
        nodes: Iterable[Node],
        slices: Iterable[EndpointSlice],
    ) -> None:
        """The book of these objects; *heps* come with their labels, inherited ones included."""
        self._heps = tuple(heps)
        self._members = [
            *(_Member(labels, _ranges(hep.expected_ips)) for hep, labels in self._heps),
            *(_network_set_member(one, namespaces) for one in network_sets),
        ]
        self._host_addresses = _ranges(
            (
                *(address for hep, _ in self._heps for address in hep.expected_ips),
                *(ip for node in nodes for ip in (*node.internal_ips, *node.external_ips)),
            )
        )
        self._slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        for one in slices:
            self._slices.setdefault((one.meta.ref.namespace, one.service), []).append(one)
        self._selected: dict[tuple[Selector, Family], AddressBounds] = {}

    def selected(self, selector: Selector, family: Family) -> AddressBounds:
        """The addresses of everything that *selector* selects, on any node. O(members), once."""
        key = (selector, family)
        known = self._selected.get(key)
        if known is None:
            known = self._selected[key] = self._select(selector, family)
        return known

    def _select(self, selector: Selector, family: Family) -> AddressBounds:
        surely: list[IntervalSet] = []
        perhaps: list[IntervalSet] = []
        unknown: list[str] = []
        for member in self._members:
            ranges = member.ranges.get(family)
            verdict = member.selected(selector) if ranges else False
            if ranges and verdict is not False:
                (perhaps if verdict is None else surely).append(ranges)
                if verdict is None:
                    unknown.append("the labels of a network set's namespace are not known")
        must = IntervalSet.union_all(surely)
        if _may_select_pods(selector):
            unknown.append(f"the addresses of pods that match {selector.canonical()} are not known")
            perhaps.append(self._not_host(family))
        return AddressBounds(
            must, IntervalSet.union_all((must, *perhaps)), tuple(dict.fromkeys(unknown))
        )

    def _not_host(self, family: Family) -> IntervalSet:
        """Where a pod's address can be: anywhere but on a node, whose own pods are no endpoints."""
        hosts = self._host_addresses.get(family, IntervalSet.empty())
        return hosts.complement(0, family.max_address)

    def named_ports(self, name: str, selector: Selector | None) -> tuple[PortTriple, ...]:
        """The host endpoints' ports called *name*, of those that *selector* selects."""
        return tuple(
            PortTriple(address, port.protocol, port.port)
            for hep, labels in self._heps
            for port in hep.ports
            if port.name == name and (selector is None or selector.matches(labels))
            for address in hep.expected_ips
        )

    def pods_with(self, selector: Selector | None, family: Family) -> IntervalSet:
        """The addresses that pods selected by *selector* may have."""
        if selector is None or _may_select_pods(selector):
            return self._not_host(family)
        return IntervalSet.empty()

    def service(self, match: ServiceMatch) -> tuple[PortTriple, ...] | None:
        """The endpoints of a Service, ready or not, from its slices; None where no slice is known.

        An empty namespace finds nothing, whatever the API's comment says.
        Source: felix/serviceindex/serviceindex.go; updateprocessors/rules.go.
        """
        if not match.namespace:
            return ()
        slices = self._slices.get((match.namespace, match.name))
        if slices is None:
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
    return _Member(labels, ranges, open_prefix="" if known else NAMESPACE_PREFIX)


def namespace_labels(name: str, namespace: Namespace | None) -> dict[str, str]:
    """The labels that whatever lives in a namespace inherits; those of its name need no object.

    Source: libcalico-go/lib/backend/k8s/conversion/conversion.go NamespaceToProfile.
    """
    own = namespace.meta.labels if namespace else {}
    return {
        **{f"{NAMESPACE_PREFIX}{label}": name for label in _NAMESPACE_NAME_LABELS},
        **{f"{NAMESPACE_PREFIX}{label}": value for label, value in own.items()},
    }


def _may_select_pods(selector: Selector) -> bool:
    """Whether some pod could match: each has a namespace and the orchestrator label, the rest is open."""
    namespaced = selector.rewritten(lambda leaf: All() if leaf == Has(NAMESPACE) else leaf)
    return namespaced.match_unknown(_POD_LABELS) is not False
