"""All objects of a cluster, indexed for a walk."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from tests.reference import endpoints as ends
from tests.reference import kubernetes, releases
from tests.reference.dataplane import configuration, dataplane, failure
from tests.reference.hosts import (
    Host,
    calico_addresses,
    read_addresses,
    read_interfaces,
    same_subnet,
)
from tests.reference.matching import IpSets
from tests.reference.overlay import Overlay
from tests.reference.packet import Address
from tests.reference.policies import BrokenError, PortRange, Raw, UndecodableError, policy
from tests.reference.selector import matches, parse
from tests.reference.services import Services
from tests.reference.tiers import attach

_CALICO_POLICIES = (
    "GlobalNetworkPolicy",
    "NetworkPolicy",
    "StagedGlobalNetworkPolicy",
    "StagedNetworkPolicy",
)
T = TypeVar("T")
_WIREGUARD = {4: "wireguardEnabled", 6: "wireguardEnabledV6"}
EPHEMERAL = PortRange(1024, 65535)


class World:
    """A cluster: what every node's Felix computes from the datastore, and the nodes themselves."""

    def __init__(
        self, objects: Iterable[Raw], minor: int = releases.NEWEST, plane: str = "auto"
    ) -> None:
        self._plane = plane
        self._objects = list(objects)
        self.minor = minor
        self.tiers = self.of_kind("Tier")
        self.profiles = {
            **ends.profiles(self.of_kind("Namespace"), self.of_kind("ServiceAccount")),
            **ends.own_profiles(self.of_kind("Profile")),
        }
        self.pods = {
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": pod
            for pod in self.of_kind("Pod")
        }
        self.workloads = list(ends.workloads(self.of_kind("Pod"), self.profiles))
        self.host_endpoints = list(
            _unbroken(
                lambda raw: ends.host_endpoint(raw, self.profiles), self.of_kind("HostEndpoint")
            )
        )
        self._undecodable = any(map(_cannot_be_decoded, self._policies()))
        converted = _unbroken(policy, self._policies())
        self.policies = [releases.of_release(one, minor) for one in converted]
        self.sets = IpSets(
            [*self.workloads, *self.host_endpoints],
            [
                ends.network_set(raw, self.profiles)
                for raw in (*self.of_kind("NetworkSet"), *self.of_kind("GlobalNetworkSet"))
            ],
            self.of_kind("EndpointSlice"),
        )
        self.overlay = Overlay(tuple(raw["spec"] for raw in self.of_kind("IPPool")))
        self.hosts = {node["metadata"]["name"]: self._host(node) for node in self.of_kind("Node")}
        self._calico_addresses = {
            address for node in self.of_kind("Node") for address in calico_addresses(node)
        }
        self.services = Services(
            self.of_kind("Service"),
            self.of_kind("EndpointSlice"),
            self.of_kind("Pod"),
            self._pod_nets(),
        )

    def of_kind(self, kind: str) -> list[Raw]:
        """The objects of a kind; NetworkPolicy is Calico's, KubernetesNetworkPolicy the other."""
        return [raw for raw in self._objects if _kind(raw) == kind]

    def _policies(self) -> Iterator[Raw]:
        """Every policy in Calico's form."""
        for kind in _CALICO_POLICIES:
            yield from self.of_kind(kind)
        yield from map(kubernetes.network_policy, self.of_kind("KubernetesNetworkPolicy"))
        for kind, convert in kubernetes.CLUSTER_WIDE.items():
            if releases.knows(kind, self.minor):
                yield from filter(None, map(convert, self.of_kind(kind)))

    def _host(self, node: Raw) -> Host:
        name = node["metadata"]["name"]
        pods = [one for one in self.workloads if one.node == name]
        own = [one for one in self.host_endpoints if one.node == name]
        attached = {one: attach(one, self.policies, self.tiers) for one in (*pods, *own)}
        felix = self._felix(node)
        interfaces = read_interfaces(node)
        plane = dataplane(felix, interfaces or (), self._plane)
        unknown = "" if interfaces else "which interface carries which address is not known"
        return Host(
            name=name,
            interfaces=interfaces or {},
            addresses=read_addresses(node),
            tunnelled=self._tunnelled(node, felix),
            pods=tuple(pods),
            endpoints=tuple(own),
            attached=attached,
            felix=felix,
            failure=unknown or self._stall(attached) or failure(felix, attached, plane),
            dataplane=plane,
        )

    def _stall(self, attached: Mapping[ends.Endpoint, object]) -> str:
        """A list that the client cannot read leaves in force, where anything is, what was before."""
        return "a policy cannot be decoded" if self._undecodable and attached else ""

    def _felix(self, node: Raw) -> Raw:
        raws = self.of_kind("FelixConfiguration")
        specs = {raw["metadata"]["name"]: raw.get("spec") or {} for raw in raws}
        labels = node["metadata"].get("labels") or {}
        chosen = [
            name
            for name, spec in specs.items()
            if spec.get("nodeSelector") and matches(parse(spec["nodeSelector"]), labels)
        ]
        defaults = releases.failsafes(self.minor)
        return {**defaults, **configuration(specs, node["metadata"]["name"], chosen)}

    def _tunnelled(self, node: Raw, felix: Raw) -> dict[Address, str]:
        """The tunnel device to each pod on another node that packets do not reach plainly.

        An empty name stands for WireGuard, which is not modelled.
        """
        nodes = {one["metadata"]["name"]: one for one in self.of_kind("Node")}
        found = {}
        for pod in self.workloads:
            for address in pod.addresses:
                near = same_subnet(node, nodes.get(pod.node, node), address.version)
                device = self.overlay.device_towards(address, same_subnet=near)
                encrypts = felix.get(_WIREGUARD[address.version])
                if encrypts and pod.node != node["metadata"]["name"]:
                    found[address] = ""
                elif device and pod.node != node["metadata"]["name"]:
                    found[address] = device
        return found

    def _pod_nets(self) -> list[str]:
        """What kube-proxy most likely takes for the pods' networks; it is told that elsewhere."""
        specs = [node.get("spec") or {} for node in self.of_kind("Node")]
        nets = [net for spec in specs for net in spec.get("podCIDRs") or ()]
        return nets or [pool["cidr"] for pool in self.overlay.pools]

    def host_with(self, address: Address) -> Host | None:
        """The node that carries the address, or runs the pod that has it."""
        for host in self.hosts.values():
            if not address.is_loopback and (host.owns(address) or host.pod_with(address)):
                return host
        return None

    def is_node(self, address: Address) -> bool:
        """Is it an address by which Felix knows a node?"""
        return address in self._calico_addresses

    def source_ports(self) -> list[int]:
        """One of each class of ephemeral ports that no rule tells apart."""
        named = [
            PortRange(number, number)
            for one in (*self.workloads, *self.host_endpoints)
            for _, _, number in one.ports
        ]
        ranges = [
            port
            for one in self.policies
            for rules in one.rules.values()
            for rule in rules
            for port in (*rule.source.ports, *rule.source.not_ports)
            if isinstance(port, PortRange)
        ]
        if self._names_source_ports():
            ranges += named
        starts = {EPHEMERAL.lo, *(one.lo for one in ranges), *(one.hi + 1 for one in ranges)}
        return sorted(port for port in starts if EPHEMERAL.lo <= port <= EPHEMERAL.hi)

    def _names_source_ports(self) -> bool:
        return any(
            isinstance(port, str)
            for one in self.policies
            for rules in one.rules.values()
            for rule in rules
            for port in (*rule.source.ports, *rule.source.not_ports)
        )


def _kind(raw: Raw) -> str:
    is_kubernetes = str(raw["apiVersion"]).startswith("networking.k8s.io/")
    kind = str(raw["kind"])
    return f"Kubernetes{kind}" if is_kubernetes and kind == "NetworkPolicy" else kind


def _cannot_be_decoded(raw: Raw) -> bool:
    try:
        policy(raw)
    except UndecodableError:
        return True
    except BrokenError:
        return False
    return False


def _unbroken(read: Callable[[Raw], T], raws: Iterable[Raw]) -> Iterator[T]:
    """What Felix keeps: an object that it finds broken counts as absent."""
    for raw in raws:
        with suppress(BrokenError):
            yield read(raw)
