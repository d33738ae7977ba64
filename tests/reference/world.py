"""All objects of a cluster, indexed for a walk."""

from collections.abc import Iterable
from ipaddress import ip_network

from tests.reference import endpoints as ends
from tests.reference import kubernetes
from tests.reference.hosts import Host, read_addresses, read_interfaces
from tests.reference.matching import IpSets
from tests.reference.packet import Address
from tests.reference.policies import BrokenError, Policy, PortRange, Raw, policy
from tests.reference.services import Services
from tests.reference.tiers import attach

_CALICO_POLICIES = (
    "GlobalNetworkPolicy",
    "NetworkPolicy",
    "StagedGlobalNetworkPolicy",
    "StagedNetworkPolicy",
)
EPHEMERAL = PortRange(1024, 65535)


class World:
    """A cluster: what every node's Felix computes from the datastore, and the nodes themselves."""

    def __init__(self, objects: Iterable[Raw]) -> None:
        self._objects = list(objects)
        self.tiers = self.of_kind("Tier")
        self.profiles = ends.profiles(self.of_kind("Namespace"), self.of_kind("ServiceAccount"))
        self.pods = {
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": pod
            for pod in self.of_kind("Pod")
        }
        self.workloads = list(ends.workloads(self.of_kind("Pod"), self.profiles))
        self.host_endpoints = [
            ends.host_endpoint(raw, self.profiles) for raw in self.of_kind("HostEndpoint")
        ]
        self.policies = list(self._policies())
        self.sets = IpSets(
            [*self.workloads, *self.host_endpoints],
            [
                ends.network_set(raw, self.profiles)
                for raw in (*self.of_kind("NetworkSet"), *self.of_kind("GlobalNetworkSet"))
            ],
            self.of_kind("EndpointSlice"),
        )
        self.hosts = {node["metadata"]["name"]: self._host(node) for node in self.of_kind("Node")}
        self.services = Services(
            self.of_kind("Service"),
            self.of_kind("EndpointSlice"),
            self.of_kind("Pod"),
            [net for node in self.of_kind("Node") for net in node["spec"].get("podCIDRs") or ()],
        )
        self.pools = [raw["spec"] for raw in self.of_kind("IPPool")]

    def of_kind(self, kind: str) -> list[Raw]:
        """The objects of a kind; NetworkPolicy is Calico's, KubernetesNetworkPolicy the other."""
        return [raw for raw in self._objects if _kind(raw) == kind]

    def _policies(self) -> Iterable[Policy]:
        """Every policy in Calico's form but those that Felix discards."""
        raws = [raw for kind in _CALICO_POLICIES for raw in self.of_kind(kind)]
        raws += map(kubernetes.network_policy, self.of_kind("KubernetesNetworkPolicy"))
        raws += filter(
            None, map(kubernetes.cluster_network_policy, self.of_kind("ClusterNetworkPolicy"))
        )
        for raw in raws:
            try:
                yield policy(raw)
            except BrokenError:
                continue

    def _host(self, node: Raw) -> Host:
        name = node["metadata"]["name"]
        pods = [one for one in self.workloads if one.node == name]
        own = [one for one in self.host_endpoints if one.node == name]
        return Host(
            name=name,
            interfaces=read_interfaces(node),
            addresses=read_addresses(node),
            pods=tuple(pods),
            endpoints=tuple(own),
            attached={one: attach(one, self.policies, self.tiers) for one in (*pods, *own)},
            felix=self._felix(node),
        )

    def _felix(self, node: Raw) -> Raw:
        """The node's FelixConfiguration: its own, over one chosen by selector, over default."""
        specs = {
            raw["metadata"]["name"]: raw.get("spec") or {}
            for raw in self.of_kind("FelixConfiguration")
        }
        own = f"node.{node['metadata']['name']}"
        return {**specs.get("default", {}), **specs.get(own, {})}

    def host_with(self, address: Address) -> Host | None:
        """The node that carries the address, or runs the pod that has it."""
        for host in self.hosts.values():
            if not address.is_loopback and (host.owns(address) or host.pod_with(address)):
                return host
        return None

    def is_in_pool(self, address: Address, pools: Iterable[Raw]) -> bool:
        return any(address in ip_network(pool["cidr"]) for pool in pools)

    def source_ports(self) -> list[int]:
        """One of each class of ephemeral ports that no rule tells apart."""
        ranges = [
            port
            for one in self.policies
            for rules in one.rules.values()
            for rule in rules
            for port in (*rule.source.ports, *rule.source.not_ports)
            if isinstance(port, PortRange)
        ]
        starts = {EPHEMERAL.lo, *(one.lo for one in ranges), *(one.hi + 1 for one in ranges)}
        return sorted(port for port in starts if EPHEMERAL.lo <= port <= EPHEMERAL.hi)


def _kind(raw: Raw) -> str:
    is_kubernetes = str(raw["apiVersion"]).startswith("networking.k8s.io/")
    kind = str(raw["kind"])
    return f"Kubernetes{kind}" if is_kubernetes and kind == "NetworkPolicy" else kind
