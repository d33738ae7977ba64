"""A node: its interfaces, its routes, and which host endpoint governs which interface.

Semantics: "Host endpoints: which interface does a HEP govern?". Source:
felix/dataplane/linux/endpoint_mgr.go (resolveHostEndpoints, updateHostEndpoints).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from tests.reference.endpoints import WILDCARD, Endpoint
from tests.reference.overlay import tunnel_addresses
from tests.reference.packet import Address, UndecidedError
from tests.reference.policies import Raw
from tests.reference.tiers import Attached

Interface = IPv4Interface | IPv6Interface
LOOPBACK = "lo"
IPV4 = 4
_LOOPBACK_ADDRESSES = (ip_interface("127.0.0.1/8"), ip_interface("::1/128"))


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A node with what Felix and its kernel know there.

    `interfaces` holds the addresses of each interface, in order: the first has the default route.
    `tunnelled` tells the tunnel device to each pod elsewhere that needs one. `pods` are the
    workload endpoints on the node, `endpoints` the host endpoints that name it. `failure` says why
    the chains do not hold here, if they do not.
    """

    name: str
    interfaces: Mapping[str, tuple[Interface, ...]]
    addresses: tuple[Address, ...]
    tunnelled: Mapping[Address, str]
    pods: tuple[Endpoint, ...]
    endpoints: tuple[Endpoint, ...]
    attached: Mapping[Endpoint, Attached]
    felix: Raw
    failure: str
    dataplane: str

    def is_programmed(self, family: int) -> bool:
        """Has Felix chains for the family? Without ipv6Support it leaves IPv6 alone."""
        return family == IPV4 or self.felix.get("ipv6Support") is not False

    def owns(self, address: Address) -> bool:
        """Does the kernel deliver the address locally?"""
        return address.is_loopback or any(
            address == one.ip for addresses in self.interfaces.values() for one in addresses
        )

    def pod_with(self, address: Address) -> Endpoint | None:
        return next((pod for pod in self.pods if address in pod.addresses), None)

    def pod_behind(self, interface: str) -> Endpoint | None:
        return next((pod for pod in self.pods if pod.interface == interface), None)

    def route(self, destination: Address) -> str:
        """The interface that packets to the destination leave by."""
        if self.owns(destination):
            return LOOPBACK
        pod = self.pod_with(destination)
        if pod:
            return pod.interface
        if destination in self.tunnelled:
            return self.tunnelled[destination] or self._encrypted()
        for name, addresses in self.interfaces.items():
            if any(destination in one.network for one in addresses):
                return name
        return next(iter(self.interfaces))

    def _encrypted(self) -> str:
        raise UndecidedError(f"WireGuard carries what {self.name} sends to pods of other nodes")

    def interface_of(self, address: Address) -> str:
        """The interface that carries the address; that of the default route for any other."""
        for name, addresses in self.interfaces.items():
            if any(address == one.ip for one in addresses):
                return name
        return next(iter(self.interfaces))

    def source_towards(self, destination: Address) -> Address:
        """The address that the kernel gives a packet of a host process."""
        if self.owns(destination):
            return destination
        return self.address_on(self.route(destination), destination.version)

    def address_on(self, interface: str, family: int) -> Address:
        """The first address of the family on the interface, else on any."""
        own = self.interfaces.get(interface, ())
        rest = (one for addresses in self.interfaces.values() for one in addresses)
        for one in (*own, *rest):
            if one.version == family:
                return one.ip
        raise UndecidedError(f"node {self.name} has no IPv{family} address")

    def named(self, interface: str) -> Endpoint | None:
        """The host endpoint of this very interface: the smallest name among those that match."""
        if self._is_excluded(interface):
            return None
        addresses = {LOOPBACK: _LOOPBACK_ADDRESSES, **self.interfaces}.get(interface, ())
        present = {one.ip for one in addresses}
        candidates = [
            one
            for one in self.endpoints
            if one.interface == interface
            or (not one.interface and present.intersection(one.addresses))
        ]
        return min(candidates, key=lambda one: one.name.encode(), default=None)

    def _is_excluded(self, interface: str) -> bool:
        """Does interfaceExclude name the interface, in full or by a /regular expression/?"""
        entries = str(self.felix.get("interfaceExclude") or "kube-ipvs0").split(",")
        patterns = (one[1:-1] if one.startswith("/") else f"^{re.escape(one)}$" for one in entries)
        return any(re.search(pattern, interface) for pattern in patterns)

    def wildcard(self) -> Endpoint | None:
        """The node's "*" host endpoint: the smallest name."""
        candidates = [one for one in self.endpoints if one.interface == WILDCARD]
        return min(candidates, key=lambda one: one.name.encode(), default=None)

    def governing(self, interface: str) -> Endpoint | None:
        """Whose normal and forward policies hold for the interface; only "*" reaches to pods'."""
        if self.pod_behind(interface):
            return self.wildcard()
        return self.named(interface) or self.wildcard()

    def governing_before_dnat(self, interface: str) -> Endpoint | None:
        """Whose preDNAT policies hold: a named endpoint without any falls back to "*"."""
        own = None if self.pod_behind(interface) else self.named(interface)
        return own if own and self.attached[own].pre_dnat else self.wildcard()


