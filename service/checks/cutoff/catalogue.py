"""The flows that a cluster needs, as data: a row each, and nothing else.

Ports: kubernetes.io/docs/reference/networking/ports-and-protocols, docs.tigera.io system requirements.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from service.checks.verdict import Severity
from service.net.prefixes import Family

if TYPE_CHECKING:
    from collections.abc import Sequence


class Who(Enum):
    """An end of a needed flow."""

    NODE = "any node"
    CONTROL_PLANE = "a node of the control plane"
    API = "where the API server is dialled"
    TYPHA = "a node that runs Typha"
    ELSEWHERE = "an address outside of the cluster"
    ITSELF = "the same node, over its loopback"
    NEIGHBOUR = "a neighbour on the link"


class Use(Enum):
    """Which fact tells that a cluster needs a flow. What is not known to be used is not asked for."""

    ALWAYS = "every cluster"
    TYPHA = "a Service, pod or slice of Typha is there"
    BGP = "an IPPool without VXLAN is there"
    VXLAN = "an IPPool with VXLAN is there"
    IPIP = "an IPPool with IPIP is there"
    WIREGUARD = "a Node has a WireGuard address"
    SEVERAL_MEMBERS = "the control plane has several nodes"
    BALANCED = "a load balancer probes the health-check port of a Service"


@dataclass(frozen=True, slots=True)
class NeededFlow:
    """A row. ``ports`` () is every port, or those that the ends bring with them (API, health checks).

    ``wrapped`` marks packets that carry others: behind untracked and preDNAT policy Calico accepts those
    of its own hosts by itself. ``icmp_types`` are for ICMPv6. ``primary`` flows use the family of a node's
    first address only.
    """

    id: str
    what: str
    sender: Who
    receiver: Who
    protocol: int
    ports: Sequence[int] = ()
    use: Use = Use.ALWAYS
    severity: Severity = Severity.CRITICAL
    families: Sequence[Family] = tuple(Family)
    wrapped: bool = False
    icmp_types: Sequence[int] = ()
    primary: bool = False


_TCP, _UDP, _IPIP, _ICMPV6 = 6, 17, 4, 58
_HIGH, _MEDIUM = Severity.HIGH, Severity.MEDIUM
_V4, _V6 = (Family.V4,), (Family.V6,)

CATALOGUE: tuple[NeededFlow, ...] = (
    NeededFlow("api", "nodes to the API server", Who.NODE, Who.API, _TCP),
    NeededFlow(
        "kubelet",
        "the API server to kubelets",
        Who.CONTROL_PLANE,
        Who.NODE,
        _TCP,
        [10250],
        primary=True,
    ),
    NeededFlow(
        "typha", "nodes to Typha", Who.NODE, Who.TYPHA, _TCP, [5473], Use.TYPHA, primary=True
    ),
    NeededFlow("bgp", "BGP between nodes", Who.NODE, Who.NODE, _TCP, [179], Use.BGP),
    NeededFlow("vxlan", "VXLAN", Who.NODE, Who.NODE, _UDP, [4789], Use.VXLAN, wrapped=True),
    NeededFlow("ipip", "IPIP", Who.NODE, Who.NODE, _IPIP, use=Use.IPIP, families=_V4, wrapped=True),
    NeededFlow(
        "wireguard",
        "WireGuard",
        Who.NODE,
        Who.NODE,
        _UDP,
        [51820],
        Use.WIREGUARD,
        families=_V4,
        wrapped=True,
    ),
    NeededFlow(
        "wireguard-v6",
        "WireGuard over IPv6",
        Who.NODE,
        Who.NODE,
        _UDP,
        [51821],
        Use.WIREGUARD,
        families=_V6,
        wrapped=True,
    ),
    NeededFlow(
        "etcd",
        "etcd between nodes of the control plane",
        Who.CONTROL_PLANE,
        Who.CONTROL_PLANE,
        _TCP,
        [2379, 2380],
        Use.SEVERAL_MEMBERS,
        primary=True,
    ),
    NeededFlow(
        "dns", "DNS over UDP", Who.NODE, Who.ELSEWHERE, _UDP, [53], severity=_HIGH, primary=True
    ),
    NeededFlow(
        "dns-tcp",
        "DNS over TCP",
        Who.NODE,
        Who.ELSEWHERE,
        _TCP,
        [53],
        severity=_MEDIUM,
        primary=True,
    ),
    NeededFlow(
        "time", "time (NTP)", Who.NODE, Who.ELSEWHERE, _UDP, [123], severity=_MEDIUM, primary=True
    ),
    NeededFlow(
        "registry", "registries", Who.NODE, Who.ELSEWHERE, _TCP, [443], severity=_HIGH, primary=True
    ),
    NeededFlow(
        "health-check",
        "health checks of a load balancer",
        Who.ELSEWHERE,
        Who.NODE,
        _TCP,
        (),
        Use.BALANCED,
        _HIGH,
        primary=True,
    ),
    NeededFlow(
        "probe-felix",
        "the probe of Felix",
        Who.NODE,
        Who.ITSELF,
        _TCP,
        [9099],
        severity=_HIGH,
        families=_V4,
    ),
    NeededFlow(
        "probe-control-plane",
        "probes of the control plane",
        Who.CONTROL_PLANE,
        Who.ITSELF,
        _TCP,
        [10257, 10259],
        severity=_HIGH,
        families=_V4,
    ),
    NeededFlow(
        "neighbours",
        "IPv6 neighbour discovery",
        Who.NEIGHBOUR,
        Who.NODE,
        _ICMPV6,
        severity=_HIGH,
        families=_V6,
        icmp_types=[135, 136],
    ),
)
