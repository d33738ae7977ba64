"""The trace format's input: where a flow starts, and the packet that it sends.

The format is the trace command's own, not Calico's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeVar

from tests.reference.choices import Choices
from tests.reference.endpoints import is_host_networked, pod_addresses
from tests.reference.hosts import Host
from tests.reference.packet import (
    WITH_PORTS,
    Address,
    Packet,
    UndecidedError,
    protocol_number,
)
from tests.reference.policies import Raw
from tests.reference.world import World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Start:
    """Where the packet first meets a hook: on an interface, or in a host process (no interface)."""

    host: Host
    interface: str | None
    packet: Packet


def start(flow: Raw, world: World, choices: Choices) -> Start:
    """The start of a flow. Raises UndecidedError for one that these objects cannot place."""
    destination = _destination(flow, world)
    host, interface, source = _origin(flow, destination, world)
    return Start(
        host, interface, _packet(flow, source, destination, _source_port(flow, world, choices))
    )


def _origin(flow: Raw, destination: Address, world: World) -> tuple[Host, str | None, Address]:
    """The node, the interface by which the packet enters it, and the source address."""
    sender = flow["from"]
    if "ip" in sender:
        return *_entry(flow, destination, world), ip_address(sender["ip"])
    pod = _known(world.pods, sender["pod"]) if "pod" in sender else None
    host = _known(world.hosts, pod["spec"].get("nodeName", "") if pod else sender["node"])
    if pod is None or is_host_networked(pod):
        return host, None, host.source_towards(destination)
    source = _of_family(pod_addresses(pod), [destination.version])
    return host, _interface_of(source, host), source


def _interface_of(pod: Address, host: Host) -> str:
    found = host.pod_with(pod)
    if found is None:
        raise UndecidedError(f"{pod} is no running pod's address")
    return found.interface


def _entry(flow: Raw, destination: Address, world: World) -> tuple[Host, str]:
    """The node and interface that an outside packet comes in by."""
    via = flow.get("via")
    if via:
        return _known(world.hosts, via["node"]), via["interface"]
    host = world.host_with(destination)
    if host is None:
        raise UndecidedError(f"where packets for {destination} enter the cluster is not said")
    return host, host.interface_of(destination)


def _destination(flow: Raw, world: World) -> Address:
    """The address that is dialled."""
    target = flow["to"]
    if "ip" in target:
        return ip_address(target["ip"])
    families = _families(flow)
    if "pod" in target:
        return _of_family(pod_addresses(_known(world.pods, target["pod"])), families)
    if "node" in target:
        return _of_family(_known(world.hosts, target["node"]).addresses, families)
    if target["as"] == "nodePort":
        node = flow.get("via", {}).get("node", "")
        return _of_family(_known(world.hosts, node).addresses, families)
    return _of_family(world.services.addresses_of(target["service"], target["as"]), families)


def _families(flow: Raw) -> list[int]:
    """The families that the flow may have, the preferred one first."""
    if "family" in flow:
        return [flow["family"]]
    return [ip_address(flow["from"]["ip"]).version] if "ip" in flow["from"] else [4, 6]


def _of_family(addresses: Iterable[Address], families: list[int]) -> Address:
    fitting = [address for address in addresses if address.version in families]
    if not fitting:
        raise UndecidedError(f"no address of IPv{families[0]}")
    return min(fitting, key=lambda address: families.index(address.version))


def _known(table: Mapping[str, T], name: str) -> T:
    if name not in table:
        raise UndecidedError(f"no object {name!r}")
    return table[name]


def _source_port(flow: Raw, world: World, choices: Choices) -> int:
    """The port that the flow says, else any that a client may get; 0 where there are no ports."""
    if protocol_number(flow["protocol"]) not in WITH_PORTS:
        return 0
    return int(flow["src_port"]) if "src_port" in flow else choices.of(world.source_ports())


def _packet(flow: Raw, source: Address, destination: Address, port: int) -> Packet:
    icmp = flow.get("icmp")
    return Packet(
        src=source,
        dst=destination,
        protocol=protocol_number(flow["protocol"]),
        src_port=port,
        dst_port=flow.get("port", 0),
        icmp=(icmp["type"], icmp.get("code", 0)) if icmp else None,
        established=flow.get("established", False),
    )