def read_interfaces(node: Raw) -> dict[str, tuple[Interface, ...]] | None:
    """Which interface carries which address, as the annotation tells, and the tunnel devices.

    None without the annotation: no Kubernetes or Calico object holds that.
    """
    annotations = node["metadata"].get("annotations") or {}
    if "nodeward.io/interfaces" not in annotations:
        return None
    told = json.loads(annotations["nodeward.io/interfaces"])
    tunnels = {name: [address] for name, address in tunnel_addresses(annotations)}
    return {
        name: tuple(ip_interface(address) for address in addresses)
        for name, addresses in {**told, **tunnels}.items()
    }


def read_addresses(node: Raw) -> tuple[Address, ...]:
    """The InternalIPs, which other nodes dial."""
    return tuple(_listed(node, "InternalIP"))


def calico_addresses(node: Raw) -> set[Address]:
    """The one address of each family by which Felix knows the node: BGP's, internal, external.

    Source: felix/calc/dataplane_passthru.go.
    """
    annotations = node["metadata"].get("annotations") or {}
    fields = (annotations.get(f"projectcalico.org/IPv{family}Address") for family in (4, 6))
    bgp = [ip_interface(text).ip for text in fields if text]
    first: dict[int, Address] = {}
    for address in (*bgp, *_listed(node, "InternalIP"), *_listed(node, "ExternalIP")):
        first.setdefault(address.version, address)
    return {*first.values()}


def _listed(node: Raw, kind: str) -> list[Address]:
    entries = (node.get("status") or {}).get("addresses") or ()
    return [ip_address(one["address"]) for one in entries if one["type"] == kind]


def same_subnet(node: Raw, other: Raw, family: int) -> bool:
    """Are both in one subnet, by the addresses that Calico has found for routing?"""
    field = f"projectcalico.org/IPv{family}Address"
    own, others = (one["metadata"].get("annotations", {}).get(field) for one in (node, other))
    if own is None or others is None:
        return False
    return ip_interface(others).ip in ip_interface(own).network


def require_modelled(host: Host) -> None:
    """Raise UndecidedError where the chains do not tell what happens on the host."""
    if host.failure:
        raise UndecidedError(f"node {host.name}: {host.failure}")


def require_first(host: Host) -> None:
    """Raise UndecidedError where other rules of the host come first, and may let a packet by."""
    appended = str(host.felix.get("chainInsertMode", "")).lower() == "append"
    if appended and host.dataplane not in {"nftables", "bpf"}:
        raise UndecidedError(f"node {host.name}: rules before Felix's may accept")
